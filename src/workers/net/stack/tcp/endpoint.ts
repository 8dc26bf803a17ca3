// A TCP endpoint: what a SOCK_STREAM socket of AF_INET or AF_INET6 is to the stack (tcp(7)). It has the state and the semantics
// of Linux's socket, without descriptors, waiting or memory of the guest's: results are 0, a count, or a negative errno,
// and nothing here waits. What may wait says -EAGAIN (or -EINPROGRESS); the socket waits until poll() changes.
//
// How a socket uses one:
// - `new TcpEndpoint(stack.tcp, isV6)`. Options are fields, here (those of IP, see inet/endpoint.ts), or in `options` and to
//   be set by setOption(), as setsockopt(2) does, their values checked and clamped by the socket; those that act at once have a call:
//   setBoundDevice, setReusePort, setNoDelay, setCork, setKeepalive (after its times too), setQuickAck, setCongestion,
//   setReceiveBuffer, setSendBuffer, setWindowClamp. After others of a connected one: optionsChanged(). A new option of a
//   listener is that of the connections that it makes from then on.
// - bind(), listen(backlog) and accept(); or connect(), which says -EINPROGRESS and, called again, -EALREADY, 0 once it is
//   connected (or the error), and then -EISCONN. After its work the stack's run() has to be called: packets over loopback
//   arrive there.
// - send() takes as many bytes as there is room for, or says -EAGAIN, -EPIPE (SIGPIPE is the socket's), or the error that
//   ended the connection; `data` is copied. receive() gives as many as have come, 0 at the end, or -EAGAIN. Both may be called
//   from anywhere but an observer.
// - poll() is what poll(2) says, as Linux's tcp_poll. `observer` hears, from within run(), that it may have changed:
//   `becameReadable` for bytes, the end and urgent data, `becameWritable` for room and an opened connection, `failed` for an
//   error, `becameAcceptable` for a connection to accept. An observer only notes that.
// - takeError() is SO_ERROR. `state` is that of /proc/net/tcp, connectState SS_*. tcpInfo(endpoint) (info.ts) is TCP_INFO;
//   inQueue, outQueue, notSent, isAtMark are SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK.
// - shutdown(); close() at the end, after which the connection ends by itself. For SO_LINGER with a time: beginClose(), and
//   wait while isLingering, for options.lingerUs at most, then close(). abort() ends it with a reset (SOCK_DESTROY);
//   disconnect() is connect(2) to AF_UNSPEC.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { MSG_MORE, MSG_OOB, SHUT_RD, SHUT_RDWR, SHUT_WR } from "../../../../shared/abi/socket.ts";
import { isOfLink } from "../inet/endpoint.ts";
import { noRoute, routeTo } from "../inet/way.ts";
import type { IpAddress } from "../ip_address.ts";
import type { Pieces } from "../pieces.ts";
import { setQuickAck } from "./acknowledge.ts";
import { keepaliveChanged } from "./arm.ts";
import { BoundEndpoint } from "./bound_endpoint.ts";
import { hasRoom } from "./buffers.ts";
import { closeConnection, closeSending, fail, finish, orphan, sendActiveReset } from "./close.ts";
import { isControl } from "./congestion/controls.ts";
import { Connection, type ConnectionOwner, type Opening } from "./connection.ts";
import { beginConnect } from "./establish.ts";
import type { Ends } from "./isn.ts";
import { Listener } from "./listener.ts";
import { NAGLE_OFF, nagleOf, pushPending } from "./output.ts";
import { pollMask } from "./poll.ts";
import { consume, lookAtStream, readStream, readUrgent } from "./read.ts";
import { dropReceived } from "./sacks.ts";
import * as S from "./states.ts";
import { TimeWait } from "./time_wait.ts";
import { reserve, wantRoom, writeStream, wrote } from "./write.ts";

/** socket_state */
export const SS_UNCONNECTED = 1;
export const SS_CONNECTING = 2;
export const SS_CONNECTED = 3;

const NOT_CONNECTED = S.states(S.TCP_CLOSE, S.TCP_LISTEN);
const LINGERING = S.states(S.TCP_FIN_WAIT1, S.TCP_CLOSING, S.TCP_LAST_ACK);
const NEEDS_RESET = S.states(
  S.TCP_ESTABLISHED,
  S.TCP_CLOSE_WAIT,
  S.TCP_FIN_WAIT1,
  S.TCP_FIN_WAIT2,
  S.TCP_SYN_RECV,
);

