// Internet sockets as sock_diag tells them (netlink/diag/): rows made when they are asked for, of sockets, and of
// conversations of TCP that have none: requests, connections that wait to be accepted or that nobody is behind, and what is
// left of ended ones.

import { ENOENT, EOPNOTSUPP } from "../../../shared/abi/errno.ts";
import * as S from "../../../shared/abi/socket.ts";
import {
  type SocketRow,
  TIMER_NONE,
  TIMER_PROBE,
  TIMER_RETRANSMIT,
  TIMER_TIME_WAIT,
} from "../netlink/diag/row.ts";
import type { InetEndpoint } from "../stack/inet/endpoint.ts";
import type { EndpointTable } from "../stack/inet/table.ts";
import { ANY4, ANY6, IpAddress, MAPPED } from "../stack/ip_address.ts";
import type { Stack } from "../stack/stack.ts";
import { Connection, TIMER_NONE as NO_TIMER, TIMER_PROBE_WINDOW } from "../stack/tcp/connection.ts";
import type { Conversation } from "../stack/tcp/conversation.ts";
import { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import type { Ends } from "../stack/tcp/isn.ts";
import { Request } from "../stack/tcp/request.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_SYN_RECV } from "../stack/tcp/states.ts";
import { TimeWait } from "../stack/tcp/time_wait.ts";
import type { InetSocket } from "./inet_socket.ts";
import type { InetStack } from "./inet_stack.ts";
import type { ListedSocket } from "./registry.ts";
import { tcpInfoBytes } from "./tcp_info.ts";

const [RCV_SHUTDOWN, SEND_SHUTDOWN] = [1, 2];
/** Of struct inet_diag_sockopt. */
const [RECVERR, IS_ICSK, FREEBIND, HDRINCL, MC_LOOP, MC_ALL] = [0x1, 0x2, 0x4, 0x8, 0x10, 0x40];
const US_PER_MS = 1000;

/** By the protocol that a request names: of datagram sockets UDP's, of raw ones all. */
function isOf(protocol: number, { type, endpoint, stream }: ListedSocket): boolean {
  if (protocol === S.IPPROTO_TCP) return stream !== null && stream.state !== TCP_CLOSE;
  if (endpoint.localPort === 0) return false;
  if (protocol === S.IPPROTO_RAW) return type === S.SOCK_RAW;
  return type === S.SOCK_DGRAM && endpoint.protocol === S.IPPROTO_UDP;
}

function bits(endpoint: InetEndpoint, socket: InetSocket | null): number {
  const { isV6 } = endpoint;
  const datagram = socket?.datagram ?? null;
  const takesAll = datagram?.takesAllGroups4 ?? !isV6;
  const receivesErrors = isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  return (
    (receivesErrors ? RECVERR : 0) |
    (endpoint instanceof TcpEndpoint ? IS_ICSK : 0) |
    (endpoint.bindsAnywhere ? FREEBIND : 0) |
    (socket?.raw?.hasHeader === true ? HDRINCL : 0) |
    (datagram?.loopsMulticast4 !== false ? MC_LOOP : 0) |
    (takesAll ? MC_ALL : 0)
  );
}

function timerOf(c: Connection | null): { timer: number; expiresMs: number } {
  if (c === null || c.pendingTimer === NO_TIMER || !c.isArmed) return { timer: TIMER_NONE, expiresMs: 0 };
  const timer = c.pendingTimer === TIMER_PROBE_WINDOW ? TIMER_PROBE : TIMER_RETRANSMIT;
  return { timer, expiresMs: Math.max(0, Math.floor((c.deadlineUs - c.nowUs) / US_PER_MS)) };
}

/** What waits to be read or accepted, and to be acknowledged; of a listener, how many may wait. */
function queuesOf(endpoint: TcpEndpoint): readonly [receive: number, send: number] {
  const { connection, listener } = endpoint;
  if (listener !== null) return [listener.queue.length, listener.backlog];
  // An end that is not read yet counts.
  return [endpoint.inQueue + Number(connection?.finReceived === true), endpoint.outQueue];
}

/** Of an endpoint and, where there is one, its socket. */
function rowOf(endpoint: InetEndpoint, socket: InetSocket | null, deliver: () => void): SocketRow {
  const { isV6 } = endpoint;
  const stream = endpoint instanceof TcpEndpoint ? endpoint : null;
  const c = stream?.connection ?? null;
  const queued = socket?.queuedBytes ?? 0;
  const [receiveQueue, sendQueue] = stream === null ? [queued, 0] : queuesOf(stream);
  return {
    family: isV6 ? S.AF_INET6 : S.AF_INET,
    protocol: endpoint.protocol,
    state: stream?.state ?? (endpoint.remote === null ? TCP_CLOSE : TCP_ESTABLISHED),
    local: endpoint.local,
    localPort: endpoint.localPort,
    remote: endpoint.remote ?? (isV6 ? ANY6 : ANY4),
    remotePort: endpoint.remotePort,
    device: endpoint.boundDevice,
    cookie: socket?.cookie ?? 0,
    uid: endpoint.uid,
    inode: socket?.inodeNumber ?? 0,
    ...timerOf(c),
    retransmits: c?.retransmits ?? 0,
    receiveQueue,
    sendQueue,
    receiveMemory: stream === null ? queued : receiveQueue,
    receiveBuffer: stream?.receiveBuffer ?? socket?.options.receiveBuffer ?? 0,
    sendMemory: stream === null ? 0 : sendQueue,
    sendBuffer: stream?.sendBuffer ?? socket?.options.sendBuffer ?? 0,
    drops: endpoint.drops,
    shutdown: (endpoint.hasShutRead ? RCV_SHUTDOWN : 0) | (endpoint.hasShutWrite ? SEND_SHUTDOWN : 0),
    tos: endpoint.tos,
    trafficClass: endpoint.trafficClass,
    isV6Only: endpoint.v6only,
    mark: endpoint.mark,
    priority: socket?.options.kept(S.SO_PRIORITY) ?? 0,
    hasChosenPort: endpoint.hasChosenPort,
    optionBits: bits(endpoint, socket),
    congestion: stream?.congestion ?? null,
    info: () => (stream === null ? null : tcpInfoBytes(stream)),
    abort: () => {
      if (stream === null) return -EOPNOTSUPP;
      stream.abort();
      deliver();
      return 0;
    },
  };
}

/** Of a conversation that no endpoint is behind. */
function recordOf(one: TimeWait | Request, nowUs: number): SocketRow {
  const isRequest = one instanceof Request;
  const local = IpAddress.fromWords(one.local0, one.local1, one.local2, one.local3);
  const isV6 = isRequest ? one.listener.endpoint.isV6 : one.isV6 || !local.isV4;
  return {
    family: isV6 ? S.AF_INET6 : S.AF_INET,
    protocol: S.IPPROTO_TCP,
    state: isRequest ? TCP_SYN_RECV : one.substate,
    local,
    localPort: one.localPort,
    remote: IpAddress.fromWords(one.remote0, one.remote1, one.remote2, one.remote3),
    remotePort: one.remotePort,
    device: one.device,
    cookie: 0,
    uid: isRequest ? one.listener.endpoint.uid : 0,
    inode: 0,
    timer: isRequest ? TIMER_RETRANSMIT : TIMER_TIME_WAIT,
    expiresMs: one.isArmed ? Math.max(0, Math.floor((one.deadlineUs - nowUs) / US_PER_MS)) : 0,
    retransmits: 0,
    receiveQueue: 0,
    sendQueue: 0,
    receiveMemory: 0,
    receiveBuffer: 0,
    sendMemory: 0,
    sendBuffer: 0,
    drops: 0,
    shutdown: 0,
    tos: 0,
    trafficClass: 0,
    isV6Only: false,
    mark: 0,
    priority: 0,
    hasChosenPort: false,
    optionBits: 0,
    congestion: null,
    info: () => null,
    abort: () => -EOPNOTSUPP,
  };
}

export class InetRows {
  readonly #inet: InetStack;

  constructor(inet: InetStack) {
    this.#inet = inet;
  }

  /** All of a protocol; null: something that is not. It is gone through as it is now, whatever comes and goes meanwhile. */
  *all(protocol: number): Generator<SocketRow | null> {
    const { sockets, existing } = this.#inet;
    if (existing === null) return;
    const deliver = (): void => this.#inet.deliver(existing);
    for (let place = 0; place < sockets.length; place++) {
      const socket = sockets.at(place);
      if (socket === null || !isOf(protocol, socket)) yield null;
      else yield rowOf(socket.endpoint, socket as InetSocket, deliver);
    }
    if (protocol !== S.IPPROTO_TCP) return;
    for (const one of existing.tcp.table.all()) yield withoutSocket(one, existing.core.nowUs, deliver);
  }

  /** Who gets what comes between these ends, by the stack's own tables; or -ENOENT. */
  find(protocol: number, isV6: boolean, ends: Ends, device: number): SocketRow | number {
    const { existing } = this.#inet;
    if (existing === null) return -ENOENT;
    const { tcp, udp, core } = existing;
    if (protocol === S.IPPROTO_TCP) {
      const one = tcp.table.find(ends, device);
      if (one instanceof TimeWait || one instanceof Request) return recordOf(one, core.nowUs);
      if (one instanceof Connection) return this.#rowOf(one.endpoint as TcpEndpoint, existing);
    } else if (protocol !== S.IPPROTO_UDP) return -ENOENT;
    const table: EndpointTable<InetEndpoint> = protocol === S.IPPROTO_TCP ? tcp.listeners : udp.table;
    const { local0, local1, local2, local3, localPort, remote0, remote1, remote2, remote3, remotePort } =
      ends;
    const found = table.lookup(
      isV6 && !(local2 === MAPPED && local0 === 0 && local1 === 0),
      local0,
      local1,
      local2,
      local3,
      localPort,
      remote0,
      remote1,
      remote2,
      remote3,
      remotePort,
      device,
    );
    return found === null ? -ENOENT : this.#rowOf(found, existing);
  }

  #rowOf(endpoint: InetEndpoint, stack: Stack): SocketRow {
    const socket = this.#inet.sockets.ofEndpoint(endpoint) as InetSocket | null;
    return rowOf(endpoint, socket, () => this.#inet.deliver(stack));
  }
}

function withoutSocket(one: Conversation, nowUs: number, deliver: () => void): SocketRow | null {
  if (one instanceof TimeWait || one instanceof Request) return recordOf(one, nowUs);
  if (!(one instanceof Connection) || one.endpoint.observer !== null) return null;
  return one.endpoint instanceof TcpEndpoint ? rowOf(one.endpoint, null, deliver) : null;
}
