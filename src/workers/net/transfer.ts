// Moving data between guest memory and sockets: whole messages, or a stream in chunks, waiting where the
// socket has nothing or no room.

import { EAGAIN, EFAULT, EMSGSIZE, EPIPE } from "../../shared/abi/errno.ts";
import { POLLIN, POLLOUT } from "../../shared/abi/poll.ts";
import { SIGPIPE } from "../../shared/abi/signal.ts";
import * as S from "../../shared/abi/socket.ts";
import { copyBytes } from "../../shared/copy_bytes.ts";
import { PIECES_MAX, WINDOW, WINDOW_SECOND, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { breathe, breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import { fromUser } from "../call/siginfo.ts";
import { OWN_OFFSET } from "../vfs/file.ts";
import { putFile } from "../vfs/file_table.ts";
import type { Segments } from "../vfs/segments.ts";
import type { NetCaller } from "./caller.ts";
import { type Ancillary, ControlWriter } from "./control.ts";
import { type Address, nothing, type Received, type SocketFile } from "./socket.ts";
import { deadlineAfter, waitForSocket } from "./waiting.ts";

const CHUNK = 32768;
/** Data of the round that goes out with the result; behind it stands what else recvmsg tells. */
const ROUND_MAX = WINDOW_SECOND - WINDOW;
const ROUND_PIECES = PIECES_MAX - 8;
const CONTROL_MAX = 2048;

/** What is received is no part of the stream. */
const APART = S.MSG_OOB | S.MSG_ERRQUEUE;

/** Flags say nothing of how bytes are moved. */
function isPlain(flags: number): boolean {
  return (flags & ~(S.MSG_NOSIGNAL | S.MSG_DONTWAIT)) === 0;
}

// ---- Sending ----

/** Bytes of a send call in guest memory, of which the first may stand in the window already. */
export class Source {
  readonly #task: NetCaller;
  readonly #socket: SocketFile;
  readonly #segments: Segments;
  #ready: number;
  #isDirect = false;
  left: number;

  constructor(task: NetCaller, socket: SocketFile, segments: Segments, ready: number) {
    this.#task = task;
    this.#socket = socket;
    this.#segments = segments;
    this.#ready = ready;
    this.left = segments.total;
    if (ready > 0) segments.skip(ready);
  }

  /** The next bytes, up to `max` of them, in a buffer of the socket's, or in the window, where that will do; -EFAULT. */
  *take(max: number): Generator<void, Uint8Array | number, void> {
    const task = this.#task;
    let length = Math.min(this.#ready, max);
    if (this.#ready > 0) this.#ready = 0;
    else {
      length = this.#segments.round(task, this.#segments.roundLimit(Math.min(this.left, max)));
      if ((yield* task.call.copyInRound()) < length) return -EFAULT;
    }
    this.left -= length;
    const at = task.call.base + WINDOW;
    if (this.#socket.copiesWhatItSends) return task.call.bytes.subarray(at, at + length);
    const buffer = this.#socket.takeBuffer(length);
    copyBytes(task.call.bytes, task.call.base + WINDOW, buffer, 0, length);
    return buffer;
  }

  /** Whether what comes next is better moved without the window. */
  get isLong(): boolean {
    return this.#ready === 0 && (this.#isDirect || this.#segments.run > WINDOW_SIZE);
  }

  /** Bytes that were sent already. */
  get sent(): number {
    return this.#segments.total - this.left;
  }

  /** Sends the next bytes straight from guest memory: how many, NOT_AT_ONCE, or -EAGAIN where there is no room. */
  sendDirectly(): number {
    const segments = this.#segments;
    const n = this.#socket.writeDirectly(
      this.#task,
      segments.address,
      Math.min(segments.run, this.left),
      OWN_OFFSET,
    );
    if (n > 0) {
      segments.skip(n);
      this.left -= n;
      this.#isDirect = true;
    }
    return n;
  }

  /** All of it; of what comes in several parts, each is put in its place as it comes. */
  *takeAll(): Generator<void, Uint8Array | number, void> {
    const total = this.left;
    if (total === 0) return new Uint8Array(0);
    const first = yield* this.take(WINDOW_SIZE);
    if (typeof first === "number" || this.left === 0) return first;
    const all = new Uint8Array(total);
    all.set(first);
    while (this.left > 0) {
      const at = total - this.left;
      const part = yield* this.take(WINDOW_SIZE);
      if (typeof part === "number") return part;
      all.set(part, at);
    }
    return all;
  }
}

/** What is sent, beside its bytes. */
export interface Sending {
  /** MSG_* */
  readonly flags: number;
  readonly address: Address;
  readonly ancillary: Ancillary | null;
}

/** What goes along with the next message, until one has taken it. */
interface Held {
  ancillary: Ancillary | null;
}

/** Sends: how many bytes, or a negative errno. The files of `sending` are let go if no message takes them. */
export function* sendFrom(task: NetCaller, socket: SocketFile, source: Source, sending: Sending): Coroutine {
  const held: Held = { ancillary: sending.ancillary };
  socket.references++;
  try {
    const n = yield* socket.keepsBounds
      ? sendMessage(task, socket, source, sending, held)
      : sendStream(task, socket, source, sending, held);
    if ((sending.flags & S.MSG_ZEROCOPY) !== 0 && (n > 0 || (n === 0 && socket.keepsBounds)))
      socket.sentByReference();
    return n;
  } finally {
    held.ancillary?.release();
    putFile(task.kernel, socket);
  }
}

/**
 * Serves a call that sends to whom the socket is connected, and nothing but bytes: how many, a negative errno, or BLOCKED. What
 * is long goes at once, if there is room for all of it; of that nothing need have been copied to the window.
 */
export function sendCall(
  task: NetCaller,
  socket: SocketFile,
  segments: Segments,
  ready: number,
  flags: number,
): number {
  const isLong = segments.run > WINDOW_SIZE && isPlain(flags);
  const source = new Source(task, socket, segments, isLong ? 0 : ready);
  if (isLong) {
    source.sendDirectly();
    if (source.left === 0) return segments.total;
  }
  return task.call.start(sendFrom(task, socket, source, { flags, address: "", ancillary: null }));
}

function sendDeadline(task: NetCaller, socket: SocketFile, flags: number): number {
  return socket.neverWaits(flags) ? 0 : deadlineAfter(task, socket.timeouts.sendNs);
}

function* sendMessage(
  task: NetCaller,
  socket: SocketFile,
  source: Source,
  sending: Sending,
  held: Held,
): Coroutine {
  if (source.left > socket.messageMax) return -EMSGSIZE;
  const data = yield* source.takeAll();
  if (typeof data === "number") return data;
  const deadline = sendDeadline(task, socket, sending.flags);
  for (;;) {
    const n = socket.send(task, { data, ...sending });
    if (n >= 0) {
      held.ancillary = null;
      while (socket.isServing) yield* breatheOn(task);
    }
    if (n !== -EAGAIN) return n;
    const error = yield* waitForSocket(task, socket, POLLOUT, deadline);
    if (error < 0) return error;
  }
}

function* sendStream(
  task: NetCaller,
  socket: SocketFile,
  source: Source,
  sending: Sending,
  held: Held,
): Coroutine {
  const deadline = sendDeadline(task, socket, sending.flags);
  let done = source.sent;
  // What is wrong with the socket comes before what is wrong with the memory.
  let n = done > 0 ? 0 : socket.send(task, { data: new Uint8Array(0), ...sending, ancillary: null });
  while (n === -EAGAIN && source.left > 0) {
    const error = yield* waitForRoom(task, socket, deadline);
    if (error < 0) return error;
    n = socket.send(task, { data: new Uint8Array(0), ...sending, ancillary: null });
  }
  while (n >= 0 && source.left > 0) {
    if (held.ancillary === null && isPlain(sending.flags) && source.isLong) {
      const direct = source.sendDirectly();
      if (direct > 0) {
        done += direct;
        if (task.kernel.longTurns.isFull && (yield* breathe(task))) return done;
        continue;
      }
      if (direct === -EAGAIN) {
        const error = yield* waitForRoom(task, socket, deadline);
        if (error < 0) return done > 0 ? done : error;
        continue;
      }
    }
    if (socket.isFull) {
      const error = yield* waitForRoom(task, socket, deadline);
      if (error < 0) return done > 0 ? done : error;
      continue;
    }
    const chunk = yield* source.take(CHUNK);
    if (typeof chunk === "number") return done > 0 ? done : chunk;
    for (let at = 0; at < chunk.length; ) {
      n = socket.send(task, { data: chunk.subarray(at), ...sending, ancillary: held.ancillary });
      if (n === -EAGAIN) {
        const error = yield* waitForRoom(task, socket, deadline);
        if (error < 0) return done > 0 ? done : error;
        continue;
      }
      if (n < 0) break;
      held.ancillary = null;
      at += n;
      done += n;
    }
  }
  // It has been told, and is the next call's: an end tells of itself again.
  if (n < 0 && n !== -EPIPE && done > 0) socket.errorComesLater(-n);
  if (n === -EPIPE && done === 0 && (sending.flags & S.MSG_NOSIGNAL) === 0)
    task.send(fromUser(task, SIGPIPE));
  return done > 0 ? done : Math.min(n, 0);
}

// Waits for room to send: 0 or a negative errno, which ends the call.
function* waitForRoom(
  task: NetCaller,
  socket: SocketFile,
  deadlineNs: number,
): Generator<void, number, void> {
  const error = yield* waitForSocket(task, socket, POLLOUT, deadlineNs);
  return error < 0 ? error : socket.afterWaitingForRoom();
}

/** Goes on with what stands in the window for a stream, of which `done` bytes have been sent. */
export function* sendRest(
  task: NetCaller,
  socket: SocketFile,
  length: number,
  done: number,
  flags: number,
): Coroutine {
  const deadline = sendDeadline(task, socket, flags);
  const at = task.call.base + WINDOW;
  socket.references++;
  try {
    for (let sent = done; sent < length; ) {
      const data = task.call.bytes.subarray(at + sent, at + length);
      const n = socket.send(task, { data, flags, address: "", ancillary: null });
      if (n >= 0) {
        sent += n;
        continue;
      }
      if (n !== -EAGAIN && n !== -EPIPE) socket.errorComesLater(-n);
      if (n !== -EAGAIN || (yield* waitForSocket(task, socket, POLLOUT, deadline)) < 0) return sent;
    }
    return length;
  } finally {
    putFile(task.kernel, socket);
  }
}

// ---- Receiving ----

/** Where a receive call's answers go beside the data; addresses of 0: nowhere. */
export interface Places {
  readonly name: number;
  readonly nameRoom: number;
  readonly nameLength: number;
  readonly control: number;
  readonly controlRoom: number;
  readonly controlLength: number;
  readonly flags: number;
}

export const NO_PLACES: Places = {
  name: 0,
  nameRoom: 0,
  nameLength: 0,
  control: 0,
  controlRoom: 0,
  controlLength: 0,
  flags: 0,
};

/** Pieces behind the data of the last round. */
class Extras {
  readonly #task: NetCaller;
  #offset = WINDOW_SECOND;

  constructor(task: NetCaller) {
    this.#task = task;
  }

  bytes(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#task.call.bytes.set(bytes, this.#task.call.base + this.#offset);
    this.#task.call.outAt(address, bytes.length, this.#offset);
    this.#offset = (this.#offset + bytes.length + 7) & ~7;
  }

  number(address: number, value: number, size: 4 | 8): void {
    const bytes = Buffer.alloc(size);
    bytes.writeUInt32LE(value >>> 0);
    this.bytes(address, bytes);
  }
}

/** A stream's receive waits until there are so many bytes (MSG_WAITALL, SO_RCVLOWAT). */
function leastOf({ keepsBounds, options }: SocketFile, flags: number, total: number): number {
  if (keepsBounds) return 0;
  return (flags & S.MSG_WAITALL) !== 0 ? total : Math.min(options.receiveLow, total);
}

/** A stream's receive goes on while there is more at once, or until there is as much as it waits for. */
function isOver(socket: SocketFile, least: number, done: number, total: number): boolean {
  return done === total || (done >= least && !socket.hasMore);
}

class Receiving {
  readonly #task: NetCaller;
  readonly #socket: SocketFile;
  readonly #segments: Segments;
  readonly #flags: number;
  readonly #places: Places;
  /** Every piece is copied before the call goes on: for calls that receive many messages. */
  readonly #explicit: boolean;
  /** As it was when the call began. */
  readonly #least: number;
  #done: number;
  #isDirect = false;
  #hasWaited = false;
  /** Of pieces of a stream: what the last has told. */
  #told: Ancillary | null = null;
  /** What was taken out of the queue and is still to be given to the receiver. */
  #taken: Ancillary | null = null;

  constructor(
    task: NetCaller,
    socket: SocketFile,
    segments: Segments,
    flags: number,
    places: Places,
    explicit: boolean,
    done: number,
  ) {
    this.#task = task;
    this.#socket = socket;
    this.#segments = segments;
    this.#flags = flags;
    this.#places = places;
    this.#explicit = explicit;
    this.#least = leastOf(socket, flags, segments.total);
    this.#done = done;
    this.#isDirect = done > 0;
  }

  *run(): Coroutine {
    this.#socket.references++;
    try {
      return yield* this.#receive();
    } finally {
      if (this.#hasWaited) this.#socket.receiverGoes();
      // Cut off half way: files that were taken and have not changed hands.
      this.#taken?.release();
      putFile(this.#task.kernel, this.#socket);
    }
  }

  *#receive(): Coroutine {
    const isAtOnce = this.#socket.neverWaits(this.#flags);
    const deadline = isAtOnce ? 0 : deadlineAfter(this.#task, this.#socket.timeouts.receiveNs);
    for (;;) {
      if (this.#done > 0 && this.#socket.isAtMark(this.#peeks ? this.#done : 0)) return yield* this.#ends();
      const direct = this.#receiveDirectly();
      if (direct > 0) {
        if (this.#isDone()) return this.#done;
        if (this.#task.kernel.longTurns.isFull && (yield* breathe(this.#task))) return this.#done;
        continue;
      }
      const { total } = this.#segments;
      const room = this.#isInPieces ? this.#roundLimit() : total;
      const received = this.#socket.receive(this.#task, room, this.#flags, this.#peeks ? this.#done : 0);
      if (typeof received !== "number") {
        if (!this.#peeks) this.#taken = received.ancillary;
        const result = yield* this.#deliver(received, room);
        if (result !== null) return result;
        continue;
      }
      if (received !== -EAGAIN) {
        if (this.#done === 0) return received;
        this.#socket.errorComesLater(-received);
        return yield* this.#ends();
      }
      if (this.#done > 0 && this.#done >= this.#least) return yield* this.#ends();
      if (!this.#hasWaited) this.#socket.receiverComes();
      this.#hasWaited = true;
      const error = yield* waitForSocket(this.#task, this.#socket, POLLIN, deadline);
      if (error < 0) return this.#done > 0 ? yield* this.#ends() : error;
    }
  }

  // With what it has; whatever else is told has not been told yet.
  *#ends(): Coroutine {
    if (this.#places === NO_PLACES) return this.#done;
    return yield* this.#finish(nothing(), this.#done, 0, this.#done);
  }

  /** What comes of a stream is given in pieces; a message is one, and what is peeked at where that does not wait. */
  get #isInPieces(): boolean {
    if ((this.#flags & APART) !== 0) return false;
    return !this.#socket.keepsBounds && (!this.#peeks || this.#socket.peeksOn);
  }

  /** Receives what has come straight to guest memory, where nothing else is to be told: how many bytes; else 0. */
  #receiveDirectly(): number {
    const segments = this.#segments;
    if (!isPlain(this.#flags) || this.#places !== NO_PLACES) return 0;
    if (segments.run <= WINDOW_SIZE && !this.#isDirect) return 0;
    const n = this.#socket.readDirectly(this.#task, segments.address, segments.run, OWN_OFFSET);
    if (n <= 0) return 0;
    segments.skip(n);
    this.#done += n;
    this.#isDirect = true;
    return n;
  }

  #isDone(): boolean {
    return isOver(this.#socket, this.#least, this.#done, this.#segments.total);
  }

  get #peeks(): boolean {
    return (this.#flags & S.MSG_PEEK) !== 0;
  }

  #roundLimit(): number {
    return Math.min(ROUND_MAX, this.#segments.roundLimit(this.#segments.total - this.#done, ROUND_PIECES));
  }

  /** Copies what was received to the caller; the call's result, or null: go on with the next. */
  *#deliver(received: Received, room: number): Generator<void, number | null, void> {
    const { data, length, discarded = 0 } = received;
    const task = this.#task;
    const before = this.#done;
    let at = 0;
    while (data.length - at > this.#roundLimitOf(data.length - at)) {
      const n = this.#round(data, at);
      at += n;
      if ((yield* task.call.copyOutRound()) < n) return this.#failed(received, before);
    }
    const last = data.length - at;
    this.#round(data, at);
    this.#done += data.length + discarded;
    if (this.#goesOn(received, room)) {
      if (last > 0 && (yield* task.call.copyOutRound()) < last) return this.#failed(received, before);
      return null;
    }
    const whole = this.#socket.keepsBounds && (this.#flags & S.MSG_TRUNC) !== 0 ? length : this.#done;
    return yield* this.#finish(received, before, last, whole);
  }

  #roundLimitOf(left: number): number {
    return Math.min(ROUND_MAX, this.#segments.roundLimit(left, ROUND_PIECES));
  }

  #round(data: Uint8Array, at: number): number {
    const task = this.#task;
    const n = Math.min(data.length - at, this.#roundLimitOf(data.length - at));
    if (n === 0) return 0;
    copyBytes(data, at, task.call.bytes, task.call.base + WINDOW, n);
    return this.#segments.round(task, n);
  }

  // A stream's receive goes on while there is more at once, or until all has come.
  #goesOn({ ancillary, length }: Received, room: number): boolean {
    if (!this.#isInPieces || length === 0 || this.#done === this.#segments.total) return false;
    if (ancillary !== null && ancillary.isOfLast !== true) return false;
    this.#told = ancillary;
    return this.#done < this.#least || (length === room && this.#socket.hasMore);
  }

  #failed(received: Received, before: number): number {
    received.putBack();
    // What is back in its queue holds its files.
    if (!this.#socket.keepsBounds) this.#taken = null;
    return before > 0 ? before : -EFAULT;
  }

  *#finish(received: Received, before: number, last: number, whole: number): Coroutine {
    const task = this.#task;
    const control = new ControlWriter(Math.min(this.#places.controlRoom, CONTROL_MAX));
    const isToldAgain = received.ancillary === null && this.#told !== null;
    const told = isToldAgain ? { ...received, ancillary: this.#told } : received;
    const given = this.#socket.writeControl(task, control, told, this.#flags);
    this.#setExtras(received, control);
    if (given === null && !this.#explicit) {
      this.#taken = null;
      task.call.outFault = (copied) => (copied < last ? this.#failed(received, before) : -EFAULT);
      return whole;
    }
    // Files change hands only when the data has arrived.
    const expected = task.call.outBytes;
    if (expected > 0 && (yield* task.call.copyOutRound()) < expected) {
      if (given !== null) this.#socket.takeBack(task, given);
      return this.#failed(received, before);
    }
    return whole;
  }

  #setExtras({ address, flags }: Received, control: ControlWriter): void {
    const extras = new Extras(this.#task);
    const places = this.#places;
    if (places.nameLength !== 0) {
      const bytes = Buffer.from(address.length > 2 ? address : "", "latin1");
      if (places.name !== 0) extras.bytes(places.name, bytes.subarray(0, places.nameRoom));
      extras.number(places.nameLength, bytes.length, 4);
    }
    if (places.control !== 0) extras.bytes(places.control, control.bytes.subarray(0, control.length));
    if (places.controlLength !== 0) extras.number(places.controlLength, control.length, 8);
    if (places.flags !== 0) {
      const asked = this.#flags & S.MSG_CMSG_CLOEXEC;
      extras.number(places.flags, flags | control.flags | asked, 4);
    }
  }
}

/** Receives into guest memory: bytes, 0 at the end, or a negative errno. */
export function receiveInto(
  task: NetCaller,
  socket: SocketFile,
  segments: Segments,
  flags: number,
  places: Places,
  explicit = false,
): Coroutine {
  return new Receiving(task, socket, segments, flags, places, explicit, 0).run();
}

/**
 * Serves a call that receives bytes and wants to know nothing else: how many, 0 at the end, a negative errno, or BLOCKED. What is
 * long and has come goes at once.
 */
export function receiveCall(task: NetCaller, socket: SocketFile, segments: Segments, flags: number): number {
  const { run, total } = segments;
  let done = 0;
  if (run > WINDOW_SIZE && isPlain(flags)) {
    done = Math.max(0, socket.readDirectly(task, segments.address, run, OWN_OFFSET));
    if (done > 0 && isOver(socket, leastOf(socket, flags, total), done, total)) return done;
    if (done > 0) segments.skip(done);
  }
  return task.call.start(new Receiving(task, socket, segments, flags, NO_PLACES, false, done).run());
}