/** Where none has: of IPv6, or of one that was not accepted. */
const NO_OPENING: Opening = { device: 0, hopLimit: 1, trafficClass: 0 };

export class TcpEndpoint extends BoundEndpoint implements ConnectionOwner {
  connectState = SS_UNCONNECTED;
  opening: Opening = NO_OPENING;
  /** Of one that listens. */
  listener: Listener | null = null;
  /** Of one that connects or has; kept when it has ended, while there may be something to read. */
  connection: Connection | null = null;
  /** TCP_CORK, by setCork. */
  isCorked = false;
  #isClosed = false;

  /** TCP_*, states.ts. */
  get state(): number {
    if (this.listener !== null) return S.TCP_LISTEN;
    return this.connection === null ? S.TCP_CLOSE : this.connection.state;
  }

  override get isListening(): boolean {
    return this.listener !== null;
  }

  // ---- Names ----

  protected override get mayBind(): boolean {
    return this.localPort === 0 && this.state === S.TCP_CLOSE;
  }

  // ---- Listening ----

  /** listen(2). -EINVAL: it is connected or connects; -EADDRINUSE: somebody listens there. */
  listen(backlog: number): number {
    const most = Math.min(backlog >>> 0, this.tcp.settings.somaxconn);
    if (this.listener !== null) {
      this.listener.backlog = most;
      return 0;
    }
    if (this.connectState !== SS_UNCONNECTED || this.state !== S.TCP_CLOSE) return -E.EINVAL;
    const bound = this.autobind();
    if (bound < 0) return bound === -E.EAGAIN ? -E.EADDRINUSE : bound;
    if (this.tcp.bound.isTaken(this, this.localPort)) return -E.EADDRINUSE;
    this.rehash(() => {
      this.connection = null;
      this.hasShutRead = false;
      this.hasShutWrite = false;
      this.listener = new Listener(this, most);
    });
    return 0;
  }

  /** The next connection; -EAGAIN: there is none; -EINVAL: it does not listen. */
  accept(): TcpEndpoint | number {
    if (this.listener === null) return -E.EINVAL;
    const child = this.listener.queue.shift() as TcpEndpoint | undefined;
    if (child === undefined) return -E.EAGAIN;
    child.connectState = SS_CONNECTED;
    return child;
  }

  /** Another for a connection that came in between those ends: what it has is this one's. */
  newChild(ends: Ends, device: number): TcpEndpoint {
    const child = new TcpEndpoint(this.tcp, this.isV6);
    child.inherit(this, ends, device);
    return child;
  }

  // ---- Connecting ----

  /** connect(2); the device is that of a link-local address's scope. See above for what it says. */
  connect(address: IpAddress, port: number, scopeDevice = 0): number {
    if (this.connectState === SS_CONNECTED) return -E.EISCONN;
    if (this.connectState === SS_CONNECTING) return this.#connected();
    if (this.listener !== null) return -E.EISCONN;
    if (isOfLink(address) && this.boundDevice === 0 && scopeDevice === 0) return -E.EINVAL;
    const error = this.#begin(address, port, scopeDevice);
    if (error < 0) return error;
    this.connectState = SS_CONNECTING;
    return -E.EINPROGRESS;
  }

