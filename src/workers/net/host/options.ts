// Options of host sockets. Those in the table are the host's to keep, to judge and to tell; none of them has an address of
// memory in its value, none reads what stands where its value is to go (IP_MSFILTER), and none brings code or another
// protocol into the socket. What a call here does by itself (time-outs, SO_LINGER) stays with it, and all else is not there.

import { EINVAL, ENOPROTOOPT } from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import * as T from "../../../shared/abi/tcp.ts";
import type { NetCaller } from "../caller.ts";
import { getOption, INT, int, setOption } from "../option_table.ts";
import { SOCKET_LEVEL, SocketOptions } from "../options.ts";
import { CAN_READ } from "../socket.ts";
import type { HostSocket } from "./host_socket.ts";

const MCAST_GROUPS = [
  I.MCAST_JOIN_GROUP,
  I.MCAST_BLOCK_SOURCE,
  I.MCAST_UNBLOCK_SOURCE,
  I.MCAST_LEAVE_GROUP,
  I.MCAST_JOIN_SOURCE_GROUP,
  I.MCAST_LEAVE_SOURCE_GROUP,
];

const PASSED: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [
    S.SOL_SOCKET,
    new Set([
      S.SO_REUSEADDR,
      S.SO_ERROR,
      S.SO_DONTROUTE,
      S.SO_BROADCAST,
      S.SO_SNDBUF,
      S.SO_RCVBUF,
      S.SO_SNDBUFFORCE,
      S.SO_RCVBUFFORCE,
      S.SO_KEEPALIVE,
      S.SO_OOBINLINE,
      S.SO_NO_CHECK,
      S.SO_PRIORITY,
      S.SO_REUSEPORT,
      S.SO_RCVLOWAT,
      S.SO_SNDLOWAT,
      S.SO_BINDTODEVICE,
      S.SO_TIMESTAMP_OLD,
      S.SO_TIMESTAMP_NEW,
      S.SO_TIMESTAMPNS_OLD,
      S.SO_TIMESTAMPNS_NEW,
      S.SO_TIMESTAMPING_OLD,
      S.SO_TIMESTAMPING_NEW,
      S.SO_ACCEPTCONN,
      S.SO_MARK,
      S.SO_RCVMARK,
      S.SO_RXQ_OVFL,
      S.SO_PEEK_OFF,
      S.SO_SELECT_ERR_QUEUE,
      S.SO_BUSY_POLL,
      S.SO_MAX_PACING_RATE,
      S.SO_INCOMING_CPU,
      S.SO_MEMINFO,
      S.SO_INCOMING_NAPI_ID,
      S.SO_BINDTOIFINDEX,
      S.SO_PREFER_BUSY_POLL,
      S.SO_TXREHASH,
    ]),
  ],
  [
    S.IPPROTO_TCP,
    new Set([
      T.TCP_NODELAY,
      T.TCP_MAXSEG,
      T.TCP_CORK,
      T.TCP_KEEPIDLE,
      T.TCP_KEEPINTVL,
      T.TCP_KEEPCNT,
      T.TCP_SYNCNT,
      T.TCP_LINGER2,
      T.TCP_DEFER_ACCEPT,
      T.TCP_WINDOW_CLAMP,
      T.TCP_INFO,
      T.TCP_QUICKACK,
      T.TCP_CONGESTION,
      T.TCP_THIN_LINEAR_TIMEOUTS,
      T.TCP_THIN_DUPACK,
      T.TCP_USER_TIMEOUT,
      T.TCP_FASTOPEN,
      T.TCP_TIMESTAMP,
      T.TCP_NOTSENT_LOWAT,
      T.TCP_CC_INFO,
      T.TCP_SAVE_SYN,
      T.TCP_SAVED_SYN,
      T.TCP_FASTOPEN_CONNECT,
      T.TCP_FASTOPEN_NO_COOKIE,
      T.TCP_INQ,
      T.TCP_TX_DELAY,
    ]),
  ],
  [
    S.IPPROTO_IP,
    new Set([
      I.IP_TOS,
      I.IP_TTL,
      I.IP_HDRINCL,
      I.IP_RECVOPTS,
      I.IP_RETOPTS,
      I.IP_PKTINFO,
      I.IP_PKTOPTIONS,
      I.IP_MTU_DISCOVER,
      I.IP_RECVERR,
      I.IP_RECVTTL,
      I.IP_RECVTOS,
      I.IP_MTU,
      I.IP_FREEBIND,
      I.IP_TRANSPARENT,
      I.IP_ORIGDSTADDR,
      I.IP_MINTTL,
      I.IP_NODEFRAG,
      I.IP_BIND_ADDRESS_NO_PORT,
      I.IP_RECVFRAGSIZE,
      I.IP_RECVERR_RFC4884,
      I.IP_MULTICAST_IF,
      I.IP_MULTICAST_TTL,
      I.IP_MULTICAST_LOOP,
      I.IP_ADD_MEMBERSHIP,
      I.IP_DROP_MEMBERSHIP,
      I.IP_UNBLOCK_SOURCE,
      I.IP_BLOCK_SOURCE,
      I.IP_ADD_SOURCE_MEMBERSHIP,
      I.IP_DROP_SOURCE_MEMBERSHIP,
      ...MCAST_GROUPS,
      I.IP_MULTICAST_ALL,
      I.IP_UNICAST_IF,
      I.IP_LOCAL_PORT_RANGE,
      I.IP_PROTOCOL,
    ]),
  ],
  [
    S.IPPROTO_IPV6,
    new Set([
      I.IPV6_CHECKSUM,
      I.IPV6_UNICAST_HOPS,
      I.IPV6_MULTICAST_IF,
      I.IPV6_MULTICAST_HOPS,
      I.IPV6_MULTICAST_LOOP,
      I.IPV6_ADD_MEMBERSHIP,
      I.IPV6_DROP_MEMBERSHIP,
      I.IPV6_MTU_DISCOVER,
      I.IPV6_MTU,
      I.IPV6_RECVERR,
      I.IPV6_V6ONLY,
      I.IPV6_MULTICAST_ALL,
      I.IPV6_RECVERR_RFC4884,
      ...MCAST_GROUPS,
      I.IPV6_RECVPKTINFO,
      I.IPV6_PKTINFO,
      I.IPV6_RECVHOPLIMIT,
      I.IPV6_HOPLIMIT,
      I.IPV6_RECVPATHMTU,
      I.IPV6_PATHMTU,
      I.IPV6_DONTFRAG,
      I.IPV6_RECVTCLASS,
      I.IPV6_TCLASS,
      I.IPV6_AUTOFLOWLABEL,
      I.IPV6_ADDR_PREFERENCES,
      I.IPV6_MINHOPCOUNT,
      I.IPV6_ORIGDSTADDR,
      I.IPV6_TRANSPARENT,
      I.IPV6_UNICAST_IF,
      I.IPV6_RECVFRAGSIZE,
      I.IPV6_FREEBIND,
      I.IPV6_2292HOPLIMIT,
      I.IPV6_2292PKTINFO,
    ]),
  ],
  [S.IPPROTO_UDP, new Set([I.UDP_CORK, I.UDP_NO_CHECK6_TX, I.UDP_NO_CHECK6_RX, I.UDP_SEGMENT, I.UDP_GRO])],
  [I.SOL_RAW, new Set([I.ICMP_FILTER, I.IPV6_CHECKSUM])],
  [S.IPPROTO_ICMPV6, new Set([I.ICMPV6_FILTER])],
]);

