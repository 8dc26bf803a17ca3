// What is received of a host socket. It comes into memory of the kernel's own, not the window, which the guest can change: what
// does not arrive may be somebody else's to read. Of a stream it is kept until it has arrived, and comes again if it has not.
// No memory is taken for more than has come.

import { EAGAIN, EFAULT } from "../../../shared/abi/errno.ts";
import { FIONREAD, SIOCATMARK } from "../../../shared/abi/ioctl.ts";
import * as S from "../../../shared/abi/socket.ts";
import { copyBytes } from "../../../shared/copy_bytes.ts";
import { WINDOW, WINDOW_SECOND } from "../../../shared/ring/layout.ts";
import { TRANSFER_MAX } from "../../mem/direct_memory.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import type { NetCaller } from "../caller.ts";
import { nothing, type Received } from "../socket.ts";
import { ofStream, Unread } from "../unread.ts";
import type { HostReceived } from "./host_calls.ts";
import { CONTROL_MAX, HostControl } from "./host_control.ts";
import type { HostNetwork } from "./host_network.ts";
import type { HostSocket } from "./host_socket.ts";

/** What a receive takes at once of a stream; a datagram is no longer. */
export const RECEIVE_MAX = 65536;
/** What a receive of a stream gives that is to arrive at once. */
const ROUND_MAX = WINDOW_SECOND - WINDOW;
/** A peek goes on over no more: the host copies all that stands before, again for each piece. */
export const PEEK_MAX = 8 << 20;
/** Flags that mean something to the host; how a call waits is not its affair. */
const RECEIVE_FLAGS = S.MSG_OOB | S.MSG_PEEK | S.MSG_TRUNC | S.MSG_ERRQUEUE;
/** What comes is not the next of the stream. */
const APART = S.MSG_OOB | S.MSG_ERRQUEUE;
const NOTHING = new Uint8Array(0);
/** There is nothing more, nor will there be. */
const ENDED: HostReceived = { length: 0, flags: 0, address: "", control: Buffer.alloc(0) };

export class Incoming {
  readonly #socket: HostSocket;
  readonly #network: HostNetwork;
  /** Of a stream, what was received and did not reach its receiver. */
  readonly #unread: Unread;
  /** Who waits for datagrams waits no more. */
  hasShutRead = false;

  constructor(socket: HostSocket, network: HostNetwork) {
    this.#socket = socket;
    this.#network = network;
    this.#unread = new Unread(socket);
  }

  /** Nobody receives any more; what was given to the last may still come back. */
  end(): void {
    this.#unread.end();
  }

  /** The socket is not connected any more: what has come is thrown away. */
  forget(): void {
    this.#unread.clear();
    this.hasShutRead = false;
  }

  get unread(): number {
    return this.#unread.length;
  }

