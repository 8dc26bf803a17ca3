// System calls that the network subsystem serves (AF_UNIX and AF_NETLINK sockets are its too).
// Calls on a socket are routed by its descriptor. Columns: support level, number, name, arguments.

import * as a from "./arguments.ts";
import { full, ownedBy, part } from "./call.ts";

// biome-ignore format: a table
export const NET_CALLS = ownedBy("net", [
  part(41, "socket", [a.choice("domain", "addressFamily"), a.flags("type", "socketType"), a.int("protocol")], { note: "AF_UNIX, AF_NETLINK" }),
  full(42, "connect", [a.file, a.sockaddr("addr", "addrlen"), a.int("addrlen")]),
  full(43, "accept", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  full(44, "sendto", [a.file, a.bulk("buf", "len"), a.size("len"), a.flags("flags", "msg"), a.sockaddr("dest_addr", "addrlen"), a.int("addrlen")]),
  full(45, "recvfrom", [a.file, a.outBytes("buf", "len"), a.size("len"), a.flags("flags", "msg"), a.outSockaddr("src_addr"), a.update("addrlen", "i32")]),
  full(46, "sendmsg", [a.file, a.input("msg", "msghdr"), a.flags("flags", "msg")]),
  full(47, "recvmsg", [a.file, a.update("msg", "msghdr"), a.flags("flags", "msg")]),
  full(48, "shutdown", [a.file, a.choice("how", "shutdown")]),
  full(49, "bind", [a.file, a.sockaddr("addr", "addrlen"), a.int("addrlen")]),
  full(50, "listen", [a.file, a.int("backlog")]),
  full(51, "getsockname", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  full(52, "getpeername", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  part(53, "socketpair", [a.choice("domain", "addressFamily"), a.flags("type", "socketType"), a.int("protocol"), a.outList("sv", "i32", 2)], { note: "AF_UNIX" }),
  full(54, "setsockopt", [a.file, a.choice("level", "socketLevel"), a.int("optname"), a.bytes("optval", "optlen"), a.int("optlen")]),
  full(55, "getsockopt", [a.file, a.choice("level", "socketLevel"), a.int("optname"), a.addr("optval"), a.update("optlen", "i32")]),
  full(288, "accept4", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32"), a.flags("flags", "socketFlags")]),
  full(299, "recvmmsg", [a.file, a.updateList("msgvec", "mmsghdr", "vlen"), a.uint("vlen"), a.flags("flags", "msg"), a.update("timeout", "timespec")]),
  full(307, "sendmmsg", [a.file, a.updateList("msgvec", "mmsghdr", "vlen"), a.uint("vlen"), a.flags("flags", "msg")]),
]);
