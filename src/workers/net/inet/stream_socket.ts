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
import { Unread } from "../unread.ts";
import { familyOf, type InetName, name4, name6, needsScope } from "./addresses.ts";
import { ErrorControl, receiveError } from "./error_queue.ts";
import type { Level } from "./inet_options.ts";
import { InetSocket } from "./inet_socket.ts";
import type { KeptReads } from "./kept_reads.ts";
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
  /** What was read and has not reached its reader: it is the next. Null: nothing ever was so. */
  #unread: Unread | null = null;
  /** Of the last read at once, where its bytes are kept; -1: somebody has read since. */
  #keptAt = -1;

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

  get #unreadLength(): number {
    return this.#unread === null ? 0 : this.#unread.length;
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
    return result === -E.EINPROGRESS && !this.neverWaits(0) ? endpoint.connect(ANY4, 0) : result;
  }

  #disconnect(): number {
    this.endpoint.disconnect();
    this.#unread = null;
    this.#keptAt = -1;
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

  receive(task: NetCaller, room: number, flags: number): Received | number {
    if ((flags & S.MSG_ERRQUEUE) !== 0) return receiveError(this.endpoint, room, false) ?? -E.EAGAIN;
    const { endpoint, inet, stack } = this;
    inet.advance(stack);
    const unread = this.#unread;
    if (unread !== null && unread.length > 0 && (flags & S.MSG_OOB) === 0)
      return this.#withMore(unread, unread.take(room, flags), room, flags);
    const isPeek = (flags & S.MSG_PEEK) !== 0;
    const offset = isPeek ? Math.max(0, this.options.peekOffset) : 0;
    // Who wants nothing is told whether there is something.
    const isAsking = room === 0;
    const wanted = Math.max(1, Math.min(room, CHUNK, endpoint.connection?.available ?? 0));
    // Memory of the kernel's own, not the window, which the guest can change: what does not arrive may be somebody else's
    // to read. What fits a window is in it before anybody else reads.
    const kept = !isPeek && wanted <= ROUND_MAX ? inet.keptReads : null;
    const place = kept === null ? -1 : kept.place(wanted, task.call.progress);
    const from = kept === null ? 0 : kept.at(place);
    const target = kept === null ? Buffer.allocUnsafe(wanted) : kept.bytes.subarray(from, from + wanted);
    const n = endpoint.receive(target, isAsking ? flags | S.MSG_PEEK : flags, offset);
    if (n < 0) return n;
    if (isAsking) return nothing();
    if (!isPeek) {
      this.#keptAt = place;
      inet.deliver(stack);
    }
    this.options.movePeek(isPeek, n, n);
    this.hasReceived = true;
    const isUrgent = (flags & S.MSG_OOB) !== 0;
    const isThrownAway = (flags & S.MSG_TRUNC) !== 0;
    const data = target.subarray(0, isThrownAway ? 0 : n);
    return {
      data,
      discarded: isThrownAway ? n : 0,
      length: n,
      flags: isUrgent && n > 0 ? S.MSG_OOB : 0,
      address: "",
      ancillary: null,
      putBack: () => {
        if (isPeek || isUrgent) return;
        if (kept === null) this.#putBack(data);
        else this.#putBackKept(kept, place, data.length);
      },
    };
  }

  #putBack(data: Uint8Array): void {
    this.#unread ??= new Unread(this.waiters);
    this.#unread.putBack(data);
  }

  // What was kept of a read; if it is there no more, or somebody has read since, it is lost.
  #putBackKept(kept: KeptReads, place: number, length: number): void {
    if (this.#keptAt === place) this.#putBack(kept.copyOf(place, length) ?? EMPTY);
    this.#keptAt = -1;
  }

  /** What stands behind what comes once more. */
  #withMore(unread: Unread, first: Received<never>, room: number, flags: number): Received {
    const { endpoint, inet, stack } = this;
    const wanted = Math.min(room - first.length, CHUNK, endpoint.inQueue);
    if (wanted <= 0) return first;
    const bytes = Buffer.allocUnsafe(wanted);
    const n = endpoint.receive(bytes, flags);
    if (n <= 0) return first;
    if ((flags & S.MSG_PEEK) === 0) inet.deliver(stack);
    const more = unread.received(bytes.subarray(0, n), flags);
    return unread.together(first, more, flags);
  }

  /** Receives what has come, and keeps it until it has reached the reader. */
  override readAtOnce(task: NetCaller, address: number, length: number): number {
    const { endpoint, inet, stack, options } = this;
    if (this.#unreadLength > 0 || options.receiveLow > 1 || options.peekOffset >= 0) return NOT_AT_ONCE;
    const wanted = Math.min(length, endpoint.inQueue);
    if (wanted <= 0) return NOT_AT_ONCE;
    inet.advance(stack);
    const kept = inet.keptReads;
    const place = kept.place(wanted, task.call.progress);
    const from = kept.at(place);
    const n = endpoint.receive(kept.bytes.subarray(from, from + wanted), 0);
    if (n <= 0) return n === -E.EAGAIN ? NOT_AT_ONCE : n;
    copyBytes(kept.bytes, from, task.call.bytes, task.call.base + WINDOW, n);
    this.#keptAt = place;
    inet.deliver(stack);
    task.call.outAt(address, n, WINDOW);
    task.call.outFault = () => {
      this.#putBackKept(kept, place, n);
      return -E.EFAULT;
    };
    return n;
  }

  override readDirectly(task: NetCaller, address: number, length: number): number {
    const { endpoint, inet, stack, options } = this;
    const memory = this.kernel.directMemory;
    if (memory === null || this.#unreadLength > 0 || options.peekOffset >= 0) return NOT_AT_ONCE;
    const wanted = Math.min(length, TRANSFER_MAX, endpoint.inQueue);
    if (wanted <= 0 || !memory.mayDeliver(task, address, wanted)) return NOT_AT_ONCE;
    inet.advance(stack);
    const { pieces } = inet;
    pieces.clear();
    const n = endpoint.look(wanted, pieces);
    const arrived = n > 0 ? memory.deliver(task, address, n, pieces) : 0;
    if (arrived === 0) return NOT_AT_ONCE;
    this.#keptAt = -1;
    endpoint.take(arrived);
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
      writer.add(S.IPPROTO_TCP, TCP_INQ, int(this.#unreadLength + this.queuedBytes));
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
    const events = this.endpoint.poll();
    return this.#unreadLength > 0 ? events | CAN_READ : events;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    const { endpoint } = this;
    const tell = (value: number): number => (value < 0 ? value : this.tellNumber(task, argument, value));
    switch (request) {
      case FIONREAD: {
        const { inQueue } = endpoint;
        return tell(inQueue < 0 ? inQueue : inQueue + this.#unreadLength);
      }
      case SIOCOUTQ:
        return tell(endpoint.outQueue);
      case SIOCOUTQNSD:
        return tell(endpoint.notSent);
      case SIOCATMARK:
        return tell(Number(endpoint.isAtMark));
      default:
        return super.ioctl(task, request, argument);
    }
  }

  release(): void {
    if (!this.end()) return;
    const { endpoint, inet, stack } = this;
    inet.advance(stack);
    // What was read and has not reached its reader was not read: the peer is told so.
    endpoint.close();
    inet.deliver(stack);
    this.leaveNetwork();
  }
}
