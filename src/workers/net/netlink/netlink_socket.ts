// AF_NETLINK sockets (netlink(7)): their ports, what is sent to the kernel or to each other, and queues of what comes.
// What the kernel answers is a protocol's (protocols.ts).

import * as E from "../../../shared/abi/errno.ts";
import { FIONREAD } from "../../../shared/abi/ioctl.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { POLLERR } from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { NetCaller, Requester } from "../caller.ts";
import type { ControlWriter } from "../control.ts";
import { errorOf, type Outcome } from "../devices/outcome.ts";
import { NamedNetworks } from "../named_networks.ts";
import type { Network } from "../network.ts";
import { mayAdminister } from "../privileges.ts";
import { type Address, CAN_READ, CAN_WRITE, type Received, type SendRequest, SocketFile } from "../socket.ts";
import type { Answer, Told } from "./answer.ts";
import { chargeOf, Inbox } from "./inbox.ts";
import { copyOf, MessageWriter, type Request, requestsIn } from "./message.ts";
import { NetlinkOptions } from "./netlink_options.ts";
import type { Receiver } from "./ports.ts";
import type { Protocol } from "./protocols.ts";

/** struct sockaddr_nl */
const ADDRESS_SIZE = 12;
/** What a message costs beside its bytes, as far as EMSGSIZE goes. */
const MESSAGE_OVERHEAD = 32;
/** Messages of a dump come in pieces that are no longer than that, or as what was received into, up to a maximum. */
const PIECE_MIN = 3776;
const PIECE_MAX = 32768 - 320;
const ERROR_SIZE = 4;
/** What an explanation costs beside its text. */
const EXPLAINED_MAX = 16;
/** An error tells what was asked; for more than that there is no memory in one piece. */
const QUOTED_MAX = (4 << 20) - 1024;
const KERNEL_PORT = 0;
/** What a dump ends with is its acknowledgement. */
const DUMPS = 1;
/** Requests that are served before it is looked whether the turn is full. */
const SERVED_AT_ONCE = 16;
/** What a dump looks at before it is looked whether the turn is full. */
const LOOKED_AT_ONCE = 64;

function addressOf(port: number, groups: number): Address {
  const bytes = Buffer.alloc(ADDRESS_SIZE);
  bytes.writeUInt16LE(S.AF_NETLINK, 0);
  bytes.writeUInt32LE(port >>> 0, 4);
  bytes.writeUInt32LE(groups >>> 0, 8);
  return bytes.toString("latin1");
}

/** The groups of an address in which there is that one alone, or none. */
function maskOf(group: number): number {
  return group === 0 ? 0 : 1 << (group - 1);
}

/** Whom an address names as a receiver: of groups the first alone. */
interface Named {
  readonly port: number;
  readonly group: number;
}

/** The port and groups of an address, or -EINVAL. */
function portAndGroups(address: Address): readonly [number, number] | number {
  if (address.length < ADDRESS_SIZE) return -E.EINVAL;
  const bytes = Buffer.from(address, "latin1");
  if (bytes.readUInt16LE(0) !== S.AF_NETLINK) return -E.EINVAL;
  return [bytes.readUInt32LE(4), bytes.readInt32LE(8)];
}

function named(address: Address): Named | number {
  const found = portAndGroups(address);
  if (typeof found === "number") return found;
  const [port, groups] = found;
  return { port, group: 32 - Math.clz32(groups & -groups) };
}

/** A dump that is told in pieces, as its receiver takes them. */
interface Dump {
  readonly request: Request;
  readonly rest: Iterator<Told, number | undefined>;
  /** What the last piece had no room for. */
  left: Buffer | null;
  /** All of it has been told, but for what is left. */
  isOver: boolean;
}

export class NetlinkSocket extends SocketFile implements Receiver {
  readonly domain = S.AF_NETLINK;
  override readonly options: NetlinkOptions;
  readonly #protocol: Protocol;
  readonly #inbox = new Inbox();
  /** A message had no room: there is none for others until all that there were have been received. */
  #isCongested = false;
  /** Those that wait for room here, and where this one waits. */
  readonly #senders = new Set<Receiver>();
  readonly #waitsAt = new Set<Receiver>();
  /** 0: none yet. */
  #port = 0;
  #isBound = false;
  #peer: Named = { port: KERNEL_PORT, group: 0 };
  #isConnected = false;
  #dump: Dump | null = null;
  #piece = PIECE_MIN;
  /** What was sent last is not told to all of its group yet, or not all of its requests are served. */
  #isBusy = false;
  /** ... and the call that has sent it waits for that. */
  #isServing = false;
  #hasEnded = false;

