// AF_NETLINK sockets (netlink(7)): their ports, what is sent to the kernel or to each other, and queues of what comes.
// What the kernel answers is a protocol's (protocols.ts).

import * as E from "../../../shared/abi/errno.ts";
import { FIONREAD } from "../../../shared/abi/ioctl.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from "../../../shared/abi/poll.ts";
import { CAP_NET_ADMIN } from "../../../shared/abi/prctl.ts";
import * as S from "../../../shared/abi/socket.ts";
import { capable } from "../../credentials/credentials.ts";
import type { NetCaller } from "../caller.ts";
import type { NetContext } from "../context.ts";
import type { ControlWriter } from "../control.ts";
import { errorOf, type Outcome } from "../devices/outcome.ts";
import { type Address, type Received, type SendRequest, SocketFile } from "../socket.ts";
import { MessageWriter, type Request, requestsIn } from "./message.ts";
import { NetlinkOptions } from "./netlink_options.ts";
import type { Receiver } from "./ports.ts";
import type { Protocol } from "./protocols.ts";

const [CAN_READ, CAN_WRITE] = [POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM | POLLWRBAND];
/** struct sockaddr_nl */
const ADDRESS_SIZE = 12;
/** What a message costs beside its bytes, as far as EMSGSIZE and the receive buffer go. */
const MESSAGE_OVERHEAD = 32;
const QUEUED_OVERHEAD = 768;
/** Messages of a dump that come in one piece: while they are shorter than that. */
const DUMP_PIECE = 8192;
const ERROR_SIZE = 4;
const KERNEL_PORT = 0;
/** What a dump ends with is its acknowledgement. */
const DUMPS = 1;

function addressOf(port: number, groups: number): Address {
  const bytes = Buffer.alloc(ADDRESS_SIZE);
  bytes.writeUInt16LE(S.AF_NETLINK, 0);
  bytes.writeUInt32LE(port >>> 0, 4);
  bytes.writeUInt32LE(groups >>> 0, 8);
  return bytes.toString("latin1");
}

interface Named {
  readonly port: number;
  readonly groups: number;
}

/** The port and groups that an address names, or -EINVAL. */
function named(address: Address): Named | number {
  if (address.length < ADDRESS_SIZE) return -E.EINVAL;
  const bytes = Buffer.from(address, "latin1");
  if (bytes.readUInt16LE(0) !== S.AF_NETLINK) return -E.EINVAL;
  return { port: bytes.readUInt32LE(4), groups: bytes.readUInt32LE(8) };
}

/** What waits to be received. */
interface Datagram {
  readonly bytes: Buffer;
  readonly from: number;
  readonly groups: number;
}

/** A dump that is told in pieces, as its receiver takes them. */
interface Dump {
  readonly request: Request;
  readonly rest: Iterator<(writer: MessageWriter) => void>;
}

export class NetlinkSocket extends SocketFile implements Receiver {
  readonly domain = S.AF_NETLINK;
  override readonly options = new NetlinkOptions(this);
  readonly #protocol: Protocol;
  readonly #queue: Datagram[] = [];
  #queuedBytes = 0;
  /** 0: none yet. */
  #port = 0;
  #isBound = false;
  #peer: Named = { port: KERNEL_PORT, groups: 0 };
  #dump: Dump | null = null;
  #hasEnded = false;

  constructor(kernel: NetContext, protocol: Protocol, type: number, number: number, status: number) {
    super(kernel, kernel.anonymous.socket(kernel.rootCredentials), type, number, status);
    this.#protocol = protocol;
    kernel.counters.sockets++;
  }

  get keepsBounds(): boolean {
    return true;
  }

  // ---- Ports and groups ----

