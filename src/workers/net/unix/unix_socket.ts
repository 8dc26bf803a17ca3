// AF_UNIX sockets (unix(7)): their state, connections, queues and ends. What is in the queues is
// message.ts's, names are names.ts's.

import * as E from "../../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../../shared/abi/fcntl.ts";
import { FIONREAD, SIOCATMARK, TIOCOUTQ as SIOCOUTQ } from "../../../shared/abi/ioctl.ts";
import { POLLERR, POLLHUP, POLLRDHUP } from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import { copyBytes } from "../../../shared/copy_bytes.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import { now } from "../../vfs/clock.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import type { Inode } from "../../vfs/inode.ts";
import type { ControlWriter } from "../control.ts";
import type { Network } from "../network.ts";
import {
  type Address,
  CAN_READ,
  CAN_WRITE,
  nothing,
  type Received,
  type SendRequest,
  SocketFile,
} from "../socket.ts";
import { parseAncillary, UnixAncillary, writeCredentials, writePidfd, writeRights } from "./ancillary.ts";
import type { UnixCaller, UnixContext } from "./context.ts";
import { DATAGRAMS_MAX, Message, MessageQueue, trueSize } from "./message.ts";
import { NO_NAME } from "./names.ts";
import { credentialsOf, NOBODY, Peer } from "./peer.ts";
import { comesBack, consume, receiveMessage, receiveStream, restore } from "./receive.ts";
import { UnixOptions } from "./unix_options.ts";

/** What a message costs beside its bytes, as far as EMSGSIZE goes. */
const MESSAGE_OVERHEAD = 32;
/** A stream's message is no longer than this. */
const CHUNK_MAX = 32768;

export type State = "unconnected" | "connected" | "listening";

export class UnixSocket extends SocketFile {
  declare readonly kernel: UnixContext;
  /** The garbage collector's marks (garbage.ts): its round, and how often a candidate's queues hold the socket. */
  candidateIn = 0;
  heldInside = 0;
  readonly domain = S.AF_UNIX;
  override readonly options: UnixOptions;
  state: State = "unconnected";
  /** The other end, or a datagram socket's default destination. */
  peer: UnixSocket | null = null;
  readonly queue = new MessageQueue();
  /** A listening socket's connections that nobody has accepted. */
  readonly pending: UnixSocket[] = [];
  /** It is one of these. */
  isEmbryo = false;
  #backlog = 0;
  #address: Address = NO_NAME;
  /** dev:ino of the inode that bind made. */
  boundKey: string | null = null;
  receiveShut = false;
  sendShut = false;
  /** It has no descriptor any more, nor will it have one. */
  ended = false;
  #charged = 0; // memory of messages that it has sent and nobody has read
  /** Senders that wait for room in this one's queue. */
  readonly #senders = new Set<UnixSocket>();
  /** Sockets among whose #senders this one is: it leaves them when it ends. */
  readonly #waitsAt = new Set<UnixSocket>();
  /** Who listened or connected there; null: nobody has. */
  peerIdentity: Peer | null = null;

  constructor(network: Network, inode: Inode, type: number, protocol: number, status: number) {
    super(network, inode, type, protocol, status);
    this.options = new UnixOptions(this);
    this.kernel.counters.sockets++;
    this.kernel.unixSockets.add(this);
  }

  get keepsBounds(): boolean {
    return this.type !== S.SOCK_STREAM;
  }