export class HostOptions extends SocketOptions {
  declare readonly socket: HostSocket;

  isListening(): boolean {
    return this.socket.isListening;
  }

  override checkLevel(): number {
    return 0;
  }

  override get(level: number, name: number, task: NetCaller, room: number): Buffer | number {
    if (level === S.SOL_SOCKET && name === S.SO_ERROR && this.socket.hasUntold)
      return int(this.socket.takeUntold());
    if (level === S.SOL_SOCKET && name === S.SO_RCVLOWAT) return int(this.receiveLow);
    if (PASSED.get(level)?.has(name) === true) return this.socket.host.get(level, name, room);
    if (level === S.SOL_SOCKET) return getOption(SOCKET_LEVEL, this, name, task, room);
    return this.#unknown();
  }

  override set(level: number, name: number, value: Buffer, task: NetCaller): number {
    if (PASSED.get(level)?.has(name) === true) {
      const error = this.socket.host.set(level, name, value);
      if (error === 0 && level === S.SOL_SOCKET) this.#learn(name, value);
      return error;
    }
    if (level !== S.SOL_SOCKET) return this.#unknown();
    if (value.length < INT) return -EINVAL;
    return setOption(SOCKET_LEVEL, this, name, value, task);
  }

  // What a receive waits for, and where a peek begins, is this side's to know as well.
  #learn(name: number, value: Buffer): void {
    if (name === S.SO_PEEK_OFF) this.peekOffset = value.readInt32LE();
    if (name !== S.SO_RCVLOWAT) return;
    this.receiveLow = this.socket.low.learn(this.socket.unread);
    // The host knows nothing of bytes that came back.
    if (this.socket.unread >= this.receiveLow) this.socket.waiters.wake(CAN_READ);
  }

  #unknown(): number {
    this.socket.kernel.counters.unsupportedCalls++;
    return -ENOPROTOOPT;
  }

  override takeError(): number {
    const error = this.socket.host.get(S.SOL_SOCKET, S.SO_ERROR, INT);
    return typeof error === "number" ? 0 : error.readInt32LE();
  }
}