  name(): Address {
    return addressOf(this.#port, this.options.memberships.low);
  }

  peerName(): Address {
    return addressOf(this.#peer.port, this.#peer.groups);
  }

  bind(task: NetCaller, address: Address): number {
    const wanted = named(address);
    if (typeof wanted === "number") return wanted;
    if (this.#isBound) {
      if (wanted.port !== this.#port) return -E.EINVAL;
    } else {
      const error = wanted.port === 0 ? this.#autobind(task) : this.#take(wanted.port);
      if (error < 0) return error;
    }
    this.options.memberships.low = wanted.groups;
    return 0;
  }

  #take(port: number): number {
    if (!this.kernel.netlinkPorts.take(this.protocol, port, this)) return -E.EADDRINUSE;
    this.#port = port;
    this.#isBound = true;
    return 0;
  }

  // The process's number, or if another of its sockets has it, one that no process has.
  #autobind(task: NetCaller): number {
    if (this.#isBound) return 0;
    const { netlinkPorts } = this.kernel;
    const port = netlinkPorts.isFree(this.protocol, task.pid) ? task.pid : netlinkPorts.unused(this.protocol);
    return this.#take(port);
  }

  connect(task: NetCaller, address: Address): number {
    if (address.length < 2) return -E.EINVAL;
    if (address.charCodeAt(0) === S.AF_UNSPEC && address.charCodeAt(1) === 0) {
      this.#peer = { port: KERNEL_PORT, groups: 0 };
      return 0;
    }
    const peer = named(address);
    if (typeof peer === "number") return peer;
    const error = this.#mayReach(task, peer);
    if (error < 0) return error;
    const bound = this.#autobind(task);
    if (bound < 0) return bound;
    this.#peer = peer;
    return 0;
  }

  /** Whether who calls may send to others than the kernel. */
  #mayReach(task: NetCaller, { port, groups }: Named): number {
    if ((port === KERNEL_PORT && groups === 0) || this.#protocol.mayAnyoneSend) return 0;
    return capable(task.credentials, this.kernel.users, CAP_NET_ADMIN) ? 0 : -E.EPERM;
  }

  // ---- Sending ----

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
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (to.groups !== 0)
      this.kernel.netlinkPorts.tellGroups(this.protocol, to.groups, this, this.#port, bytes);
    if (to.port === KERNEL_PORT) {
      if (to.groups === 0) this.#serve(task, bytes);
      return data.length;
    }
    const receiver = this.kernel.netlinkPorts.at(this.protocol, to.port);
    if (receiver === undefined) return to.groups !== 0 ? data.length : -E.ECONNREFUSED;
    if (!receiver.enqueue(bytes, this.#port, 0)) return -E.EAGAIN;
    return data.length;
  }

  #serve(task: NetCaller, bytes: Buffer): void {
    for (const request of requestsIn(bytes)) {
      const { flags, type } = request;
      const isAsked = (flags & N.NLM_F_REQUEST) !== 0 && type >= N.NLMSG_MIN_TYPE;
      const outcome = isAsked ? this.#answer(task, request) : 0;
      const error = errorOf(outcome);
      if (error < 0 || (error !== DUMPS && (flags & N.NLM_F_ACK) !== 0))
        this.#acknowledge(request, error, typeof outcome === "number" ? "" : outcome.text);
    }
  }

  /** 0, an error, or DUMPS. */
  #answer(task: NetCaller, request: Request): Outcome {
    const asker = { socket: this, port: this.#port, isStrict: this.options.isStrict };
    const answer = this.#protocol.serve(task, request, asker);
    if (answer === null) return 0;
    if (typeof answer === "number" || "error" in answer) return answer;
    const writer = new MessageWriter(request.sequence, this.#port);
    if (typeof answer === "function") {
      answer(writer);
      this.enqueue(writer.bytes, KERNEL_PORT, 0);
      return 0;
    }
    if (this.#dump !== null) return -E.EBUSY;
    this.#dump = { request, rest: answer[Symbol.iterator]() };
    this.#goOn();
    return DUMPS;
  }

  /** The next piece of a dump, if its receiver has taken the last one. */
  #goOn(): void {
    const dump = this.#dump;
    if (dump === null || this.#queue.length > 0) return;
    const { request } = dump;
    const writer = new MessageWriter(request.sequence, this.#port);
    while (writer.length < DUMP_PIECE) {
      const next = dump.rest.next();
      if (next.done === true) {
        writer.begin(N.NLMSG_DONE, N.NLM_F_MULTI, Buffer.alloc(ERROR_SIZE)).end();
        this.#dump = null;
        break;
      }
      next.value(writer);
    }
    this.enqueue(writer.bytes, KERNEL_PORT, 0);
  }

  // With an error comes what was asked, unless its sender does without, and what it means, if it wants that.
  #acknowledge({ bytes, sequence }: Request, error: number, text: string): void {
    const isWhole = error < 0 && !this.options.capsAcknowledgements;
    const body = Buffer.alloc(ERROR_SIZE + (isWhole ? bytes.length : N.NLMSG_HDRLEN));
    body.writeInt32LE(error);
    bytes.copy(body, ERROR_SIZE, 0, body.length - ERROR_SIZE);
    const writer = new MessageWriter(sequence, this.#port);
    const isExplained = text !== "" && this.options.explainsErrors;
    const flags = (isWhole ? 0 : N.NLM_F_CAPPED) | (isExplained ? N.NLM_F_ACK_TLVS : 0);
    writer.begin(N.NLMSG_ERROR, flags, body);
    if (isExplained) writer.text(N.NLMSGERR_ATTR_MSG, text);
    writer.end();
    this.enqueue(writer.bytes, KERNEL_PORT, 0);
  }

  // ---- Receiving ----

  isIn(groups: number): boolean {
    return (this.options.memberships.low & groups) !== 0;
  }

  enqueue(bytes: Buffer, from: number, groups: number): boolean {
    if (this.#hasEnded) return false;
    const size = bytes.length + QUEUED_OVERHEAD;
    const { counters, heap, commonMemory } = this.kernel;
    const isFull = this.#queue.length > 0 && this.#queuedBytes + size > this.options.receiveBuffer;
    if (isFull || !heap.hasRoom("socketMemory", size) || !commonMemory.hasRoom(size)) {
      if (!this.options.toleratesLoss) {
        this.options.error = E.ENOBUFS;
        this.waiters.wake(POLLERR);
      }
      return false;
    }
    this.#queue.push({ bytes, from, groups });
    this.#queuedBytes += size;
    counters.socketMemory += size;
    this.waiters.wake(CAN_READ);
    return true;
  }

  #shift(): void {
    const first = this.#queue.shift()!;
    const size = first.bytes.length + QUEUED_OVERHEAD;
    this.#queuedBytes -= size;
    this.kernel.counters.socketMemory -= size;
  }

  receive(_task: NetCaller, room: number, flags: number): Received | number {
    if ((flags & S.MSG_OOB) !== 0) return -E.EOPNOTSUPP;
    const error = this.options.takeError();
    if (error !== 0) return -error;
    const first = this.#queue[0];
    if (first === undefined) return -E.EAGAIN;
    const { bytes, from, groups } = first;
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
    if (this.#queue.length > 0) events |= CAN_READ;
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
    if (this.#isBound) this.kernel.netlinkPorts.release(this.protocol, this.#port);
    this.#hasEnded = true;
    this.options.memberships.low = 0;
    while (this.#queue.length > 0) this.#shift();
    this.#dump = null;
    this.kernel.counters.sockets--;
  }
}