  get #isDatagram(): boolean {
    return this.type === S.SOCK_DGRAM;
  }

  // ---- Memory ----

  charge(size: number): void {
    this.#charged += size;
    this.kernel.counters.socketMemory += size;
  }

  uncharge(size: number): void {
    this.#charged -= size;
    this.kernel.counters.socketMemory -= size;
    if (this.#writable) this.waiters.wake(CAN_WRITE);
  }

  /** What the sockets of all guests hold together is bounded. */
  hasMemory(bytes: number): boolean {
    const { heap, commonMemory } = this.kernel;
    return heap.hasRoom("socketMemory", bytes) && commonMemory.hasRoom(bytes);
  }

  get #writable(): boolean {
    return this.#charged * 4 <= this.options.sendBuffer;
  }

  // ---- Names and connections ----

  name(): Address {
    return this.#address;
  }

  peerName(): Address | number {
    return this.peer === null ? -E.ENOTCONN : this.peer.name();
  }

  bind(task: UnixCaller, address: Address): number {
    if (this.#address !== NO_NAME) return this.kernel.unixNames.bindAgain(task, address);
    const bound = this.kernel.unixNames.bind(task, this, address);
    if (typeof bound === "number") return bound;
    this.#address = bound;
    return 0;
  }

  // Credentials can only be answered to somebody with a name.
  #autobind(): number {
    if (!this.options.wantsCredentials || this.#address !== NO_NAME) return 0;
    const bound = this.kernel.unixNames.autobind(this);
    if (typeof bound === "number") return bound;
    this.#address = bound;
    return 0;
  }

  override listen(task: UnixCaller, backlog: number): number {
    if (this.#isDatagram) return -E.EOPNOTSUPP;
    if (this.state === "connected" || this.#address === NO_NAME) return -E.EINVAL;
    this.state = "listening";
    this.peerIdentity = new Peer(task);
    const room = this.#backlog;
    this.#backlog = backlog;
    if (backlog > room) this.wakeSenders();
    return 0;
  }

  get isListening(): boolean {
    return this.state === "listening";
  }

  connect(task: UnixCaller, address: Address): number {
    if (this.#isDatagram) return this.#connectDatagram(task, address);
    const other = this.kernel.unixNames.find(task, this, address);
    if (typeof other === "number") return other;
    const error = this.#autobind();
    if (error < 0) return error;
    if (!other.isListening || other.receiveShut) return -E.ECONNREFUSED;
    if (other.pending.length > other.#backlog) {
      this.#awaitRoomAt(other);
      return -E.EAGAIN;
    }
    if (this.state === "connected") return -E.EISCONN;
    if (this.state === "listening") return -E.EINVAL;
    if (!this.kernel.heap.hasRoom("sockets")) return -E.ENFILE;
    const inode = this.kernel.anonymous.socket(task.credentials);
    const server = new UnixSocket(this.network, inode, this.type, this.protocol, 0);
    server.#address = other.#address;
    server.options.inherit(other.options);
    join(this, server);
    server.peerIdentity = new Peer(task);
    this.peerIdentity = other.peerIdentity;
    server.isEmbryo = true;
    other.pending.push(server);
    other.waiters.wake(CAN_READ);
    return 0;
  }

  #connectDatagram(task: UnixCaller, address: Address): number {
    let other: UnixSocket | number | null = null;
    if (address.charCodeAt(0) !== S.AF_UNSPEC || address.charCodeAt(1) !== 0) {
      other = this.kernel.unixNames.find(task, this, address);
      if (typeof other === "number") return other;
      const error = this.#autobind();
      if (error < 0) return error;
      if (!other.#admits(this)) return -E.EPERM;
    }
    if (this.peer !== other) this.#leaveDatagramPeer();
    this.peer = other;
    this.state = other === null ? "unconnected" : "connected";
    if (other !== null) this.peerIdentity = other.peerIdentity;
    this.waiters.wake(CAN_WRITE);
    return 0;
  }

  // What the old peer has sent is lost, and it learns of that.
  #leaveDatagramPeer(): void {
    const { peer } = this;
    if (peer === null || this.queue.length === 0) return;
    this.purge();
    this.wakeSenders();
    if (peer.ended || peer.peer !== this) return;
    peer.options.error = E.ECONNRESET;
    peer.waiters.wake(POLLERR);
  }

  // A datagram socket with a peer hears that peer alone.
  #admits(sender: UnixSocket): boolean {
    return this.peer === null || this.peer === sender;
  }

  override accept(status: number): SocketFile | number {
    if (this.#isDatagram) return -E.EOPNOTSUPP;
    if (this.state !== "listening") return -E.EINVAL;
    const socket = this.pending.shift();
    if (socket === undefined) return this.receiveShut ? -E.EINVAL : -E.EAGAIN;
    socket.isEmbryo = false;
    socket.flags |= status;
    this.wakeSenders();
    return socket;
  }

  #awaitRoomAt(other: UnixSocket): void {
    other.#senders.add(this);
    this.#waitsAt.add(other);
  }

  /** There is room in its queue again. */
  wakeSenders(): void {
    for (const sender of this.#senders) {
      sender.#waitsAt.delete(this);
      sender.waiters.wake(CAN_WRITE);
    }
    this.#senders.clear();
  }

  // ---- Sending ----

  send(task: UnixCaller, request: SendRequest<UnixAncillary>): number {
    if ((request.flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    return this.type === S.SOCK_STREAM ? this.#sendStream(task, request) : this.#sendMessage(task, request);
  }

  #sendStream(task: UnixCaller, { data, address, ancillary }: SendRequest<UnixAncillary>): number {
    if (address !== "") return this.state === "connected" ? -E.EISCONN : -E.EOPNOTSUPP;
    const { peer } = this;
    if (peer === null) return -E.ENOTCONN;
    if (this.sendShut || peer.ended || peer.receiveShut) return -E.EPIPE;
    if (data.length === 0) return 0;
    if (this.#charged >= this.options.sendBuffer) return -E.EAGAIN;
    if (!this.hasMemory(trueSize(Math.min(data.length, CHUNK_MAX)))) return -E.ENOBUFS;
    const chunk = data.length > CHUNK_MAX ? data.slice(0, CHUNK_MAX) : data;
    peer.#enqueue(new Message(this, chunk, this.#envelope(task, peer, ancillary)));
    return chunk.length;
  }

  // As sock_alloc_send_pskb: what the peer has left comes before the end that it has made, and neither with SIGPIPE.
  override afterWaitingForRoom(): number {
    const error = this.options.takeError();
    if (error !== 0) return -error;
    return this.sendShut ? -E.EPIPE : 0;
  }

  override sendBufferChanged(): void {
    if (this.#writable) this.waiters.wake(CAN_WRITE);
  }

  override get isFull(): boolean {
    const { peer } = this;
    if (peer === null || this.sendShut || peer.ended || peer.receiveShut) return false;
    return this.#charged >= this.options.sendBuffer;
  }

  /** Sends bytes of the window as a message of a stream; what does not go at once is told, or left to sendFrom. */
  override writeAtOnce(task: UnixCaller, length: number): number {
    const { peer } = this;
    if (this.type !== S.SOCK_STREAM || length > CHUNK_MAX || peer === null) return NOT_AT_ONCE;
    if (this.sendShut || peer.ended || peer.receiveShut) return NOT_AT_ONCE;
    if (this.isFull) return this.neverWaits(0) ? -E.EAGAIN : NOT_AT_ONCE;
    if (!this.hasMemory(trueSize(length))) return -E.ENOBUFS;
    const at = task.call.base + WINDOW;
    const data = task.call.bytes.slice(at, at + length);
    peer.#enqueue(new Message(this, data, this.#envelope(task, peer, null)));
    return length;
  }

  #sendMessage(task: UnixCaller, request: SendRequest<UnixAncillary>): number {
    const { data, ancillary } = request;
    const isDatagram = this.#isDatagram;
    if (data.length > this.options.sendBuffer - MESSAGE_OVERHEAD) return -E.EMSGSIZE;
    if (!isDatagram && this.state !== "connected") return -E.ENOTCONN;
    const explicit = isDatagram && request.address !== "";
    const error = this.#autobind();
    if (error < 0) return error;
    const target = explicit ? this.kernel.unixNames.find(task, this, request.address) : this.peer;
    if (typeof target === "number") return target;
    if (target === null) return -E.ENOTCONN;
    const pending = this.options.takeError();
    if (pending !== 0) return -pending;
    if (this.sendShut) return -E.EPIPE;
    if (target.ended) return this.#sendToNobody(explicit);
    if (!target.#admits(this) && isDatagram) return -E.EPERM;
    if (target.receiveShut) return -E.EPIPE;
    if (this.#charged >= this.options.sendBuffer) return -E.EAGAIN;
    if (!this.hasMemory(trueSize(data.length))) return -E.ENOBUFS;
    if (target.#isFullFor(this)) {
      this.#awaitRoomAt(target);
      return -E.EAGAIN;
    }
    target.#enqueue(new Message(this, data, this.#envelope(task, target, ancillary)));
    return data.length;
  }

  #sendToNobody(explicit: boolean): number {
    if (!this.#isDatagram) return -E.EPIPE;
    if (!explicit) {
      this.peer = null;
      this.state = "unconnected";
    }
    return -E.ECONNREFUSED;
  }

  // Two that are connected to each other wait for memory alone.
  #isFullFor(sender: UnixSocket): boolean {
    return this !== sender && this.peer !== sender && this.queue.length > DATAGRAMS_MAX;
  }

  // Credentials go along where either end asks for them.
  #envelope(task: UnixCaller, target: UnixSocket, ancillary: UnixAncillary | null): UnixAncillary | null {
    if (ancillary?.credentials != null) return ancillary;
    if (!this.options.wantsCredentials && !target.options.wantsCredentials) return ancillary;
    const credentials = credentialsOf(task);
    return ancillary?.from(credentials) ?? new UnixAncillary(this.kernel, [], credentials);
  }

  #enqueue(message: Message): void {
    if (this.options.timestamps !== 0) message.sentAt = now(this.kernel.native);
    this.queue.push(message);
    this.waiters.wake(CAN_READ);
  }

  // ---- Receiving ----

  receive(_task: UnixCaller, room: number, flags: number): Received<UnixAncillary> | number {
    if ((flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    if (this.type !== S.SOCK_DGRAM && this.state !== "connected")
      return this.type === S.SOCK_STREAM ? -E.EINVAL : -E.ENOTCONN;
    const first = this.queue.first;
    if (first === undefined) {
      const error = this.options.takeError();
      if (error !== 0) return -error;
      return this.receiveShut ? nothing() : -E.EAGAIN;
    }
    const received = this.keepsBounds ? receiveMessage(this, room, flags) : receiveStream(this, room, flags);
    return received ?? -E.EAGAIN;
  }

  /** Takes bytes of a stream's first message, if it has nothing with it and no other is needed. */
  override readAtOnce(task: UnixCaller, address: number, length: number): number {
    const { options, queue } = this;
    const message = queue.first;
    if (this.type !== S.SOCK_STREAM || this.state !== "connected") return NOT_AT_ONCE;
    if (message === undefined) {
      const isQuiet = options.error === 0 && !this.receiveShut;
      return isQuiet && (this.flags & O_NONBLOCK) !== 0 ? -E.EAGAIN : NOT_AT_ONCE;
    }
    if (message.ancillary !== null || options.wantsCredentials || options.timestamps !== 0)
      return NOT_AT_ONCE;
    const n = Math.min(length, message.left);
    if ((n < length && queue.length > 1) || n < options.receiveLow || options.peekOffset >= 0)
      return NOT_AT_ONCE;
    const from = message.consumed;
    copyBytes(message.data, from, task.call.bytes, task.call.base + WINDOW, n);
    consume(this, message, n);
    const { place } = queue;
    task.call.outAt(address, n, WINDOW);
    task.call.outFault = (copied) => {
      if (copied < n && comesBack(this, place, n)) {
        restore(this, message, from);
        this.waiters.wake(CAN_READ);
      }
      return -E.EFAULT;
    };
    return n;
  }

  // ---- Control messages ----

  override readControl(task: UnixCaller, bytes: Buffer): UnixAncillary | null | number {
    return parseAncillary(task, bytes);
  }

  override writeControl(
    task: UnixCaller,
    writer: ControlWriter,
    received: Received<UnixAncillary>,
    flags: number,
  ): number[] | null {
    super.writeControl(task, writer, received, flags);
    const { options } = this;
    const sender = received.ancillary?.credentials ?? NOBODY;
    const rights = received.ancillary?.rights ?? [];
    if (options.passCredentials) writeCredentials(task, writer, sender);
    const closeOnExec = (flags & S.MSG_CMSG_CLOEXEC) !== 0;
    const given = rights.length > 0 ? writeRights(task, writer, rights, closeOnExec) : [];
    if (options.passPidfd) given.push(...writePidfd(task, writer, sender));
    return given.length > 0 || rights.length > 0 ? given : null;
  }

  override takeBack(task: UnixCaller, descriptors: readonly number[]): void {
    for (const fd of descriptors) task.files.close(fd);
  }

  // ---- Ends ----

  shutdown(how: number): number {
    if (how < S.SHUT_RD || how > S.SHUT_RDWR) return -E.EINVAL;
    const receive = how !== S.SHUT_WR;
    const send = how !== S.SHUT_RD;
    const { peer } = this;
    if (receive) this.receiveShut = true;
    if (send) this.sendShut = true;
    this.#stateChanged();
    if (peer === null || this.#isDatagram) return 0;
    if (receive) peer.sendShut = true;
    if (send) peer.receiveShut = true;
    peer.#stateChanged();
    return 0;
  }

  #stateChanged(): void {
    const hangUp = this.receiveShut && this.sendShut ? POLLHUP : 0;
    this.waiters.wake(CAN_READ | CAN_WRITE | (this.receiveShut ? POLLRDHUP : 0) | hangUp);
    this.wakeSenders();
  }

  poll(): number {
    let events = 0;
    if (this.options.error !== 0) events |= POLLERR;
    if (this.receiveShut && this.sendShut) events |= POLLHUP;
    if (this.receiveShut) events |= POLLRDHUP | CAN_READ;
    if (this.queue.length > 0 || this.pending.length > 0) events |= CAN_READ;
    if (!this.#isDatagram && this.state === "unconnected") events |= POLLHUP;
    if (this.state !== "listening" && this.#writable && !this.#peerIsFull()) events |= CAN_WRITE;
    return events;
  }

  #peerIsFull(): boolean {
    const { peer } = this;
    if (!this.#isDatagram || peer === null || peer.ended || !peer.#isFullFor(this)) return false;
    this.#awaitRoomAt(peer);
    return true;
  }

  override ioctl(task: UnixCaller, request: number, argument: number): number {
    switch (request) {
      case SIOCOUTQ:
        return this.tellNumber(task, argument, this.#charged);
      case FIONREAD: {
        if (this.state === "listening") return -E.EINVAL;
        const bytes = this.#isDatagram ? (this.queue.first?.data.length ?? 0) : this.queue.bytes;
        return this.tellNumber(task, argument, bytes);
      }
      case SIOCATMARK:
        if (this.type !== S.SOCK_STREAM) return -E.EOPNOTSUPP;
        return this.tellNumber(task, argument, 0);
      default:
        return super.ioctl(task, request, argument);
    }
  }

  /** Lets go of everything in its queues. */
  purge(): boolean {
    let any = false;
    for (let message = this.queue.shift(); message !== undefined; message = this.queue.shift()) {
      message.release();
      any = true;
    }
    for (const socket of this.pending.splice(0)) socket.#end(true);
    return any;
  }

  release(): void {
    this.#end(false);
  }

  /** `embryo`: nobody has ever accepted it. */
  #end(embryo: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.kernel.counters.sockets--;
    this.leaveNetwork();
    this.kernel.unixSockets.delete(this);
    this.kernel.unixNames.release(this);
    const { peer } = this;
    const unread = embryo || this.queue.length > 0;
    this.receiveShut = true;
    this.sendShut = true;
    if (peer !== null && !this.#isDatagram && !peer.ended) {
      peer.receiveShut = true;
      peer.sendShut = true;
      if (unread) peer.options.error = E.ECONNRESET;
      peer.waiters.wake(CAN_READ | CAN_WRITE | POLLHUP | POLLRDHUP);
    }
    this.purge();
    this.wakeSenders();
    for (const other of this.#waitsAt) other.#senders.delete(this);
    this.#waitsAt.clear();
    this.kernel.unixGarbage.collectSoon();
  }
}

/** Makes two sockets the ends of a connection. */
export function join(a: UnixSocket, b: UnixSocket): void {
  a.peer = b;
  b.peer = a;
  a.state = "connected";
  b.state = "connected";
}

export function connectPair(task: UnixCaller, a: UnixSocket, b: UnixSocket): void {
  join(a, b);
  a.peerIdentity = new Peer(task);
  b.peerIdentity = a.peerIdentity;
}
