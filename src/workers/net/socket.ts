// A socket as an open file (socket(7)): what calls ask of any address family, and the options that are
// the same for all. Families derive from it.
//
// Nothing here waits: what would have to answers -EAGAIN, and the calls (transfer.ts, socket_calls.ts)
// wait for the socket's events.

import { ENODEV, ENOTTY, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { O_NONBLOCK, O_RDWR } from "../../shared/abi/fcntl.ts";
import {
  SIOCGSTAMP_NEW,
  SIOCGSTAMP_OLD,
  SIOCGSTAMPNS_NEW,
  SIOCGSTAMPNS_OLD,
} from "../../shared/abi/ioctl.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from "../../shared/abi/poll.ts";
import { MSG_DONTWAIT } from "../../shared/abi/socket.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { NEVER } from "../call/clocks.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { ownerIoctl } from "../vfs/async_signals.ts";
import { now } from "../vfs/clock.ts";
import { NOT_AT_ONCE, OpenFile } from "../vfs/file.ts";
import type { Inode, Time } from "../vfs/inode.ts";
import type { ProcessCaller } from "../vfs/processes.ts";
import type { Segments } from "../vfs/segments.ts";
import type { NetCaller } from "./caller.ts";
import type { NetContext } from "./context.ts";
import type { Ancillary, ControlWriter } from "./control.ts";
import { interfaceIoctl } from "./interfaces.ts";
import type { Network } from "./network.ts";
import type { SocketOptions } from "./options.ts";
import { receiveCall, sendCall } from "./transfer.ts";

/** struct timeval, struct timespec */
const TIME_SIZE = 16;
const NS_PER_US = 1000;

/** A socket address as it stands in memory, family first; one char a byte. "" for none. */
export type Address = string;

/** What a receive gives. */
export interface Received<A extends Ancillary = Ancillary> {
  /** The bytes that fit the caller's room. */
  readonly data: Uint8Array;
  /** Bytes that were thrown away in their place (MSG_TRUNC of a stream). */
  readonly discarded?: number;
  /** How many the message has, of those that were asked for as a stream. */
  readonly length: number;
  /** MSG_* that recvmsg reports. */
  readonly flags: number;
  readonly address: Address;
  readonly ancillary: A | null;
  /** Of a message whose receiver wants to know; null: it had not asked yet. */
  readonly sentAt?: Time | null;
  /** None of it reached the caller's memory: it is there again. */
  putBack(): void;
}

export interface SendRequest<A extends Ancillary = Ancillary> {
  readonly data: Uint8Array;
  /** MSG_* */
  readonly flags: number;
  /** "" : the peer. */
  readonly address: Address;
  readonly ancillary: A | null;
}

/** Events of whoever waits to receive, and to send. */
export const CAN_READ = POLLIN | POLLRDNORM;
export const CAN_WRITE = POLLOUT | POLLWRNORM | POLLWRBAND;

/** What a receive gives at the end of what there is. */
export function nothing(): Received<never> {
  return { data: new Uint8Array(0), length: 0, flags: 0, address: "", ancillary: null, putBack: () => {} };
}

/** SO_RCVTIMEO, SO_SNDTIMEO. */
export interface SocketTimeouts {
  readonly receiveNs: number;
  readonly sendNs: number;
}

const NO_TIMEOUTS: SocketTimeouts = { receiveNs: NEVER, sendNs: NEVER };

export abstract class SocketFile extends OpenFile {
  override readonly isStream = true;
  readonly kernel: NetContext;
  /** The network namespace that it is in. */
  readonly network: Network;
  abstract readonly domain: number;
  /** SOCK_STREAM, ... */
  readonly type: number;
  readonly protocol: number;
  abstract readonly options: SocketOptions;
  /** Of no other socket. */
  readonly cookie: number;
  /** The number of its inode, where thread 0 has that. */
  givenInode = 0;
  timeouts: SocketTimeouts = NO_TIMEOUTS;

  constructor(network: Network, inode: Inode | null, type: number, protocol: number, status: number) {
    super(O_RDWR | status);
    this.kernel = network.kernel;
    this.network = network.hold();
    this.inode = inode;
    this.cookie = this.kernel.nextSocketCookie();
    this.type = type;
    this.protocol = protocol;
  }

  /** It has no descriptor any more, nor will it have one. To be called once. */
  protected leaveNetwork(): void {
    this.network.release();
  }

  get inodeNumber(): number {
    return this.inode?.ino ?? this.givenInode;
  }

  /** Messages keep their bounds: a call sends or receives one as a whole. */
  abstract readonly keepsBounds: boolean;

  /** Bytes that a message may have; who sends more is told EMSGSIZE before anything else. */
  get messageMax(): number {
    return this.options.sendBuffer;
  }

  /** Whether a call with these MSG_* ends where others wait. */
  neverWaits(flags: number): boolean {
    return (flags & MSG_DONTWAIT) !== 0 || (this.flags & O_NONBLOCK) !== 0;
  }

  abstract bind(task: NetCaller, address: Address): number;

  listen(_task: NetCaller, _backlog: number): number {
    return -EOPNOTSUPP;
  }

  /** 0, -EAGAIN when the other side has no room for one more (wait for POLLOUT), or a negative errno. */
  abstract connect(task: NetCaller, address: Address): number;

  /** The next connection, with O_* flags, of that user's; or a negative errno. */
  accept(_status: number, _by: Credentials): SocketFile | number {
    return -EOPNOTSUPP;
  }

  /** What was sent is still being served: the call that sent it is not over. */
  get isServing(): boolean {
    return false;
  }

  /** A stream that would take no byte now, and has nothing else to say: what is to be sent need not be fetched yet. */
  get isFull(): boolean {
    return false;
  }

  /** Nothing of what is sent is looked at when send() is over. */
  get copiesWhatItSends(): boolean {
    return false;
  }

  /** Memory for so many bytes that are to be sent, to be filled; what send() takes of it is the socket's. */
  takeBuffer(length: number): Uint8Array {
    return new Uint8Array(length);
  }

  /** Bytes that were sent: of a stream, perhaps not all. */
  abstract send(task: NetCaller, request: SendRequest): number;

  /** What a call is told at once that has waited for room: 0, or a negative errno, without a signal. */
  afterWaitingForRoom(): number {
    return 0;
  }

  /** SO_SNDBUF is another: who waits for room may have some (sk_write_space). */
  sendBufferChanged(): void {}

  /** A call has sent something that it wanted to be taken from its memory (MSG_ZEROCOPY), and was copied. */
  sentByReference(): void {}

  /**
   * Up to `room` bytes of what comes next; with MSG_PEEK they stay, and where peeks go on, they are those behind `skip` others
   * that have been seen.
   */
  abstract receive(task: NetCaller, room: number, flags: number, skip: number): Received | number;

  /** A peek waits for as many bytes as a receive does (MSG_WAITALL, SO_RCVLOWAT), and takes them in pieces. */
  get peeksOn(): boolean {
    return false;
  }

  /** There is more of a stream at once, of however few bytes its owner wants to be told (SO_RCVLOWAT). */
  get hasMore(): boolean {
    return (this.poll() & POLLIN) !== 0;
  }

  /** What stands behind so many bytes of a stream is urgent: who has received something receives no more (tcp(7)). */
  isAtMark(_skip: number): boolean {
    return false;
  }

  /** A call that receives begins to wait, and ends: from piece to piece it waits for any bytes (SO_RCVLOWAT). */
  receiverComes(): void {}

  receiverGoes(): void {}

  /** Reads the control messages of a sendmsg: what they ask for, null for nothing, or a negative errno. */
  abstract readControl(task: NetCaller, bytes: Buffer): Ancillary | null | number;

  /**
   * Writes the control messages that go with what was received, MSG_* as asked for. Descriptors that were given to the
   * receiver for it, to be closed again if it does not arrive; null: nothing changes hands.
   */
  writeControl(
    task: NetCaller,
    writer: ControlWriter,
    { sentAt }: Received,
    _flags: number,
  ): readonly number[] | null {
    const { timestamps } = this.options;
    if (timestamps !== 0 && sentAt !== undefined)
      writer.timestamp(timestamps, sentAt ?? now(task.kernel.native));
    if (this.options.wantsStamping && this.options.wantsStamps && sentAt != null)
      writer.stamping(this.options.stampingName, sentAt);
    return null;
  }

  /** A positive errno of a receive that has had something to tell before. */
  errorComesLater(_error: number): void {}

  /** Closes descriptors that writeControl has given. */
  takeBack(_task: NetCaller, _descriptors: readonly number[]): void {}

  /** It has memory that may be mapped. */
  get hasRing(): boolean {
    return false;
  }

  /** What is mapped of it: a descriptor of whoever asks, and its size; or a negative errno. */
  ringToMap(): { readonly fd: number; readonly size: number } | number {
    return -ENODEV;
  }

  abstract shutdown(how: number): number;

  /** Of the socket itself; "" never. */
  abstract name(): Address;

  /** Of the other end, or -ENOTCONN. */
  abstract peerName(): Address | number;

  // ---- As a file ----

  abstract override poll(): number;

  override get servesWholeCalls(): boolean {
    return true;
  }

  /** Receives what is there into one buffer, without an address, files or flags; or NOT_AT_ONCE. */
  override readAtOnce(_task: NetCaller, _address: number, _length: number): number {
    return NOT_AT_ONCE;
  }

  /** As OpenFile.writeAtOnce, of a call with these MSG_*. */
  override writeAtOnce(_task: NetCaller, _length: number, _flags = 0): number {
    return NOT_AT_ONCE;
  }

  override readCall(task: NetCaller, segments: Segments, noWait: boolean): number {
    return receiveCall(task, this, segments, noWait ? MSG_DONTWAIT : 0);
  }

  override writeCall(task: NetCaller, segments: Segments, ready: number, noWait: boolean): number {
    return sendCall(task, this, segments, ready, noWait ? MSG_DONTWAIT : 0);
  }

  override read(task: NetCaller, offset: number, length: number): number {
    const received = this.receive(task, length, 0, 0);
    if (typeof received === "number") return received;
    received.ancillary?.release();
    task.call.bytes.set(received.data, task.call.base + offset);
    return received.data.length;
  }

  override write(task: NetCaller, offset: number, length: number): number {
    const at = task.call.base + offset;
    const window = task.call.bytes.subarray(at, at + length);
    const data = this.copiesWhatItSends ? window : Buffer.from(window);
    return this.send(task, { data, flags: 0, address: "", ancillary: null });
  }

  /** The answer of an ioctl. */
  protected tellNumber(task: NetCaller, argument: number, value: number): number {
    task.call.view.setInt32(task.call.out(argument, 4), value, true);
    return 0;
  }

  /** When what was received last arrived, as SIOCGSTAMP asks. Errors: ENOENT (nothing was), ENOTTY (never kept). */
  protected stampOfLast(): Time | number {
    return -ENOTTY;
  }

  /** SIOCGSTAMP tells a struct timeval, SIOCGSTAMPNS a struct timespec. */
  #tellStamp(task: NetCaller, argument: number, isInNs: boolean): number {
    const stamp = this.stampOfLast();
    if (typeof stamp === "number") return stamp;
    const at = task.call.out(argument, TIME_SIZE);
    write64(task.call.view, at, stamp.sec);
    write64(task.call.view, at + 8, isInNs ? stamp.nsec : Math.floor(stamp.nsec / NS_PER_US));
    return 0;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    switch (request >>> 0) {
      case SIOCGSTAMP_OLD:
      case SIOCGSTAMP_NEW:
        return this.#tellStamp(task, argument, false);
      case SIOCGSTAMPNS_OLD:
      case SIOCGSTAMPNS_NEW:
        return this.#tellStamp(task, argument, true);
    }
    return (
      interfaceIoctl(task, this.network, request, argument) ??
      // Thread 0 alone comes to that, whose callers are processes: for another thread's sockets it has answered itself.
      ownerIoctl(task as NetCaller & ProcessCaller, this, request, argument) ??
      super.ioctl(task, request, argument)
    );
  }

  override describe(): string {
    return `socket:[${this.inode!.ino}]`;
  }
}
