// read, write and their relatives: rounds between a file and guest memory through the data window, or straight
// (direct_transfer.ts), waiting where the file has nothing yet, and what is answered when memory or file end half way.

import { EAGAIN, EFAULT, EPIPE, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { IN_ACCESS, IN_MODIFY, POLLIN, POLLOUT } from "../../shared/abi/poll.ts";
import { SIGPIPE } from "../../shared/abi/signal.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { NOT_AT_HAND, numberAnswered } from "../call/asked.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { fromUser } from "../call/siginfo.ts";
import { copyInDirectly, copyOutDirectly } from "../mem/direct_copy.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { VfsCaller } from "./caller.ts";
import { DIRECT_MAX, readDirectly, writeDirectly } from "./direct_transfer.ts";
import { NOT_AT_ONCE, type OpenFile, OWN_OFFSET } from "./file.ts";
import { holding } from "./file_table.ts";
import { delivers } from "./last_read.ts";
import { SeekableFile } from "./seekable_file.ts";
import { type Segments, segmentOf } from "./segments.ts";
import { readByStub, readsByItself } from "./stub_read.ts";
import { waitFor } from "./wait.ts";

/** As the coroutine, and who watches the file learns of what it moved. */
function* told(task: VfsCaller, file: OpenFile, event: number, rounds: Coroutine): Coroutine {
  const moved = yield* rounds;
  if (moved > 0) task.kernel.fileEvents.used(file, event);
  return moved;
}

/** Starts a transfer: an event of the file, which lasts as long, even if its descriptor is closed. */
function startTransfer(task: VfsCaller, file: OpenFile, event: number, rounds: Coroutine): number {
  const step = task.kernel.fileEvents.any ? told(task, file, event, rounds) : rounds;
  return task.call.start(holding(task, file, step));
}

function readOnce(task: VfsCaller, file: OpenFile, length: number, position: number): number {
  return position === OWN_OFFSET
    ? file.readCached(task, WINDOW, length)
    : file.preadCached(task, WINDOW, length, position);
}

// A regular file has bytes that must come from a disk: waits for them, then reads.
function* readCold(
  task: VfsCaller,
  file: SeekableFile,
  length: number,
  position: number,
  ahead: number,
): Generator<void, number, void> {
  yield* file.warm(task, position === OWN_OFFSET ? file.position : position, ahead);
  // The position may be somebody else's for a moment: that ends no read that has given something already.
  return yield* numberAnswered(task, () =>
    position === OWN_OFFSET ? file.read(task, WINDOW, length) : file.pread(task, WINDOW, length, position),
  );
}

// What a read answers when its last round could not be delivered (F20).
function onReadFault(
  task: VfsCaller,
  file: OpenFile,
  before: number,
  n: number,
  copied: number,
  position: number,
): number {
  const read = position === OWN_OFFSET ? file.undelivered(task, WINDOW, n, copied) : copied;
  const done = before + read;
  return done > 0 ? done : -EFAULT;
}

// A stream's read goes on for as long as there is something at once.
function goesOn(task: VfsCaller, file: OpenFile): boolean {
  return !file.isStream || (file.poll(task) & POLLIN) !== 0;
}

/** Copies the window's first bytes to the next place in guest memory; how many arrived. */
function* deliver(task: VfsCaller, segments: Segments, length: number): Generator<void, number, void> {
  const address = segments.nextAddress(length);
  if (address >= 0 && copyOutDirectly(task, address, WINDOW, length)) {
    segments.skip(length);
    return length;
  }
  segments.round(task, length);
  return yield* task.call.copyOutRound();
}

/** Copies the next bytes of guest memory to the window: how many were wanted, and how many came. */
function* fetch(
  task: VfsCaller,
  segments: Segments,
  limit: number,
): Generator<void, { want: number; copied: number }, void> {
  const address = segments.nextAddress(limit);
  if (address >= 0 && copyInDirectly(task, address, WINDOW, limit)) {
    segments.skip(limit);
    return { want: limit, copied: limit };
  }
  const want = segments.round(task, limit);
  return { want, copied: yield* task.call.copyInRound() };
}

/** Reads straight, or by rounds through the window, behind `read` bytes that are there already; the file is held. */
export function* readRounds(
  task: VfsCaller,
  file: OpenFile,
  segments: Segments,
  position: number,
  noWait: boolean,
  read = 0,
): Coroutine {
  let done = read;
  const { longTurns } = task.kernel;
  for (;;) {
    if (done > 0 && longTurns.isFull) yield* breatheOn(task);
    const at = position === OWN_OFFSET ? position : position + done;
    const { run } = segments;
    const direct = readDirectly(task, file, segments.address, run, at);
    if (direct === NOT_AT_HAND && done > 0) {
      yield* task.call.answer();
      continue;
    }
    if (direct > 0) {
      segments.skip(direct);
      done += direct;
      if (done === segments.total || !goesOn(task, file)) return done;
      continue;
    }
    const want = segments.roundLimit(segments.total - done);
    let n = readOnce(task, file, want, at);
    while (n === NOT_AT_HAND && done > 0) {
      yield* task.call.answer();
      n = readOnce(task, file, want, at);
    }
    if (n === -EAGAIN && !noWait && file instanceof SeekableFile)
      n = yield* readCold(task, file, want, at, Math.max(want, Math.min(run, DIRECT_MAX)));
    if (n === -EAGAIN && done === 0 && !noWait && (file.flags & O_NONBLOCK) === 0) {
      if (yield* waitFor(task, file, POLLIN)) return -ERESTARTSYS;
      continue;
    }
    if (n <= 0) return done > 0 ? done : n;
    const before = done;
    done += n;
    if (done === segments.total || n < want || !goesOn(task, file)) {
      segments.round(task, n);
      task.call.outFault = (copied) => onReadFault(task, file, before, n, Math.min(copied, n), position);
      return done;
    }
    const copied = yield* deliver(task, segments, n);
    if (copied < n) return onReadFault(task, file, before, n, copied, position);
  }
}

/** Serves read, readv, pread64 and preadv: bytes read, 0 at the end, a negative errno, or BLOCKED. */
export function readInto(
  task: VfsCaller,
  file: OpenFile,
  segments: Segments,
  position: number,
  noWait = false,
): number {
  if (segments.invalid) return -EFAULT;
  if (segments.total === 0) return 0;
  const whole = position === OWN_OFFSET ? file.readCall(task, segments, noWait) : null;
  if (whole !== null) return whole;
  return startTransfer(task, file, IN_ACCESS, readRounds(task, file, segments, position, noWait));
}

/** By the stub itself, or, where it cannot, by rounds. */
function* readApart(
  task: VfsCaller,
  file: SeekableFile,
  address: number,
  length: number,
  position: number,
): Coroutine {
  const n = yield* readByStub(task, file, address, length, position);
  return n >= 0 ? n : yield* readRounds(task, file, segmentOf(address, length), position, false);
}

/**
 * Serves read and pread64 of one buffer: where it fits the window and there is something at once, without a
 * coroutine and without an object.
 */
export function readBuffer(
  task: VfsCaller,
  file: OpenFile,
  address: number,
  length: number,
  position: number,
): number {
  if (readsByItself(task, file, length, position) && isGuestRange(address, length))
    return startTransfer(task, file, IN_ACCESS, readApart(task, file, address, length, position));
  const limit = length <= WINDOW_SIZE ? length : file.readLimit(length);
  if (length > 0 && limit <= WINDOW_SIZE && isGuestRange(address, length)) {
    if (file.servesWholeCalls) {
      const whole = position === OWN_OFFSET ? file.readAtOnce(task, address, length) : NOT_AT_ONCE;
      if (whole !== NOT_AT_ONCE) return whole;
      return readInto(task, file, segmentOf(address, length), position);
    }
    const n = readOnce(task, file, limit, position);
    if (n > 0) {
      delivers(task, file, address, n, position);
      task.kernel.fileEvents.used(file, IN_ACCESS);
      return n;
    }
    if (n !== -EAGAIN || (file.isStream && (file.flags & O_NONBLOCK) !== 0)) return n;
  } else if (isGuestRange(address, length) && !file.servesWholeCalls) {
    const n = readDirectly(task, file, address, length, position);
    if (n > 0) {
      if (n === length || !goesOn(task, file)) {
        task.kernel.fileEvents.used(file, IN_ACCESS);
        return n;
      }
      const rest = segmentOf(address, length);
      rest.skip(n);
      return startTransfer(task, file, IN_ACCESS, readRounds(task, file, rest, position, false, n));
    }
  }
  return readInto(task, file, segmentOf(address, length), position);
}

function writeOnce(
  task: VfsCaller,
  file: OpenFile,
  offset: number,
  length: number,
  position: number,
): number {
  return position === OWN_OFFSET
    ? file.write(task, offset, length)
    : file.pwrite(task, offset, length, position);
}

// Linux fills a pipe a page at a time and drops a page that faulted half way.
function deliverable(file: OpenFile, bytes: number): number {
  return file.isStream ? bytes - (bytes % PAGE_SIZE) : bytes;
}

/**
 * Writes straight, or by rounds through the window, behind `written` bytes that the file has already: there the first
 * `inWindow` bytes may stand (the stub copies what fits), of which those that were written are the first. The file is held.
 */
export function* writeRounds(
  task: VfsCaller,
  file: OpenFile,
  segments: Segments,
  position: number,
  noWait: boolean,
  inWindow: number,
  faulted: boolean,
  written = 0,
): Coroutine {
  let done = written;
  let ready = Math.max(0, inWindow - written); // bytes of the window that are still to be written, from WINDOW + at
  let at = written;
  let memoryEnds = faulted;
  const { longTurns } = task.kernel;
  for (;;) {
    if (done > 0 && longTurns.isFull) yield* breatheOn(task);
    if (ready === 0) {
      if (done === segments.total) return done;
      if (memoryEnds) return done > 0 ? done : -EFAULT;
      const { run } = segments;
      const next = position === OWN_OFFSET ? position : position + done;
      const n = writeDirectly(task, file, segments.address, run, next);
      if (n === NOT_AT_HAND && done > 0) {
        yield* task.call.answer();
        continue;
      }
      if (n !== NOT_AT_ONCE) {
        if (n === -EAGAIN && !noWait && (file.flags & O_NONBLOCK) === 0) {
          if (yield* waitFor(task, file, POLLOUT)) return done > 0 ? done : -ERESTARTSYS;
          continue;
        }
        if (n < 0) return refused(task, done, n);
        segments.skip(n);
        done += n;
        if (n < Math.min(run, DIRECT_MAX) && !file.isStream) return done;
        continue;
      }
      const { want, copied } = yield* fetch(task, segments, segments.roundLimit(segments.total - done));
      memoryEnds = copied < want;
      ready = memoryEnds ? deliverable(file, copied) : want;
      at = 0;
      continue;
    }
    const next = position === OWN_OFFSET ? position : position + done;
    let n = writeOnce(task, file, WINDOW + at, ready, next);
    while (n === NOT_AT_HAND) {
      yield* task.call.answer();
      n = writeOnce(task, file, WINDOW + at, ready, next);
    }
    if (n === -EAGAIN && !noWait && (file.flags & O_NONBLOCK) === 0) {
      if (yield* waitFor(task, file, POLLOUT)) return done > 0 ? done : -ERESTARTSYS;
      continue;
    }
    if (n < 0) return refused(task, done, n);
    done += n;
    at += n;
    ready -= n;
    // A file that takes less than there is has met a limit.
    if (n === 0 || (ready > 0 && !file.isStream)) return done;
  }
}

/** The file takes no more: what a write answers that has written so much. */
function refused(task: VfsCaller, done: number, error: number): number {
  if (error === -EPIPE) task.send(fromUser(task, SIGPIPE));
  return done > 0 ? done : error;
}

function mayWait(file: OpenFile, n: number): boolean {
  return n === -EAGAIN && (file.flags & O_NONBLOCK) === 0;
}

/**
 * Serves write and pwrite64, whose buffer the stub has begun to copy as in piece 0 (or 1): where all of it has come
 * and the file takes it at once, without a coroutine and without an object.
 */
export function writeBuffer(
  task: VfsCaller,
  file: OpenFile,
  address: number,
  length: number,
  position: number,
): number {
  let written = 0;
  if (
    length > 0 &&
    length <= WINDOW_SIZE &&
    isGuestRange(address, length) &&
    task.call.inComplete(0, length)
  ) {
    if (file.servesWholeCalls) {
      const whole = position === OWN_OFFSET ? file.writeAtOnce(task, length) : NOT_AT_ONCE;
      if (whole !== NOT_AT_ONCE) return whole;
      return writeSegments(task, file, segmentOf(address, length), position, 0);
    }
    const n = writeOnce(task, file, WINDOW, length, position);
    if (n === -EPIPE) task.send(fromUser(task, SIGPIPE));
    // A file that takes less than there is has met a limit; a stream goes on when there is room again.
    const isOver = n === length || n === 0 || (n > 0 && !file.isStream) || (n < 0 && !mayWait(file, n));
    if (isOver) {
      if (n > 0) task.kernel.fileEvents.used(file, IN_MODIFY);
      return n;
    }
    written = Math.max(n, 0);
  } else if (length > WINDOW_SIZE && isGuestRange(address, length) && !file.servesWholeCalls) {
    const n = writeDirectly(task, file, address, length, position);
    if (n !== NOT_AT_ONCE) {
      if (n < 0 && !mayWait(file, n)) return refused(task, 0, n);
      if (n === length || (n >= 0 && n < DIRECT_MAX && !file.isStream)) {
        if (n > 0) task.kernel.fileEvents.used(file, IN_MODIFY);
        return n;
      }
      written = Math.max(n, 0);
    }
  }
  return writeSegments(task, file, segmentOf(address, length), position, written);
}

function writeSegments(
  task: VfsCaller,
  file: OpenFile,
  segments: Segments,
  position: number,
  written: number,
): number {
  if (segments.invalid) return -EFAULT;
  // Of what is more than the window the stub has copied nothing (RF_PIECE_BULK).
  const want = segments.total > WINDOW_SIZE ? 0 : segments.total;
  const faulted = !task.call.inComplete(0, want);
  const arrived = Math.min(task.call.inLength(0), want);
  const ready = faulted ? deliverable(file, arrived) : want;
  const whole = position === OWN_OFFSET ? file.writeCall(task, segments, faulted ? 0 : want, false) : null;
  if (whole !== null) return whole;
  if (segments.total === 0) return 0;
  // The first round's bytes are here; the cursor moves past them.
  if (want > 0 || written > 0) segments.skip(Math.max(want, written));
  const rounds = writeRounds(task, file, segments, position, false, ready, faulted, written);
  return startTransfer(task, file, IN_MODIFY, rounds);
}

/** Serves writev and pwritev: every round is copied in. */
export function writeVectors(
  task: VfsCaller,
  file: OpenFile,
  segments: Segments,
  position: number,
  noWait = false,
): number {
  if (segments.invalid) return -EFAULT;
  // Unlike write, which sends an empty datagram.
  if (segments.total === 0) return 0;
  const whole = position === OWN_OFFSET ? file.writeCall(task, segments, 0, noWait) : null;
  if (whole !== null) return whole;
  const rounds = writeRounds(task, file, segments, position, noWait, 0, false);
  return startTransfer(task, file, IN_MODIFY, rounds);
}