  constructor(network: Network, protocol: Protocol, type: number, number: number, status: number) {
    super(network, network.kernel.anonymous.socket(network.kernel.rootCredentials), type, number, status);
    this.#protocol = protocol;
    this.options = new NetlinkOptions(this, protocol);
    this.kernel.counters.sockets++;
  }

  get keepsBounds(): boolean {
    return true;
  }

  // ---- Ports and groups ----

  name(): Address {
    return addressOf(this.#port, this.options.memberships.low);
  }

  peerName(): Address {
    return addressOf(this.#peer.port, maskOf(this.#peer.group));
  }

  bind(task: NetCaller, address: Address): number {
    const wanted = portAndGroups(address);
    if (typeof wanted === "number") return wanted;
    const [port, groups] = wanted;
    if (groups !== 0 && !this.options.mayListen(task)) return -E.EPERM;
    if (this.#isBound) {
      if (port !== this.#port) return -E.EINVAL;
    } else {
      const error = port === 0 ? this.#autobind(task) : this.#bindTo(port);
      if (error < 0) return error;
    }
    this.options.memberships.low = groups;
    return 0;
  }

  #bindTo(port: number): number {
    if (!this.network.netlinkPorts.take(this.protocol, port, this)) return -E.EADDRINUSE;
    this.#port = port;
    this.#isBound = true;
    return 0;
  }

  // The process's number, or if another of its sockets has it, one that no process has.
  #autobind(task: NetCaller): number {
    if (this.#isBound) return 0;
    const { netlinkPorts } = this.network;
    const port = netlinkPorts.isFree(this.protocol, task.pid) ? task.pid : netlinkPorts.unused(this.protocol);
    return this.#bindTo(port);
  }

  connect(task: NetCaller, address: Address): number {
    if (address.length < 2) return -E.EINVAL;
    if (address.charCodeAt(0) === S.AF_UNSPEC && address.charCodeAt(1) === 0) {
      this.#peer = { port: KERNEL_PORT, group: 0 };
      this.#isConnected = false;
      return 0;
    }
    const peer = named(address);
    if (typeof peer === "number") return peer;
    const error = this.#mayReach(task, peer);
    if (error < 0) return error;
    const bound = this.#autobind(task);
    if (bound < 0) return bound;
    this.#peer = peer;
    this.#isConnected = true;
    return 0;
  }

  /** Whether who calls may send to others than the kernel. */
  #mayReach(task: NetCaller, { port, group }: Named): number {
    if ((port === KERNEL_PORT && group === 0) || this.#protocol.mayAnyoneSend) return 0;
    return mayAdminister(task, this.network) ? 0 : -E.EPERM;
  }

  // ---- Sending ----

  override get isServing(): boolean {
    return this.#isServing;
  }

  send(task: NetCaller, { data, flags, address }: SendRequest): number {
    if ((flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    if (data.length === 0) return -E.ENODATA;
    const to = address === "" ? this.#peer : named(address);
    if (typeof to === "number") return to;
    const error = address === "" ? 0 : this.#mayReach(task, to);
    if (error < 0) return error;
    const bound = this.#autobind(task);
    if (bound < 0) return bound;
    if (data.length > this.options.sendBuffer - MESSAGE_OVERHEAD) return -E.EMSGSIZE;
    if (this.#isBusy) return -E.EAGAIN;
    // It may be kept until it has been served or told.
    if (!this.kernel.heap.hasRoom("socketMemory", data.length)) return -E.ENOBUFS;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const sent = to.port === KERNEL_PORT ? this.#ask(task, bytes) : this.#sendTo(to, bytes);
    if (to.group !== 0 && sent !== -E.EAGAIN) this.#tellGroup(to, bytes);
    return sent < 0 ? sent : data.length;
  }

  #sendTo({ port, group }: Named, bytes: Buffer): number {
    const receiver = this.network.netlinkPorts.at(this.protocol, port);
    if (receiver === undefined) return -E.ECONNREFUSED;
    const error = receiver.receiveFrom(this, bytes, maskOf(group));
    if (error === -E.EAGAIN) this.#waitsAt.add(receiver);
    return error;
  }

  receiveFrom(sender: Receiver, bytes: Buffer, groups: number): number {
    if (this.#isConnected && this.#peer.port !== sender.port) return -E.ECONNREFUSED;
    if (this.#take(bytes, sender.port, groups)) return 0;
    this.#senders.add(sender);
    return -E.EAGAIN;
  }

  mayGoOn(at: Receiver): void {
    this.#waitsAt.delete(at);
    this.waiters.wake(CAN_WRITE);
  }

  forgetSender(sender: Receiver): void {
    this.#senders.delete(sender);
  }

  #tellGroup({ port, group }: Named, bytes: Buffer): void {
    const telling = { sender: this, port: this.#port, except: port };
    const after = () => this.#rest(bytes, false);
    const isOver = this.network.netlinkPorts.tellGroups(this.protocol, maskOf(group), telling, bytes, after);
    if (!isOver) this.#rest(bytes, true);
  }

  /** What goes on behind the call that has sent something, by pieces, begins or ends: until then nothing else is sent. */
  #rest(bytes: Buffer, isBusy: boolean): void {
    this.#isBusy = isBusy;
    this.kernel.counters.socketMemory += isBusy ? bytes.length : -bytes.length;
    if (!isBusy) this.waiters.wake(CAN_WRITE);
  }

  /** To the kernel: 0 or a negative errno. */
  #ask(task: NetCaller, bytes: Buffer): number {
    const { serve, serveAll } = this.#protocol;
    if (serve === null) return -E.ECONNREFUSED;
    if (serveAll !== undefined) return this.#askAll(task, bytes, serve, serveAll);
    const { kernel, credentials, firstTid } = task;
    const { network } = this;
    const asking = { slot: task.call.slot, firstTid };
    const requests = requestsIn(bytes);
    let next = requests.next();
    /** One that waits for network namespaces that it names; they came with it. */
    let named: NamedNetworks | null = null;
    const hasNames = (request: Request): boolean => {
      named = new NamedNetworks();
      const names = this.#protocol.namesIn?.(request) ?? [];
      return names.length === 0 || named.find(kernel, asking, names, () => kernel.steps.later(goOn));
    };
    /** Serves some: whether this is over, is to go on, or goes on when somebody has answered. */
    const piece = (): "over" | "more" | "waits" => {
      do
        for (let i = 0; i < SERVED_AT_ONCE; i++) {
          if (next.done === true || this.#hasEnded) {
            named?.release();
            return "over";
          }
          if (named === null && !hasNames(next.value)) return "waits";
          this.#serve({ kernel, credentials, network, named: named! }, serve, next.value);
          named!.release();
          named = null;
          next = requests.next();
        }
      while (!kernel.longTurns.isFull);
      return "more";
    };
    const goOn = (): boolean => {
      const state = piece();
      if (state === "over") this.#rest(bytes, false);
      return state !== "more";
    };
    const state = piece();
    if (state === "over") return 0;
    this.#rest(bytes, true);
    if (state === "more") kernel.steps.later(goOn);
    return 0;
  }

  /** As #ask, of a protocol that goes through what was sent by itself: the call is over when that is. */
  #askAll(
    { kernel, credentials }: NetCaller,
    bytes: Buffer,
    serve: NonNullable<Protocol["serve"]>,
    serveAll: NonNullable<Protocol["serveAll"]>,
  ): number {
    const by = { kernel, credentials, network: this.network, named: new NamedNetworks() };
    const acknowledge = (request: Request, outcome: Outcome): void => this.#acknowledge(request, outcome);
    const work = serveAll(by, bytes, acknowledge, (request) => {
      if (!this.#hasEnded) this.#serve(by, serve, request);
    });
    const piece = (): boolean => {
      do {
        const { done, value } = work.next();
        if (done === true) return true;
        if (value) return false;
      } while (!kernel.longTurns.isFull);
      return false;
    };
    if (piece()) return 0;
    this.#isServing = true;
    this.#rest(bytes, true);
    kernel.steps.later(() => {
      let isOver = true; // should it throw
      try {
        isOver = piece();
      } finally {
        this.#isServing = !isOver;
        if (isOver) this.#rest(bytes, false);
      }
      return isOver;
    });
    return 0;
  }

  #serve(by: Requester, serve: NonNullable<Protocol["serve"]>, sent: Request): void {
    const { flags, type } = sent;
    // A dump keeps what was asked, and is not to keep all that was sent with it.
    const request = (flags & N.NLM_F_DUMP) !== 0 && this.#dump === null ? copyOf(sent) : sent;
    const isAsked = (flags & N.NLM_F_REQUEST) !== 0 && type >= N.NLMSG_MIN_TYPE;
    const asker = { socket: this, port: this.#port, isStrict: this.options.isStrict };
    const outcome = isAsked ? this.#answer(serve(by, request, asker), request) : 0;
    const error = errorOf(outcome);
    if (error < 0 || (error !== DUMPS && (flags & N.NLM_F_ACK) !== 0)) this.#acknowledge(request, outcome);
  }

  /** 0, an error, or DUMPS. */
  #answer(answer: Answer | Outcome, request: Request): Outcome {
    if (typeof answer === "number") return answer;
    if (answer === null) return 0;
    if ("error" in answer) return answer;
    const writer = new MessageWriter(request.sequence, this.#port);
    if (typeof answer === "function") {
      answer(writer);
      this.enqueue(writer.bytes, KERNEL_PORT, 0);
      return 0;
    }
    const rest = answer[Symbol.iterator]();
    if (this.#dump !== null) {
      rest.return?.();
      return -E.EBUSY;
    }
    this.#dump = { request, rest, left: null, isOver: false };
    this.kernel.counters.socketMemory += request.bytes.length;
    this.#goOn();
    return DUMPS;
  }

  /** The next piece of a dump, if its receiver has taken the last one. */
  #goOn(): void {
    const dump = this.#dump;
    if (dump === null || !this.#inbox.isEmpty) return;
    const writer = new MessageWriter(dump.request.sequence, this.#port);
    if (dump.left !== null) writer.put(dump.left);
    dump.left = null;
    for (let looked = 1; !dump.isOver; looked++) {
      if (looked % LOOKED_AT_ONCE === 0 && this.kernel.longTurns.isFull) {
        // What is told already may be received; if that is nothing, this goes on by itself.
        if (writer.length > 0) break;
        this.kernel.steps.later(() => {
          this.#goOn();
          return true;
        });
        return;
      }
      const before = writer.length;
      const next = dump.rest.next();
      if (next.done === true) {
        const ending = Buffer.alloc(ERROR_SIZE);
        const value = next.value ?? 0;
        ending.writeInt32LE(Math.min(value, 0));
        writer.begin(N.NLMSG_DONE, N.NLM_F_MULTI | Math.max(value, 0), ending).end();
        dump.isOver = true;
      } else next.value?.(writer);
      if (before > 0 && writer.length > this.#piece) {
        dump.left = writer.cut(before);
        break;
      }
    }
    if (dump.isOver && dump.left === null) this.#endDump();
    this.enqueue(writer.bytes, KERNEL_PORT, 0);
  }

  #endDump(): void {
    if (this.#dump === null) return;
    const { request, rest, isOver } = this.#dump;
    this.#dump = null;
    this.kernel.counters.socketMemory -= request.bytes.length;
    if (!isOver) rest.return?.();
  }

  // With an error comes what was asked, unless its sender does without, and what it means, if it wants that.
  #acknowledge({ bytes, sequence }: Request, outcome: Outcome): void {
    // It would be lost, and may be long.
    if (this.#isCongested) return;
    const error = errorOf(outcome);
    const { text = "", offset = 0 } = typeof outcome === "number" ? {} : outcome;
    const isWhole = error < 0 && !this.options.capsAcknowledgements;
    if (isWhole && bytes.length > QUOTED_MAX) {
      this.#overrun();
      return;
    }
    const body = Buffer.alloc(ERROR_SIZE + (isWhole ? bytes.length : N.NLMSG_HDRLEN));
    body.writeInt32LE(error);
    bytes.copy(body, ERROR_SIZE, 0, body.length - ERROR_SIZE);
    const room = N.NLMSG_HDRLEN + body.length + text.length + EXPLAINED_MAX;
    const writer = new MessageWriter(sequence, this.#port, room);
    const isExplained = (text !== "" || offset > 0) && this.options.explainsErrors;
    const flags = (isWhole ? 0 : N.NLM_F_CAPPED) | (isExplained ? N.NLM_F_ACK_TLVS : 0);
    writer.begin(N.NLMSG_ERROR, flags, body);
    if (isExplained && text !== "") writer.text(N.NLMSGERR_ATTR_MSG, text);
    if (isExplained && offset > 0) writer.u32(N.NLMSGERR_ATTR_OFFS, offset);
    writer.end();
    this.enqueue(writer.bytes, KERNEL_PORT, 0);
  }

  // ---- Receiving ----

  get port(): number {
    return this.#port;
  }

  isIn(groups: number): boolean {
    return (this.options.memberships.low & groups) !== 0;
  }

  enqueue(bytes: Buffer, from: number, groups: number): void {
    if (!this.#take(bytes, from, groups)) this.#overrun();
  }

  /** A message was lost, of which its receiver is to know. */
  #overrun(): void {
    if (this.options.toleratesLoss || this.#isCongested) return;
    this.#isCongested = true;
    this.options.error = E.ENOBUFS;
    this.waiters.wake(POLLERR);
  }

  /** Queues a message; false: there is no room. */
  #take(bytes: Buffer, from: number, groups: number): boolean {
    if (this.#hasEnded) return true;
    const charge = chargeOf(bytes.length);
    const { counters, heap, commonMemory } = this.kernel;
    if (this.#isCongested) return false;
    if (!this.#inbox.isEmpty && this.#inbox.charge + charge > this.options.receiveBuffer) return false;
    if (!heap.hasRoom("socketMemory", charge) || !commonMemory.hasRoom(charge)) return false;
    this.#inbox.push({ bytes, from, groups });
    counters.socketMemory += charge;
    this.waiters.wake(CAN_READ);
    return true;
  }

  #shift(): void {
    this.kernel.counters.socketMemory -= this.#inbox.shift();
    if (this.#inbox.isEmpty) this.#isCongested = false;
    if (!this.#isCongested) this.#wakeSenders();
  }

  #wakeSenders(): void {
    for (const sender of this.#senders) sender.mayGoOn(this);
    this.#senders.clear();
  }

  receive(_task: NetCaller, room: number, flags: number): Received | number {
    if ((flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    const error = this.options.takeError();
    if (error !== 0) return -error;
    const { first } = this.#inbox;
    if (first === undefined) return -E.EAGAIN;
    const { bytes, from, groups } = first;
    this.#piece = Math.min(Math.max(this.#piece, room), PIECE_MAX);
    if ((flags & S.MSG_PEEK) === 0) {
      this.#shift();
      this.#goOn();
    }
    return {
      data: bytes.subarray(0, room),
      length: bytes.length,
      flags: bytes.length > room ? S.MSG_TRUNC : 0,
      address: addressOf(from, groups),
      ancillary: null,
      putBack: () => {}, // as on Linux, it is lost
    };
  }

  readControl(): null {
    return null;
  }

  override writeControl(task: NetCaller, writer: ControlWriter, received: Received, flags: number): null {
    super.writeControl(task, writer, received, flags);
    this.options.writeControl(writer, received.address);
    return null;
  }

  // ---- As a file ----

  poll(): number {
    let events = CAN_WRITE;
    if (this.options.error !== 0) events |= POLLERR;
    if (!this.#inbox.isEmpty) events |= CAN_READ;
    return events;
  }

  shutdown(): number {
    return -E.EOPNOTSUPP;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    // Linux has none of these either.
    return request === FIONREAD ? -E.ENOTTY : super.ioctl(task, request, argument);
  }

  release(): void {
    if (this.#isBound) this.network.netlinkPorts.release(this.protocol, this.#port);
    this.#hasEnded = true;
    this.options.memberships.low = 0;
    this.kernel.counters.socketMemory -= this.#inbox.clear();
    this.#endDump();
    this.#wakeSenders();
    for (const other of this.#waitsAt) other.forgetSender(this);
    this.kernel.counters.sockets--;
    this.leaveNetwork();
  }
}
