// Structures of sockets: addresses, messages, options. Ports are in network byte order.

import { array, be16, chars, i32, ptr, struct, u8, u16, u32, u64 } from "./struct.ts";

export const sockaddr_un = struct("struct sockaddr_un", "linux/un.h", {
  sun_family: u16,
  sun_path: chars(108),
});

export const sockaddr_in = struct(
  "struct sockaddr_in",
  "linux/in.h",
  { sin_family: u16, sin_port: be16, sin_addr: array(u8, 4) },
  { size: 16 },
);

export const sockaddr_in6 = struct("struct sockaddr_in6", "linux/in6.h", {
  sin6_family: u16,
  sin6_port: be16,
  sin6_flowinfo: u32,
  sin6_addr: array(u8, 16),
  sin6_scope_id: u32,
});

export const sockaddr_nl = struct("struct sockaddr_nl", "linux/netlink.h", {
  nl_family: u16,
  nl_pad: u16,
  nl_pid: u32,
  nl_groups: u32,
});

export const sockaddr_ll = struct("struct sockaddr_ll", "linux/if_packet.h", {
  sll_family: u16,
  sll_protocol: be16,
  sll_ifindex: i32,
  sll_hatype: u16,
  sll_pkttype: u8,
  sll_halen: u8,
  sll_addr: array(u8, 8),
});

export const msghdr = struct("struct msghdr", "sys/socket.h", {
  msg_name: ptr,
  msg_namelen: i32,
  msg_iov: ptr,
  msg_iovlen: u64,
  msg_control: ptr,
  msg_controllen: u64,
  msg_flags: i32,
});

export const mmsghdr = struct("struct mmsghdr", "sys/socket.h", { msg_hdr: msghdr, msg_len: u32 });

/** The head of a control message; the data follows, aligned to 8. */
export const cmsghdr = struct("struct cmsghdr", "sys/socket.h", {
  cmsg_len: u64,
  cmsg_level: i32,
  cmsg_type: i32,
});

export const ucred = struct("struct ucred", "sys/socket.h", { pid: i32, uid: u32, gid: u32 });

export const linger = struct("struct linger", "sys/socket.h", { l_onoff: i32, l_linger: i32 });