  // How a connect(2) that was begun stands.
  #connected(): number {
    const { state } = this;
    if (S.isIn(state, S.OPENING)) return -E.EALREADY;
    if (state === S.TCP_CLOSE) {
      const error = this.takeError();
      this.connectState = SS_UNCONNECTED;
      this.disconnect();
      return -(error || E.ECONNABORTED);
    }
    this.connectState = SS_CONNECTED;
    const error = this.takeError();
    return error === 0 ? 0 : -error;
  }

  #begin(address: IpAddress, port: number, scopeDevice: number): number {
    const { tcp, core } = this;
    const flow = core.outputFlow;
    const error = routeTo(this, flow, address, scopeDevice);
    if (error < 0) return noRoute(this, error);
    if (flow.type === RTN_BROADCAST || flow.type === RTN_MULTICAST) return -E.ENETUNREACH;
    const source = core.addresses.fromWords(flow.source0, flow.source1, flow.source2, flow.source3);
    const remote = core.addresses.fromWords(
      flow.destination0,
      flow.destination1,
      flow.destination2,
      flow.destination3,
    );
    const c = new Connection(tcp, this, tcp.newControl(this.options.congestion));
    c.isV6 = flow.isV6;
    if (isOfLink(address) && scopeDevice !== 0) this.boundDevice = scopeDevice;
    c.device = this.boundDevice;
    const from = this.local.isAny ? source : this.local;
    const { ends } = tcp;
    ends.setLocal(from.w0, from.w1, from.w2, from.w3, this.localPort);
    ends.setRemote(remote.w0, remote.w1, remote.w2, remote.w3, port);
    const isFree = (): boolean => this.#isFree(c);
    const chosen = this.localPort === 0 ? tcp.bound.chooseOutgoing(ends, isFree) : this.localPort;
    if (chosen < 0) return chosen;
    if (!isFree()) return -E.EADDRNOTAVAIL;
    if (tcp.isFull) return -E.ENOBUFS;
    c.setEnds(ends, c.isV6, this.boundDevice);
    this.unhash();
    if (this.localPort === 0) this.ownsPort = false;
    this.localPort = chosen;
    this.local = from;
    this.remote = remote;
    this.remotePort = port;
    this.hasShutRead = false;
    this.hasShutWrite = false;
    this.way = null;
    this.hash();
    this.connection = c;
    this.pendingError = 0;
    c.state = S.TCP_SYN_SENT;
    tcp.table.add(c);
    tcp.counters.ActiveOpens++;
    const failed = beginConnect(c);
    if (failed === 0) return 0;
    finish(c);
    c.notices = 0;
    this.#releaseConnection();
    return failed;
  }

  // Whether the ends in hand are nobody's; a record of an ended connection may make room.
  #isFree(c: Connection): boolean {
    const { tcp } = this;
    const other = tcp.table.find(tcp.ends, c.device);
    if (other === null) return true;
    if (!(other instanceof TimeWait) || !other.mayBeReused()) return false;
    other.end();
    return true;
  }

  /** connect(2) to AF_UNSPEC: it is as a new one, with what it was bound to. */
  disconnect(): void {
    this.#stopListening();
    const c = this.connection;
    if (c !== null) {
      if (S.isIn(c.state, NEEDS_RESET)) {
        sendActiveReset(c);
        this.pendingError = E.ECONNRESET;
      } else if (c.state === S.TCP_SYN_SENT) this.pendingError = E.ECONNRESET;
      if (c.state !== S.TCP_CLOSE) finish(c);
      this.#releaseConnection();
    }
    this.unhash();
    if (!this.portIsBound) this.localPort = 0;
    if (!this.addressIsBound) this.local = this.any;
    this.remote = null;
    this.remotePort = 0;
    this.hasShutRead = false;
    this.hasShutWrite = false;
    this.connectState = SS_UNCONNECTED;
    this.hash();
    this.way = null;
  }

  #releaseConnection(): void {
    const c = this.connection;
    if (c === null) return;
    this.connection = null;
    dropReceived(c);
    c.notices = 0;
  }

  #stopListening(): void {
    if (this.listener === null) return;
    const { listener } = this;
    this.rehash(() => {
      this.listener = null;
    });
    listener.close();
  }

  /** Connection's: it has ended. A port that was not asked for is another's now. */
  connectionEnded(): void {
    if (this.portIsBound) return;
    this.unhash();
  }

  /** Connection's: it has ended, and nobody is behind it. */
  orphanEnded(): void {
    this.unhash();
  }

  // ---- Data ----

  /** Bytes to be sent: how many were taken, or a negative errno. Flags: MSG_OOB, MSG_MORE. */
  send(data: Uint8Array, flags = 0): number {
    const c = this.connection;
    if (this.pendingError !== 0) return -this.takeError();
    if (c === null || this.hasShutWrite) return -E.EPIPE;
    if (S.isIn(c.state, S.OPENING)) return -E.EAGAIN;
    if (c.state !== S.TCP_ESTABLISHED && c.state !== S.TCP_CLOSE_WAIT) return -E.EPIPE;
    if (data.length === 0) return 0;
    return writeStream(c, data, (flags & MSG_MORE) !== 0, (flags & MSG_OOB) !== 0);
  }

  /**
   * Bytes that have come: how many, 0 at the end, or a negative errno. Flags: MSG_PEEK (from `offset` on, SO_PEEK_OFF),
   * MSG_OOB, and MSG_TRUNC, which throws away as many as would fit.
   */
  receive(target: Uint8Array, flags = 0, offset = 0): number {
    const c = this.connection;
    if (this.listener !== null) return -E.ENOTCONN;
    if (c === null) return this.pendingError !== 0 ? -this.takeError() : this.hasShutRead ? 0 : -E.ENOTCONN;
    if ((flags & MSG_OOB) !== 0) return readUrgent(c, target, flags);
    const count = readStream(c, target, flags, offset);
    if (count > 0 || target.length === 0) return count;
    if (c.finReceived) return 0;
    if (this.pendingError !== 0) return -this.takeError();
    if (this.hasShutRead) return 0;
    if (c.state === S.TCP_CLOSE) return -E.ENOTCONN;
    return -E.EAGAIN;
  }

  /**
   * Room for so many bytes at most, for who writes them in place: how many; 0: there is none, or send() says why. What was
   * written is sent by sendReserved(), or forgotten, before anything else happens.
   */
  reserve(most: number, pieces: Pieces): number {
    const c = this.connection;
    if (c === null || this.pendingError !== 0 || this.hasShutWrite) return 0;
    if (c.state !== S.TCP_ESTABLISHED && c.state !== S.TCP_CLOSE_WAIT) return 0;
    return reserve(c, most, pieces);
  }

  /** Who has more to send than there is room for hears of room (observer.becameWritable); what was held back goes now. */
  wantRoom(): void {
    const c = this.connection;
    if (c !== null) wantRoom(c);
  }

  sendReserved(length: number): void {
    wrote(this.connection!, length);
  }

  /** What was reserved is not needed. */
  forgetReserved(): void {
    const c = this.connection!;
    c.sendBuffer.cut(c.writeSeq);
  }

  /** Where bytes that have come stand: how many, at most `most`; they stay there until take(). 0: receive() says why. */
  look(most: number, pieces: Pieces): number {
    const c = this.connection;
    return c === null || this.listener !== null ? 0 : lookAtStream(c, most, pieces);
  }

  /** So many bytes of those that were looked at are read. */
  take(length: number): void {
    consume(this.connection!, length);
  }

  /** Whether a send would take something (sk_stream_is_writeable). */
  get isWritable(): boolean {
    return this.connection === null || hasRoom(this.connection);
  }

  /** What poll(2) says now. */
  poll(returned = 0): number {
    return pollMask(this, returned);
  }

  // ---- Counts ----

  /** SIOCINQ: bytes to read; -EINVAL of a listener. */
  get inQueue(): number {
    if (this.listener !== null) return -E.EINVAL;
    const c = this.connection;
    if (c === null || S.isIn(c.state, S.OPENING)) return 0;
    const { available } = c;
    const ahead = (c.urgentSeq - c.copiedSeq) | 0;
    if (c.urgentState === 0 || this.options.urgentInline || ahead < 0 || ahead >= available) return available;
    return ahead;
  }

  /** SIOCOUTQ: bytes that are not acknowledged. */
  get outQueue(): number {
    if (this.listener !== null) return -E.EINVAL;
    const c = this.connection;
    return c === null || S.isIn(c.state, S.OPENING) ? 0 : c.unacknowledged;
  }

  /** SIOCOUTQNSD: bytes that were not sent. */
  get notSent(): number {
    if (this.listener !== null) return -E.EINVAL;
    const c = this.connection;
    return c === null || S.isIn(c.state, S.OPENING) ? 0 : c.notSent;
  }

  /** SIOCATMARK: what is read next is urgent; or what stands behind so many bytes. */
  isAtMark(skip = 0): boolean {
    const c = this.connection;
    return c !== null && c.urgentState !== 0 && c.urgentSeq === ((c.copiedSeq + skip) | 0);
  }

  // ---- Options that act at once ----

  setNoDelay(isOn: boolean): void {
    this.setOption("noDelay", isOn);
    if (isOn && this.connection !== null) this.#push(this.connection);
  }

  setCork(isOn: boolean): void {
    this.isCorked = isOn;
    if (!isOn && this.connection !== null) this.#push(this.connection);
  }

  #push(c: Connection): void {
    if (c.state === S.TCP_CLOSE || S.isIn(c.state, S.OPENING)) return;
    pushPending(c, nagleOf(c) | NAGLE_OFF);
  }

  /** SO_KEEPALIVE; or its times were set (TCP_KEEPIDLE and its like). */
  setKeepalive(isOn: boolean): void {
    this.setOption("keepsAlive", isOn);
    if (this.connection !== null) keepaliveChanged(this.connection);
  }

  setQuickAck(isOn: boolean): void {
    if (this.connection !== null) setQuickAck(this.connection, isOn);
  }

  /** TCP_CONGESTION: 0, or -ENOENT. */
  setCongestion(name: string): number {
    if (!isControl(name)) return -E.ENOENT;
    this.setOption("congestion", name);
    const c = this.connection;
    if (c !== null && c.control.name !== name) {
      c.control = this.tcp.newControl(name);
      if (!S.isIn(c.state, S.OPENING)) c.control.init(c);
    }
    return 0;
  }

  get congestion(): string {
    return this.connection?.control.name ?? this.options.congestion ?? this.tcp.settings.congestion;
  }

  /** SO_RCVBUF and SO_SNDBUF, as getsockopt tells them (twice what was set). */
  setReceiveBuffer(size: number): void {
    this.setOption("receiveBuffer", size);
    const c = this.connection;
    if (c !== null) c.receiveBufferSize = size;
  }

  setSendBuffer(size: number): void {
    this.setOption("sendBuffer", size);
    const c = this.connection;
    if (c === null) return;
    c.sendBufferSize = size;
    // As Linux has it, who waits is told of what room there is now.
    if (!hasRoom(c)) return;
    c.noSpace = false;
    this.observer?.becameWritable();
  }

  get receiveBuffer(): number {
    return (
      this.connection?.receiveBufferSize ||
      this.options.receiveBuffer ||
      this.tcp.settings.receiveBuffer.initial
    );
  }

  get sendBuffer(): number {
    return this.connection?.sendBufferSize || this.options.sendBuffer || this.tcp.settings.sendBuffer.initial;
  }

  /** TCP_WINDOW_CLAMP */
  setWindowClamp(size: number): void {
    this.setOption("windowClamp", size);
    const c = this.connection;
    if (c === null || size === 0) return;
    c.windowClamp = size;
    c.rcvThreshold = Math.min(c.rcvThreshold, size);
  }

  // ---- Ends ----

  /** shutdown(2): 0 or -ENOTCONN. */
  shutdown(how: number): number {
    const { state } = this;
    if (state === S.TCP_LISTEN && how === SHUT_WR) return 0;
    // One that listened is as before: a port that it had not asked for is another's.
    if (state === S.TCP_LISTEN || state === S.TCP_SYN_SENT) {
      this.disconnect();
      return 0;
    }
    if (how === SHUT_RD || how === SHUT_RDWR) this.hasShutRead = true;
    if (how === SHUT_WR || how === SHUT_RDWR) this.hasShutWrite = true;
    if (S.isIn(state, NOT_CONNECTED)) return -E.ENOTCONN;
    if (how !== SHUT_RD) closeSending(this.connection!);
    return 0;
  }

  /** What close(2) begins with: it stays to be waited for while isLingering. */
  beginClose(): void {
    this.#stopListening();
    if (this.connection !== null && !this.#isClosed) closeConnection(this.connection);
  }

  /** Something is still to be sent, or acknowledged. */
  get isLingering(): boolean {
    return this.connection !== null && S.isIn(this.connection.state, LINGERING);
  }

  close(): void {
    if (this.#isClosed) return;
    this.beginClose();
    this.#isClosed = true;
    this.observer = null;
    this.dropErrors();
    const c = this.connection;
    if (c === null) this.unhash();
    else orphan(c);
  }

  /** SOCK_DESTROY: the peer gets a reset, whoever waits -ECONNABORTED. */
  abort(): void {
    this.#stopListening();
    const c = this.connection;
    if (c === null || c.state === S.TCP_CLOSE) return;
    if (S.isIn(c.state, NEEDS_RESET)) sendActiveReset(c);
    fail(c, E.ECONNABORTED);
    this.tcp.notify(c);
  }
}
