// System calls that the network subsystem serves (AF_UNIX and AF_NETLINK sockets are its too).
// Calls on a socket are routed by its descriptor. Columns: support level, number, name, arguments.

import * as a from "./arguments.ts";
import { none, ownedBy } from "./call.ts";

// biome-ignore format: a table
export const NET_CALLS = ownedBy("net", [
  none(41, "socket", [a.choice("domain", "addressFamily"), a.flags("type", "socketType"), a.int("protocol")]),
  none(42, "connect", [a.file, a.sockaddr("addr", "addrlen"), a.int("addrlen")]),
  none(43, "accept", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  none(44, "sendto", [a.file, a.bytes("buf", "len"), a.size("len"), a.flags("flags", "msg"), a.sockaddr("dest_addr", "addrlen"), a.int("addrlen")]),
  none(45, "recvfrom", [a.file, a.outBytes("buf", "len"), a.size("len"), a.flags("flags", "msg"), a.outSockaddr("src_addr"), a.update("addrlen", "i32")]),
  none(46, "sendmsg", [a.file, a.input("msg", "msghdr"), a.flags("flags", "msg")]),
  none(47, "recvmsg", [a.file, a.update("msg", "msghdr"), a.flags("flags", "msg")]),
  none(48, "shutdown", [a.file, a.choice("how", "shutdown")]),
  none(49, "bind", [a.file, a.sockaddr("addr", "addrlen"), a.int("addrlen")]),
  none(50, "listen", [a.file, a.int("backlog")]),
  none(51, "getsockname", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  none(52, "getpeername", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32")]),
  none(53, "socketpair", [a.choice("domain", "addressFamily"), a.flags("type", "socketType"), a.int("protocol"), a.outList("sv", "i32", 2)]),
  none(54, "setsockopt", [a.file, a.choice("level", "socketLevel"), a.int("optname"), a.bytes("optval", "optlen"), a.int("optlen")]),
  none(55, "getsockopt", [a.file, a.choice("level", "socketLevel"), a.int("optname"), a.addr("optval"), a.update("optlen", "i32")]),
  none(288, "accept4", [a.file, a.outSockaddr("addr"), a.update("addrlen", "i32"), a.flags("flags", "socketFlags")]),
  none(299, "recvmmsg", [a.file, a.updateList("msgvec", "mmsghdr", "vlen"), a.uint("vlen"), a.flags("flags", "msg"), a.update("timeout", "timespec")]),
  none(307, "sendmmsg", [a.file, a.updateList("msgvec", "mmsghdr", "vlen"), a.uint("vlen"), a.flags("flags", "msg")]),
]);
