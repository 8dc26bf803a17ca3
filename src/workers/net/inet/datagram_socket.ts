// SOCK_DGRAM and SOCK_RAW sockets of AF_INET and AF_INET6: UDP (udp(7)), ping (icmp(7)) and raw ones (raw(7)). What they
// are beside what Linux's sockets say of themselves is their endpoint's (stack/datagram/endpoint.ts).

import * as E from "../../../shared/abi/errno.ts";
import { UDP_GRO } from "../../../shared/abi/inet.ts";
import { FIONREAD, TIOCOUTQ as SIOCOUTQ } from "../../../shared/abi/ioctl.ts";
import { POLLERR, POLLHUP, POLLPRI, POLLRDHUP } from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import { copyBytes } from "../../../shared/copy_bytes.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import type { Inode } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import type { Ancillary, ControlWriter } from "../control.ts";
import type { Network } from "../network.ts";
import { int } from "../option_table.ts";
import { mayHavePort } from "../privileges.ts";
import { type Address, CAN_READ, CAN_WRITE, nothing, type Received, type SendRequest } from "../socket.ts";
import type { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import type { Message } from "../stack/datagram/message.ts";
import type { EndpointObserver } from "../stack/inet/endpoint.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import type { Packet } from "../stack/packet.ts";
import { familyOf, type InetName, name4, name6, nameOf, needsScope } from "./addresses.ts";
import { ErrorControl, RECORD_COST, receiveError } from "./error_queue.ts";
import type { Level } from "./inet_options.ts";
import { InetSocket } from "./inet_socket.ts";
import { ReceivedControl } from "./received_control.ts";
import { readSentControl, SentControl } from "./sent_control.ts";

const MESSAGE_MAX = 0xffff;
const UDP_HEADERS = 8;
/** Values of net.ipv6.auto_flowlabels with which flows are labelled where nobody says anything. */
const LABELLED: ReadonlySet<number> = new Set([1, 3]);

/** Bytes that UDP_CORK or MSG_MORE hold back, and whom they are for. */
interface Corked {
  readonly parts: Uint8Array[];
  length: number;
  readonly address: Address;
  readonly ancillary: SentControl | null;
}

export class DatagramSocket extends InetSocket implements EndpointObserver {
  declare readonly endpoint: DatagramEndpoint;
  declare readonly datagram: DatagramEndpoint;
  #corked: Corked | null = null;
  #isCorked = false;
  /** What its error queue is charged with. */
  #errorBytes = 0;

  constructor(
    network: Network,
    inode: Inode | null,
    type: number,
    protocol: number,
    status: number,
    endpoint: DatagramEndpoint,
    levels: ReadonlyMap<number, Level>,
  ) {
    super(network, inode, type, protocol, status, endpoint, levels);
    endpoint.observer = this;
    if (endpoint.isV6) endpoint.takesAllGroups4 = false;
    endpoint.labelsFlows = LABELLED.has(network.sysctls.get("net/ipv6/auto_flowlabels"));
    // Of all but UDP several may have a name (INET_PROTOSW_REUSE).
    endpoint.reuseAddress = !this.#isUdp;
  }

  /** The endpoint's: datagrams have come. */
  becameReadable(): void {
    this.waiters.wake(CAN_READ);
  }

  failed(): void {
    this.#chargeErrors();
    this.waiters.wake(POLLERR);
  }

  get keepsBounds(): boolean {
    return true;
  }

  get isListening(): boolean {
    return false;
  }

  get queuedBytes(): number {
    return this.endpoint.queue.bytes;
  }

  get #isUdp(): boolean {
    return this.endpoint.protocol === S.IPPROTO_UDP && this.raw === null;
  }

  // ---- Errors ----

  // The newest are given up where there is no memory for them.
  #chargeErrors(): void {
    const { errors } = this.endpoint;
    const { counters, heap } = this.kernel;
    const bytes = errors.reduce((sum, { payload }) => sum + payload.length + RECORD_COST, 0);
    const more = bytes - this.#errorBytes;
    if (more > 0 && !heap.hasRoom("socketMemory", more)) {
      this.endpoint.dropNewestError();
      return;
    }
    this.#errorBytes = bytes;
    counters.socketMemory += more;
  }

  takeError(): number {
    return this.endpoint.takeError();
  }

  dropErrors(): void {
    this.endpoint.dropErrors();
    this.#chargeErrors();
  }

  // ---- Names ----

  protected override nameToBind(address: Address): InetName | number {
    // Raw sockets of IPv4 do not look at the family.
    if (this.raw === null || this.isV6) return super.nameToBind(address);
    return name4(address) ?? -E.EINVAL;
  }

  protected override mayBind(task: NetCaller, { port }: InetName): boolean {
    return !this.#isUdp || mayHavePort(task, this.network, port);
  }

  connect(_task: NetCaller, address: Address): number {
    const family = familyOf(address);
    if (family < 0) return -E.EINVAL;
    if (family === S.AF_UNSPEC) {
      this.endpoint.disconnect();
      return 0;
    }
    const bound = this.endpoint.autobind();
    if (bound < 0) return bound;
    if (this.isV6 && family === S.AF_INET && this.#isUdp) {
      if (this.endpoint.v6only) return -E.EAFNOSUPPORT;
      const name = name4(address);
      return name === null ? -E.EINVAL : this.#connectTo(name);
    }
    const name = this.isV6 ? name6(address) : name4(address);
    if (name === null) return -E.EINVAL;
    return family === this.domain ? this.#connectTo(name) : -E.EAFNOSUPPORT;
  }

  #connectTo({ ip, port, scope }: InetName): number {
    this.inet.advance(this.stack);
    return this.endpoint.connect(ip, port, needsScope(ip) ? scope : 0);
  }

  // ---- Sending ----

  /** Whom a message is for; null: the peer. */
  #destinationOf(address: Address): InetName | null | number {
    if (address === "") return null;
    const family = familyOf(address);
    if (!this.isV6) {
      const name = name4(address);
      if (name === null) return -E.EINVAL;
      const isKnown = family === S.AF_INET || (family === S.AF_UNSPEC && (this.#isUdp || this.raw !== null));
      return isKnown ? name : -E.EAFNOSUPPORT;
    }
    if (this.#isUdp) {
      if (family === S.AF_UNSPEC) return null;
      if (family === S.AF_INET) return name4(address) ?? -E.EINVAL;
      return family === S.AF_INET6 ? (name6(address) ?? -E.EINVAL) : -E.EINVAL;
    }
    const name = name6(address);
    if (name === null) return -E.EINVAL;
    const isKnown = family === S.AF_INET6 || (family === S.AF_UNSPEC && this.raw !== null);
    return isKnown ? name : -E.EAFNOSUPPORT;
  }

  send(task: NetCaller, request: SendRequest<SentControl>): number {
    const { data, flags } = request;
    // Whatever is wrong with a message, its sender has a port then.
    const bound = this.endpoint.autobind();
    if (bound < 0) return bound;
    if (data.length > MESSAGE_MAX) return -E.EMSGSIZE;
    if ((flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    const isMore = this.#isUdp && (this.#isCorked || (flags & S.MSG_MORE) !== 0);
    if (this.#corked !== null) return this.#append(task, data, isMore);
    if (isMore) return this.#cork(task, request);
    return this.#sendTo(task, data, flags, request.address, request.ancillary);
  }

  #sendTo(
    task: NetCaller,
    data: Uint8Array,
    flags: number,
    address: Address,
    control: SentControl | null,
  ): number {
    const { inet, stack, endpoint } = this;
    const to = this.#destinationOf(address);
    if (typeof to === "number") return to;
    const ip = to?.ip ?? endpoint.remote;
    if (ip === null) return -E.EDESTADDRREQ;
    const message = this.#address(inet.message, to, ip);
    message.staysOnLink = (flags & S.MSG_DONTROUTE) !== 0;
    let segmentSize = this.segmentSize;
    let mark: number | null = null;
    if (control !== null) {
      const error = readSentControl(task, stack.core, this.network, control, message, this.isV6, !ip.isV4);
      if (error < 0) return error;
      if (control.segmentSize >= 0) segmentSize = control.segmentSize;
      mark = control.mark;
    }
    this.#fillIn(message, ip);
    inet.advance(stack);
    const before = endpoint.mark;
    if (mark !== null) this.#setMark(mark);
    if (this.#isUdp) message.segmentSize = segmentSize;
    const n = endpoint.send(data, message);
    if (mark !== null) this.#setMark(before);
    inet.deliver(stack);
    return n;
  }

  #setMark(mark: number): void {
    this.endpoint.mark = mark;
    this.endpoint.optionsChanged();
  }

  #address(message: Message, to: InetName | null, ip: IpAddress): Message {
    message.to(to?.ip ?? null, to?.port ?? 0);
    if (to !== null && to.scope !== 0 && needsScope(ip)) message.device = to.scope;
    return message;
  }

  /** What options say where the message says nothing. */
  #fillIn(message: Message, { isV4, isMulticast }: IpAddress): void {
    const { sticky6 } = this;
    if (!isV4 && sticky6 !== null) {
      message.source ??= sticky6.source;
      if (message.device === 0) message.device = sticky6.device;
    }
    if (message.device === 0 && !isMulticast)
      message.device = isV4 ? this.unicastDevice4 : this.unicastDevice6;
  }

  // ---- Corks ----

  #cork(task: NetCaller, { data, address, ancillary }: SendRequest<SentControl>): number {
    const to = this.#destinationOf(address);
    if (typeof to === "number") return to;
    if (to === null && this.endpoint.remote === null) return -E.EDESTADDRREQ;
    if (to?.port === 0) return -E.EINVAL;
    const corked = { parts: [], length: 0, address: to === null ? "" : address, ancillary };
    this.#corked = corked;
    const n = this.#append(task, data, true);
    if (n < 0) this.#corked = null;
    return n;
  }

  /** More of what is held back; it goes unless still more is to come. */
  #append(task: NetCaller, data: Uint8Array, isMore: boolean): number {
    const corked = this.#corked!;
    const max = MESSAGE_MAX - UDP_HEADERS;
    const { counters, heap } = this.kernel;
    if (corked.length + data.length > max) {
      this.#uncork();
      return -E.EMSGSIZE;
    }
    if (data.length > 0) {
      if (!heap.hasRoom("socketMemory", data.length + RECORD_COST)) return -E.ENOBUFS;
      counters.socketMemory += data.length + RECORD_COST;
      corked.parts.push(data);
      corked.length += data.length;
    }
    if (isMore) return data.length;
    const error = this.#push(task);
    return error < 0 ? error : data.length;
  }

  #uncork(): Corked | null {
    const corked = this.#corked;
    this.#corked = null;
    if (corked !== null)
      this.kernel.counters.socketMemory -= corked.length + corked.parts.length * RECORD_COST;
    return corked;
  }

  /** Sends what was held back. */
  #push(task: NetCaller): number {
    const corked = this.#uncork();
    if (corked === null) return 0;
    return this.#sendTo(task, Buffer.concat(corked.parts), 0, corked.address, corked.ancillary);
  }

  override get isCorked(): boolean {
    return this.#isCorked;
  }

  override setCorked(task: NetCaller, isCorked: boolean): number {
    this.#isCorked = isCorked;
    if (!isCorked) this.#push(task);
    return 0;
  }

  /** Sends bytes of the window to the peer; what is not as simple is told, or left to send(). */
  override writeAtOnce(task: NetCaller, length: number): number {
    const { endpoint, inet, stack } = this;
    if (endpoint.remote === null || length > MESSAGE_MAX || this.segmentSize !== 0) return NOT_AT_ONCE;
    if (this.#corked !== null || this.#isCorked || this.sticky6 !== null) return NOT_AT_ONCE;
    const at = task.call.base + WINDOW;
    inet.advance(stack);
    const n = endpoint.send(task.call.bytes.subarray(at, at + length), inet.message.to(null, 0));
    inet.deliver(stack);
    return n;
  }

  // ---- Receiving ----

  /** The packet that a peek with SO_PEEK_OFF begins in, and how far into it; null: there is none. */
  #peekAt(): { packet: Packet; skip: number } | null {
    let skip = Math.max(0, this.options.peekOffset);
    for (let packet = this.endpoint.queue.head; packet !== null; packet = packet.next) {
      if (skip === 0 || skip < packet.length) return { packet, skip };
      skip -= packet.length;
    }
    return null;
  }

  receive(_task: NetCaller, room: number, flags: number): Received | number {
    if ((flags & S.MSG_ERRQUEUE) !== 0) return this.#receiveError(room);
    if (!this.#isUdp && (flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    const error = this.endpoint.takeError();
    if (error !== 0) return -error;
    const isPeek = (flags & S.MSG_PEEK) !== 0;
    const peeked = isPeek ? this.#peekAt() : null;
    const packet = isPeek ? (peeked?.packet ?? null) : this.endpoint.receive();
    if (packet === null) {
      if (!this.endpoint.hasShutRead || this.neverWaits(flags)) return -E.EAGAIN;
      return nothing();
    }
    const received = this.#told(packet, peeked?.skip ?? 0, room);
    this.options.movePeek(isPeek, received.data.length, packet.length);
    if (!isPeek) packet.release();
    return received;
  }

  #told(packet: Packet, skip: number, room: number): Received {
    const { options } = this;
    const length = packet.length - skip;
    const from = packet.head + skip;
    const isStamped = options.wantsStamps || options.keepsStamp;
    const sentAt = isStamped ? this.timeOf(packet.arrivalUs) : null;
    this.hasReceived = true;
    this.lastStamp = options.keepsStamp ? sentAt : null;
    return {
      data: packet.bytes.slice(from, from + Math.min(room, length)),
      length,
      flags: room < length ? S.MSG_TRUNC : 0,
      address: this.#senderOf(packet),
      ancillary: this.#wantsControl ? new ReceivedControl(packet) : null,
      sentAt,
      putBack: () => {}, // as on Linux, it is lost
    };
  }

  #senderOf(packet: Packet): Address {
    return nameOf(this.isV6, packet.sourceAddress, packet.sourcePort, packet.device?.index ?? 0);
  }

  get #wantsControl(): boolean {
    const { options } = this;
    if (this.endpoint.gathersSegments || (options.wanted4 | options.wanted6) !== 0) return true;
    return options.kept(S.SO_RXQ_OVFL) === 1 || (options.kept(S.SO_RCVMARK) ?? 0) !== 0;
  }

  #receiveError(room: number): Received | number {
    const { endpoint } = this;
    const received = receiveError(endpoint, room, true);
    if (received === null) return -E.EAGAIN;
    this.#chargeErrors();
    if (endpoint.errors.length > 0) this.waiters.wake(POLLERR);
    return received;
  }

  /** Receives one datagram into the window, of one whose receiver wants to know nothing else. */
  override readAtOnce(task: NetCaller, address: number, length: number): number {
    const { endpoint, options } = this;
    const packet = endpoint.queue.head;
    if (packet === null || endpoint.pendingError !== 0 || options.peekOffset >= 0) return NOT_AT_ONCE;
    if (options.keepsStamp) return NOT_AT_ONCE;
    endpoint.receive();
    this.hasReceived = true;
    const n = Math.min(length, packet.length);
    copyBytes(packet.bytes, packet.head, task.call.bytes, task.call.base + WINDOW, n);
    packet.release();
    task.call.outAt(address, n, WINDOW);
    task.call.outFault = () => -E.EFAULT;
    return n;
  }

  // ---- Control messages ----

  override readControl(_task: NetCaller, bytes: Buffer): SentControl {
    return new SentControl(bytes);
  }

  override writeControl(task: NetCaller, writer: ControlWriter, received: Received, flags: number): null {
    const { options } = this;
    const ancillary: Ancillary | null = received.ancillary;
    if (ancillary instanceof ErrorControl) {
      ancillary.write(writer);
      return null;
    }
    super.writeControl(task, writer, received, flags);
    if (!(ancillary instanceof ReceivedControl)) return null;
    if (options.kept(S.SO_RXQ_OVFL) === 1 && ancillary.drops > 0)
      writer.add(S.SOL_SOCKET, S.SO_RXQ_OVFL, int(ancillary.drops));
    if ((options.kept(S.SO_RCVMARK) ?? 0) !== 0) writer.add(S.SOL_SOCKET, S.SO_MARK, int(ancillary.mark));
    if (ancillary.segmentSize !== 0) writer.add(S.IPPROTO_UDP, UDP_GRO, int(ancillary.segmentSize));
    ancillary.write(writer, options.wanted4, options.wanted6);
    return null;
  }

  // ---- Ends, and as a file ----

  shutdown(how: number): number {
    if (how < S.SHUT_RD || how > S.SHUT_RDWR) return -E.EINVAL;
    const { endpoint } = this;
    // One without a peer is shut down all the same.
    endpoint.shutdown(how);
    this.waiters.wake(this.poll());
    return endpoint.remote === null ? -E.ENOTCONN : 0;
  }

  poll(): number {
    const { endpoint, options } = this;
    let events = CAN_WRITE;
    if (endpoint.pendingError !== 0 || endpoint.errors.length > 0) {
      events |= POLLERR;
      if (options.kept(S.SO_SELECT_ERR_QUEUE) === 1) events |= POLLPRI;
    }
    if (endpoint.hasShutRead) events |= POLLRDHUP | CAN_READ;
    if (endpoint.hasShutRead && endpoint.hasShutWrite) events |= POLLHUP;
    if (endpoint.queue.head !== null) events |= CAN_READ;
    return events;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    const isPing = !this.#isUdp && this.raw === null;
    if (request === FIONREAD && !isPing)
      return this.tellNumber(task, argument, this.endpoint.queue.head?.length ?? 0);
    // What is sent has left by then.
    if (request === SIOCOUTQ && !isPing) return this.tellNumber(task, argument, 0);
    return super.ioctl(task, request, argument);
  }

  release(): void {
    if (!this.end()) return;
    const { counters } = this.kernel;
    counters.groupMemberships -= this.endpoint.membershipCount;
    counters.socketMemory -= this.#errorBytes;
    this.#errorBytes = 0;
    this.#uncork();
    this.endpoint.close();
    this.leaveNetwork();
  }
}
