// SOCK_STREAM sockets of AF_INET and AF_INET6: TCP (tcp(7)). What they are beside what Linux's sockets say of themselves is
// their endpoint's (stack/tcp/endpoint.ts).

import * as E from "../../../shared/abi/errno.ts";
import { FIONREAD, SIOCATMARK, TIOCOUTQ as SIOCOUTQ, SIOCOUTQNSD } from "../../../shared/abi/ioctl.ts";
import * as P from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import { TCP_INQ } from "../../../shared/abi/tcp.ts";
import { copyBytes } from "../../../shared/copy_bytes.ts";
import { WINDOW, WINDOW_SECOND } from "../../../shared/ring/layout.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { TRANSFER_MAX } from "../../mem/direct_memory.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import type { Inode } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import type { ControlWriter } from "../control.ts";
import type { Network } from "../network.ts";
import { int } from "../option_table.ts";
import {
  type Address,
  CAN_READ,
  CAN_WRITE,
  nothing,
  type Received,
  type SendRequest,
  type SocketFile,
} from "../socket.ts";
import { ANY4 } from "../stack/ip_address.ts";
import { roomNow } from "../stack/tcp/buffers.ts";
import { type TcpObserver, URGENT_NONE, URGENT_READ } from "../stack/tcp/connection.ts";
import { SS_UNCONNECTED, type TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { TCP_CLOSE, TCP_SYN_SENT } from "../stack/tcp/states.ts";
import { ofStream, Unread } from "../unread.ts";
import { familyOf, type InetName, name4, name6, needsScope } from "./addresses.ts";
import { ErrorControl, receiveError } from "./error_queue.ts";
import type { Level } from "./inet_options.ts";
import { InetSocket } from "./inet_socket.ts";
import { TcpSocketOptions } from "./tcp_options.ts";

const MESSAGE_MAX = 0x7fffffff;
/** Bytes that one receive takes at most, and those that reach the receiver's window at once. */
const CHUNK = 65536;
const ROUND_MAX = WINDOW_SECOND - WINDOW;
const WITHOUT_PEER: ReadonlySet<number> = new Set([TCP_SYN_SENT, TCP_CLOSE]);
/** For less room than that, who may wait waits for more. */
const DIRECT_MIN = 4096;
const EMPTY = new Uint8Array(0);
const TOLD_TO_WRITERS = CAN_WRITE | P.POLLERR | P.POLLHUP;

/** Errors of the connection, which the next call tells where this one has something to tell already. */
const OF_CONNECTION: ReadonlySet<number> = new Set([E.ECONNRESET, E.ETIMEDOUT, E.EPIPE, E.EHOSTUNREACH]);

export class StreamSocket extends InetSocket implements TcpObserver {
  declare readonly endpoint: TcpEndpoint;
  declare readonly options: TcpSocketOptions;
  override readonly hasUrgentData = true;
  /** The place of the urgent byte that its owner has been told of. */
  #urgentSeq: number | null = null;
  /** What was read and has not reached its reader. */
  readonly #unread = new Unread(this);

  constructor(
    network: Network,
    inode: Inode | null,
    status: number,
    endpoint: TcpEndpoint,
    levels: ReadonlyMap<number, Level>,
  ) {
    super(network, inode, S.SOCK_STREAM, S.IPPROTO_TCP, status, endpoint, levels);
    endpoint.observer = this;
  }

  protected override makeOptions(levels: ReadonlyMap<number, Level>): TcpSocketOptions {
    return new TcpSocketOptions(this, levels);
  }

  get keepsBounds(): boolean {
    return false;
  }

  get isListening(): boolean {
    return this.endpoint.isListening;
  }

  get queuedBytes(): number {
    return Math.max(0, this.endpoint.inQueue);
  }

  override get messageMax(): number {
    return MESSAGE_MAX;
  }

  override neverWaits(flags: number): boolean {
    return super.neverWaits(flags) || (flags & S.MSG_OOB) !== 0;
  }

  // ---- What the endpoint tells ----

  becameReadable(): void {
    this.waiters.wake(CAN_READ | this.#ends(P.POLLRDHUP | P.POLLHUP) | this.#urgent());
  }

  becameWritable(): void {
    this.waiters.wake(CAN_WRITE | this.#ends(P.POLLHUP | P.POLLERR));
  }

  failed(): void {
    this.waiters.wake(P.POLLERR | this.poll());
  }

  becameAcceptable(): void {
    this.waiters.wake(CAN_READ);
  }

  // POLLPRI for an urgent byte of which nobody has been told.
  #urgent(): number {
    const { connection } = this.endpoint;
    if (connection === null || connection.urgentState === URGENT_NONE) return 0;
    if (connection.urgentState === URGENT_READ || connection.urgentSeq === this.#urgentSeq) return 0;
    this.#urgentSeq = connection.urgentSeq;
    return P.POLLPRI;
  }

  // Of those events the ones that hold.
  #ends(events: number): number {
    return this.poll() & events;
  }

  /** What the stack has to do of it is done. */
  override acted(): void {
    this.inet.deliver(this.stack);
  }

  // ---- Names and connections ----

  protected override nameToBind(address: Address): InetName | number {
    const name = super.nameToBind(address);
    if (typeof name === "number") return name;
    return this.isV6 && name.ip.isMulticast && !name.ip.isV4 ? -E.EINVAL : name;
  }

  override peerName(): Address | number {
    return WITHOUT_PEER.has(this.endpoint.state) ? -E.ENOTCONN : super.peerName();
  }

  /** -EINPROGRESS, and of one that was begun before -EALREADY: a call that may wait does so. */
  connect(_task: NetCaller, address: Address): number {
    const family = familyOf(address);
    if (family < 0) return -E.EINVAL;
    const { endpoint, inet, stack } = this;
    inet.advance(stack);
    const result = family === S.AF_UNSPEC ? this.#disconnect() : this.#connect(address, family);
    inet.deliver(stack);
    // Over loopback all of the handshake is over by then.
    if (result !== -E.EINPROGRESS || this.neverWaits(0)) return result;
    const now = endpoint.connect(ANY4, 0);
    return now === -E.EALREADY ? result : now;
  }

  #disconnect(): number {
    this.endpoint.disconnect();
    this.#unread.clear();
    return 0;
  }

  #connect(address: Address, family: number): number {
    const { endpoint } = this;
    if (endpoint.connectState !== SS_UNCONNECTED || endpoint.isListening) return endpoint.connect(ANY4, 0);
    const name = this.isV6 ? name6(address) : name4(address);
    if (name === null) return -E.EINVAL;
    if (family !== this.domain) return -E.EAFNOSUPPORT;
    return this.#connectTo(name);
  }

  #connectTo({ ip, port, scope }: InetName): number {
    if (!ip.isV4 && ip.isMulticast) return -E.ENETUNREACH;
    return this.endpoint.connect(ip, port, needsScope(ip) ? scope : 0);
  }

  override listen(_task: NetCaller, backlog: number): number {
    const error = this.endpoint.listen(backlog);
    if (error === 0) this.waiters.wake(this.poll());
    return error;
  }

  override accept(status: number, by: Credentials): SocketFile | number {
    const { heap, anonymous } = this.kernel;
    if (!heap.hasRoom("sockets") || !heap.hasRoom("inetSockets")) return -E.ENFILE;
    const child = this.endpoint.accept();
    if (typeof child === "number") return child;
    const socket = new StreamSocket(this.network, anonymous.socket(by), status, child, this.options.levels);
    socket.options.inherit(this.options);
    return socket;
  }

  // ---- Sending ----

  send(_task: NetCaller, { data, flags }: SendRequest): number {
    const { endpoint, inet, stack } = this;
    if ((flags & S.MSG_FASTOPEN) !== 0) return -E.EOPNOTSUPP;
    inet.advance(stack);
    let n = endpoint.send(data, flags);
    inet.deliver(stack);
    // A wish that finds no room sends what was held back, and the answer to that may have made room by now: whoever waits
    // from here on is not told of it.
    if (n === -E.EAGAIN && endpoint.isWritable) {
      n = endpoint.send(data, flags);
      inet.deliver(stack);
    }
    return n;
  }

  override get copiesWhatItSends(): boolean {
    return true;
  }

  override readControl(): null {
    return null;
  }

  /** Sends bytes of the window that find room; what does not is told, or left to send(). */
  override writeAtOnce(task: NetCaller, length: number): number {
    const { endpoint, inet, stack } = this;
    const { connection } = endpoint;
    if (connection === null || endpoint.pendingError !== 0 || endpoint.hasShutWrite) return NOT_AT_ONCE;
    if (roomNow(connection) < length) return NOT_AT_ONCE;
    inet.advance(stack);
    const at = task.call.base + WINDOW;
    const n = endpoint.send(task.call.bytes.subarray(at, at + length), 0);
    inet.deliver(stack);
    // What was taken must not be sent again, though it be less than there seemed to be room for.
    return n > 0 ? n : NOT_AT_ONCE;
  }

  // ---- Receiving ----

  override get peeksOn(): boolean {
    return true;
  }

  override get hasMore(): boolean {
    return this.#unread.length > 0 || this.endpoint.inQueue > 0;
  }

  override isAtMark(skip: number): boolean {
    const { peekOffset } = this.options;
    // More than none have been seen by a peek, which SO_PEEK_OFF has moved on.
    const behind = (skip > 0 && peekOffset >= 0 ? peekOffset : skip) - this.#unread.length;
    return behind >= 0 && this.endpoint.isAtMark(behind);
  }

  receive(task: NetCaller, room: number, flags: number, skip = 0): Received | number {
    if ((flags & S.MSG_ERRQUEUE) !== 0) return receiveError(this.endpoint, room, false) ?? -E.EAGAIN;
    const { inet, stack } = this;
    inet.advance(stack);
    if ((flags & S.MSG_OOB) !== 0) return this.#receiveUrgent(room, flags);
    if ((flags & S.MSG_PEEK) !== 0) return this.#peek(room, flags, skip);
    // Who wants nothing is told whether there is something.
    if (room === 0) return this.#ask(flags);
    return this.#unread.length > 0 ? this.#receiveAgain(room, flags) : this.#receiveNew(task, room, flags);
  }

  #receiveNew(task: NetCaller, room: number, flags: number): Received | number {
    const { endpoint, inet, stack } = this;
    const wanted = Math.max(1, Math.min(room, CHUNK, endpoint.connection?.available ?? 0));
    // Memory of the kernel's own, not the window, which the guest can change: what does not arrive may be somebody else's
    // to read. What fits a window is in it before anybody else reads.
    const kept = wanted <= ROUND_MAX ? inet.keptReads : null;
    const place = kept === null ? -1 : kept.place(wanted, task.call.progress);
    const from = kept === null ? 0 : kept.at(place);
    const target = kept === null ? Buffer.allocUnsafe(wanted) : kept.bytes.subarray(from, from + wanted);
    const n = endpoint.receive(target, flags);
    if (n < 0) return n;
    inet.deliver(stack);
    this.options.movePeek(false, n, n);
    this.hasReceived = true;
    const data = target.subarray(0, n);
    if (kept === null || (flags & S.MSG_TRUNC) !== 0) return this.#unread.received(data, flags);
    const end = this.#unread.given(n);
    return ofStream(data, n, () => this.#unread.putBackKept(kept, place, n, end));
  }

  // Bytes that came back, and what stands behind them.
  #receiveAgain(room: number, flags: number): Received {
    const { endpoint, inet, stack } = this;
    let data = this.#unread.take(room);
    const wanted = Math.min(room - data.length, CHUNK, endpoint.inQueue);
    if (wanted > 0 && !endpoint.isAtMark()) {
      const bytes = Buffer.allocUnsafe(wanted);
      const n = endpoint.receive(bytes, flags);
      if (n > 0) data = Buffer.concat([data, bytes.subarray(0, n)]);
      inet.deliver(stack);
    }
    this.options.movePeek(false, data.length, data.length);
    return this.#unread.received(data, flags);
  }

  // Bytes that stay, behind so many others, or where SO_PEEK_OFF says.
  #peek(room: number, flags: number, skip: number): Received | number {
    const { endpoint, options } = this;
    const unread = this.#unread;
    const offset = options.peekOffset >= 0 ? options.peekOffset : skip;
    let data = unread.peek(offset, room);
    if (data.length === 0 || (data.length < room && endpoint.inQueue > 0 && !endpoint.isAtMark())) {
      if (room === 0) return this.#ask(flags);
      const behind = Math.max(0, offset - unread.length) + this.#urgentHole(skip);
      const there = (endpoint.connection?.available ?? 0) - behind;
      const bytes = Buffer.allocUnsafe(Math.max(1, Math.min(room - data.length, CHUNK, there)));
      const n = endpoint.receive(bytes, flags, behind);
      if (n < 0) return n;
      const more = bytes.subarray(0, n);
      data = data.length === 0 ? more : Buffer.concat([data, more]);
    }
    options.movePeek(true, data.length, data.length);
    this.hasReceived = true;
    return ofStream((flags & S.MSG_TRUNC) !== 0 ? EMPTY : data, data.length);
  }

  // Of a peek that goes on and has begun at an urgent byte, which is none of those it has seen.
  #urgentHole(skip: number): number {
    const { endpoint, options } = this;
    if (skip === 0 || options.peekOffset >= 0 || endpoint.options.urgentInline) return 0;
    return Number(this.isAtMark(0));
  }

  #ask(flags: number): Received | number {
    if (this.#unread.length > 0) return nothing();
    const n = this.endpoint.receive(Buffer.allocUnsafe(1), flags | S.MSG_PEEK);
    return n < 0 ? n : nothing();
  }

  // It is no part of the stream, and does not come back.
  #receiveUrgent(room: number, flags: number): Received | number {
    const { endpoint, inet, stack } = this;
    const isAsking = room === 0;
    const byte = Buffer.alloc(1);
    const n = endpoint.receive(byte, isAsking ? flags | S.MSG_PEEK : flags);
    if (n < 0) return n;
    if (isAsking) return nothing();
    inet.deliver(stack);
    this.hasReceived = true;
    const urgent = ofStream((flags & S.MSG_TRUNC) !== 0 ? EMPTY : byte.subarray(0, n), n);
    return { ...urgent, flags: n > 0 ? S.MSG_OOB : 0 };
  }

  /** Receives what has come, and keeps it until it has reached the reader. */
  override readAtOnce(task: NetCaller, address: number, length: number): number {
    const { endpoint, inet, stack, options } = this;
    if (this.#unread.length > 0 || options.receiveLow > 1 || options.peekOffset >= 0) return NOT_AT_ONCE;
    const wanted = Math.min(length, endpoint.inQueue);
    if (wanted <= 0) return NOT_AT_ONCE;
    inet.advance(stack);
    const kept = inet.keptReads;
    const place = kept.place(wanted, task.call.progress);
    const from = kept.at(place);
    const n = endpoint.receive(kept.bytes.subarray(from, from + wanted), 0);
    if (n <= 0) return n === -E.EAGAIN ? NOT_AT_ONCE : n;
    copyBytes(kept.bytes, from, task.call.bytes, task.call.base + WINDOW, n);
    const end = this.#unread.given(n);
    inet.deliver(stack);
    task.call.outAt(address, n, WINDOW);
    task.call.outFault = () => {
      this.#unread.putBackKept(kept, place, n, end);
      return -E.EFAULT;
    };
    return n;
  }

  override readDirectly(task: NetCaller, address: number, length: number): number {
    const { endpoint, inet, stack, options } = this;
    const memory = this.kernel.directMemory;
    if (memory === null || this.#unread.length > 0 || options.peekOffset >= 0) return NOT_AT_ONCE;
    const wanted = Math.min(length, TRANSFER_MAX, endpoint.inQueue);
    if (wanted <= 0 || !memory.mayDeliver(task, address, wanted)) return NOT_AT_ONCE;
    inet.advance(stack);
    const { pieces } = inet;
    pieces.clear();
    const n = endpoint.look(wanted, pieces);
    const arrived = n > 0 ? memory.deliver(task, address, n, pieces) : 0;
    if (arrived === 0) return NOT_AT_ONCE;
    endpoint.take(arrived);
    this.#unread.given(arrived);
    inet.deliver(stack);
    this.hasReceived = true;
    return arrived;
  }

  override writeDirectly(task: NetCaller, address: number, length: number): number {
    const { endpoint, inet, stack } = this;
    const { connection } = endpoint;
    const memory = this.kernel.directMemory;
    if (memory === null || connection === null || endpoint.pendingError !== 0 || endpoint.hasShutWrite)
      return NOT_AT_ONCE;
    inet.advance(stack);
    const room = roomNow(connection);
    if (room < Math.min(length, this.neverWaits(0) ? 1 : DIRECT_MIN)) return this.#waitForRoom();
    const wanted = Math.min(length, TRANSFER_MAX, room);
    if (!memory.mayFetch(task, address, wanted)) return NOT_AT_ONCE;
    const { pieces } = inet;
    pieces.clear();
    const n = endpoint.reserve(wanted, pieces);
    if (n === 0) return NOT_AT_ONCE;
    if (!memory.fetch(task, address, n, pieces)) {
      endpoint.forgetReserved();
      return NOT_AT_ONCE;
    }
    endpoint.sendReserved(n);
    inet.deliver(stack);
    return n;
  }

  // -EAGAIN: whoever waits will be told of room; NOT_AT_ONCE: there is some, or something else to tell, by now.
  #waitForRoom(): number {
    const { endpoint, inet, stack } = this;
    endpoint.wantRoom();
    inet.deliver(stack);
    return (this.poll() & TOLD_TO_WRITERS) === 0 ? -E.EAGAIN : NOT_AT_ONCE;
  }

  override errorComesLater(error: number): void {
    if (OF_CONNECTION.has(error) && this.endpoint.pendingError === 0) this.endpoint.pendingError = error;
  }

  override writeControl(task: NetCaller, writer: ControlWriter, received: Received, flags: number): null {
    const { ancillary } = received;
    if (ancillary instanceof ErrorControl) ancillary.write(writer);
    else if (this.options.kept(TCP_INQ, S.IPPROTO_TCP) === 1)
      writer.add(S.IPPROTO_TCP, TCP_INQ, int(this.#unread.length + this.queuedBytes));
    else super.writeControl(task, writer, received, flags);
    return null;
  }

  // ---- Errors ----

  takeError(): number {
    return this.endpoint.takeError();
  }

  dropErrors(): void {
    this.endpoint.dropErrors();
  }

  // ---- Ends, and as a file ----

  shutdown(how: number): number {
    if (how < S.SHUT_RD || how > S.SHUT_RDWR) return -E.EINVAL;
    const { endpoint, inet, stack } = this;
    inet.advance(stack);
    const error = endpoint.shutdown(how);
    inet.deliver(stack);
    this.waiters.wake(this.poll());
    return error;
  }

  poll(): number {
    return this.endpoint.poll(this.#unread.length);
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    const { endpoint } = this;
    const tell = (value: number): number => (value < 0 ? value : this.tellNumber(task, argument, value));
    switch (request) {
      case FIONREAD: {
        const { inQueue } = endpoint;
        return tell(inQueue < 0 ? inQueue : inQueue + this.#unread.length);
      }
      case SIOCOUTQ:
        return tell(endpoint.outQueue);
      case SIOCOUTQNSD:
        return tell(endpoint.notSent);
      case SIOCATMARK:
        return tell(Number(this.isAtMark(0)));
      default:
        return super.ioctl(task, request, argument);
    }
  }

  release(): void {
    if (!this.end()) return;
    this.#unread.end();
    const { endpoint, inet, stack } = this;
    inet.advance(stack);
    // What was read and has not reached its reader was not read: the peer is told so.
    endpoint.close();
    inet.deliver(stack);
    this.leaveNetwork();
  }
}