  /** There is something to be told before what the host has. */
  get #isBehind(): boolean {
    return this.#unread.length > 0 || this.#socket.hasUntold;
  }

  /** As SocketFile.receive. */
  receive(task: NetCaller, room: number, flags: number, skip: number): Received<HostControl> | number {
    if ((flags & APART) !== 0 || this.#socket.keepsBounds) return this.#receiveNew(task, room, flags);
    if ((flags & S.MSG_PEEK) !== 0) return this.#peek(room, flags, skip);
    if (this.#unread.length === 0) return this.#receiveNew(task, room, flags);
    const first = this.#unread.received(this.#unread.take(room), flags);
    this.#socket.low.tell(this.unread);
    // There is more behind it at once, and no error that would be told here for nothing.
    if (first.length === room || !this.#isMoreBehind) return first;
    const more = this.#receiveNew(task, room - first.length, flags);
    return typeof more === "number" ? first : this.#unread.together(first, more);
  }

  // The host has bytes that are given together with those that have come back: no urgent ones.
  get #isMoreBehind(): boolean {
    const { host } = this.#socket;
    return host.count(FIONREAD) > 0 && host.count(SIOCATMARK) !== 1;
  }

  // Of a stream, what stands behind `skip` bytes; where the host moves on by itself (SO_PEEK_OFF), it is the host's that do.
  #peek(room: number, flags: number, skip: number): Received<HostControl> | number {
    const unread = this.#unread;
    const isThrownAway = this.#isThrownAway(flags);
    const first = unread.peek(skip, room);
    const alone = ofStream(isThrownAway ? NOTHING : first, first.length);
    const isThere = unread.length > skip;
    if (isThere && (first.length === room || !this.#isMoreBehind)) return alone;
    const behind = this.#socket.options.peekOffset >= 0 ? 0 : Math.max(0, skip - unread.length);
    const { passing } = this.#network;
    const received = this.#peekNew(Math.min(room - first.length, RECEIVE_MAX), flags, behind);
    if (typeof received === "number") return first.length > 0 ? alone : received;
    const length = first.length + received.length;
    const data = isThrownAway ? NOTHING : Buffer.concat([first, passing.subarray(0, received.length)]);
    return { ...ofStream(data, length), flags: flagsOf(received), ancillary: controlOf(received) };
  }

  #peekNew(room: number, flags: number, skip: number): HostReceived | number {
    if (skip >= PEEK_MAX) return ENDED;
    const socket = this.#socket;
    const { passing } = this.#network;
    const received = socket.host.peek(passing, room, flags & RECEIVE_FLAGS, CONTROL_MAX, skip);
    const hasNothing = typeof received === "number" || (received.length === 0 && room > 0);
    if (hasNothing && socket.hasUntold) return -socket.takeUntold();
    return received === -EAGAIN && skip > 0 && socket.endsPeek ? ENDED : received;
  }

  #receiveNew({ call }: NetCaller, room: number, flags: number): Received<HostControl> | number {
    const socket = this.#socket;
    const { keepsBounds } = socket;
    const { passing } = this.#network;
    const most = Math.min(room, RECEIVE_MAX);
    // The host's MSG_TRUNC throws a stream's bytes away, and tells how long a datagram was.
    const asked = (flags & RECEIVE_FLAGS) | (keepsBounds ? S.MSG_TRUNC : 0);
    const received = socket.host.receive(passing, most, asked, CONTROL_MAX);
    const hasNothing = typeof received === "number" || (received.length === 0 && room > 0 && !keepsBounds);
    // Behind all bytes, and before the end that it has made.
    if (hasNothing && socket.hasUntold && (flags & APART) === 0) return -socket.takeUntold();
    if (received === -EAGAIN && this.hasShutRead && !socket.neverWaits(flags)) return nothing();
    if (typeof received === "number") return received;
    const isThrownAway = this.#isThrownAway(flags);
    const length = isThrownAway ? 0 : Math.min(received.length, most);
    // What is no more of the stream's: it comes again if it does not arrive.
    const isTaken = !keepsBounds && (flags & APART) === 0;
    const end = isTaken ? this.#unread.given(received.length) : 0;
    const isKept = isTaken && length > 0 && length <= ROUND_MAX;
    const place = isKept ? this.#network.keptReads.keep(passing, length, call.progress) : -1;
    const data = place >= 0 ? this.#keptAt(place, length) : copyOf(passing, length);
    return {
      data,
      discarded: isThrownAway ? received.length : 0,
      length: received.length,
      flags: flagsOf(received),
      address: received.address,
      ancillary: controlOf(received),
      putBack: () => {
        if (place >= 0) this.#putBackKept(place, length, end);
        else if (isTaken) this.#putBack(data, end);
      },
    };
  }

  /** Of a stream the host gives no bytes then, but how many there would have been (tcp(7)). */
  #isThrownAway(flags: number): boolean {
    return !this.#socket.keepsBounds && (flags & (S.MSG_TRUNC | S.MSG_ERRQUEUE)) === S.MSG_TRUNC;
  }

  #keptAt(place: number, length: number): Uint8Array {
    const { keptReads } = this.#network;
    const at = keptReads.at(place);
    return keptReads.bytes.subarray(at, at + length);
  }

  #putBackKept(place: number, length: number, end: number): void {
    this.#unread.putBackKept(this.#network.keptReads, place, length, end);
    this.#socket.low.tell(this.unread);
  }

  #putBack(bytes: Uint8Array, end: number): void {
    this.#unread.putBack(bytes, end);
    this.#socket.low.tell(this.unread);
  }

  /** As SocketFile.readAtOnce: bytes by way of the window. */
  readAtOnce(task: NetCaller, address: number, length: number): number {
    const socket = this.#socket;
    if (this.#isBehind || socket.options.receiveLow > 1) return NOT_AT_ONCE;
    const n = socket.host.take(length);
    if (n <= 0) return n === -EAGAIN && !socket.neverWaits(0) ? NOT_AT_ONCE : n;
    const { call } = task;
    const { scratch } = task.kernel.native;
    copyBytes(scratch, 0, call.bytes, call.base + WINDOW, n);
    const end = this.#unread.given(n);
    // As on Linux, a datagram is lost.
    const place = socket.keepsBounds ? -1 : this.#network.keptReads.keep(scratch, n, call.progress);
    call.outAt(address, n, WINDOW);
    call.outFault = () => {
      if (place >= 0) this.#putBackKept(place, n, end);
      return -EFAULT;
    };
    return n;
  }

  /** As OpenFile.readDirectly. */
  readDirectly(task: NetCaller, address: number, length: number): number {
    const socket = this.#socket;
    const memory = socket.kernel.directMemory;
    if (memory === null || socket.keepsBounds || this.#isBehind) return NOT_AT_ONCE;
    const wanted = Math.min(length, TRANSFER_MAX);
    // What does not arrive must come back: who is told of no fault goes on with what is behind it.
    if (!socket.kernel.heap.hasRoom("socketMemory", wanted)) return NOT_AT_ONCE;
    if (!memory.mayDeliver(task, address, wanted)) return NOT_AT_ONCE;
    const { passing } = this.#network;
    const n = memory.receive(task, socket.host.fd, address, wanted, passing);
    // Who looks closer tells of it.
    if (n < 0 && n !== -EAGAIN) socket.errorComesLater(-n);
    if (n <= 0) return NOT_AT_ONCE;
    const arrived = task.kernel.native.scratchWords[0]!;
    const end = this.#unread.given(n);
    if (arrived < n) this.#putBack(passing.subarray(arrived, n), end);
    return arrived > 0 ? arrived : NOT_AT_ONCE;
  }
}

function flagsOf({ flags }: HostReceived): number {
  return flags & ~S.MSG_CMSG_CLOEXEC;
}

function controlOf({ control }: HostReceived): HostControl | null {
  return control.length > 0 ? new HostControl(control) : null;
}

function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  const copy = Buffer.allocUnsafe(length);
  copyBytes(bytes, 0, copy, 0, length);
  return copy;
}
