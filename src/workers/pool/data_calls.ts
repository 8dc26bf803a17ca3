// Calls on open files that move bytes, or the position, and nothing else: where one host call does it, with one buffer
// that fits the window. Whatever is not as simple is thread 0's.

import { EBADF, EINVAL } from "../../shared/abi/errno.ts";
import { SEEK_HOLE } from "../../shared/abi/fcntl.ts";
import { PIECES_MAX, WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OFFSET_END, OWN_OFFSET } from "../vfs/file.ts";
import { delivers, type LastRead, onPositionedFault } from "../vfs/last_read.ts";
import { IOVEC_SIZE, type Segments, segmentsOf } from "../vfs/segments.ts";
import type { BorrowedFile } from "./borrowed_file.ts";

export interface DataCaller extends Caller {
  /** What the call's descriptor names. */
  readonly file: BorrowedFile;
  readonly lastRead: LastRead;
  /** Whether all that let the call be served here holds still, behind a round of its stub's. */
  mayGoOn(): boolean;
}

function fits(address: number, length: number, position: number): boolean {
  return (
    length > 0 && length <= WINDOW_SIZE && isGuestRange(address, length) && position + length < OFFSET_END
  );
}

function read(task: DataCaller, address: number, length: number, position: number): number {
  const { file } = task;
  if (!file.readable) return -EBADF;
  if (!fits(address, length, position)) return NOT_AT_HAND;
  const isOwn = position === OWN_OFFSET;
  const n = isOwn ? file.readCached(task, WINDOW, length) : file.preadCached(task, WINDOW, length, position);
  if (n > 0) delivers(task, file, address, n, position);
  return n;
}

/** A copy of the array of vectors, which stands where the bytes come to; null: it is thread 0's to look at. */
function arrayOf({ call }: DataCaller, count: number): Buffer | null {
  if (count <= 0 || count > PIECES_MAX || !call.inComplete(0, count * IOVEC_SIZE)) return null;
  const at = call.base + WINDOW;
  return Buffer.from(call.bytes.subarray(at, at + count * IOVEC_SIZE));
}

/** What an array names, where one host call moves all of it; else null. */
function segmentsThatFit(array: Buffer, position: number): Segments | null {
  const segments = segmentsOf(array, array.length / IOVEC_SIZE);
  return typeof segments === "number" || segments.invalid || !fits(0, segments.total, position)
    ? null
    : segments;
}

/** The result of a call on vectors, whose array is put back for thread 0 if that is to begin anew. */
function withArray({ call }: DataCaller, array: Buffer, n: number): number {
  if (n === NOT_AT_HAND) call.bytes.set(array, call.base + WINDOW);
  return n;
}

/** As read. */
function readVectors(task: DataCaller, count: number, position: number): number {
  const { call, file, lastRead } = task;
  if (!file.readable) return -EBADF;
  const array = arrayOf(task, count);
  const segments = array === null ? null : segmentsThatFit(array, position);
  if (array === null || segments === null) return NOT_AT_HAND;
  const { total } = segments;
  const isOwn = position === OWN_OFFSET;
  const n = isOwn ? file.readCached(task, WINDOW, total) : file.preadCached(task, WINDOW, total, position);
  if (n <= 0) return withArray(task, array, n);
  segments.round(task, n);
  if (isOwn) lastRead.set(file, n);
  call.outFault = isOwn ? lastRead.onFault : onPositionedFault;
  return n;
}

function write(task: DataCaller, address: number, length: number, position: number): number {
  const { call, file } = task;
  // That it may not be written here may be for another reason than how it was opened.
  if (!file.writable || !fits(address, length, position) || !call.inComplete(0, length)) return NOT_AT_HAND;
  return writeWindow(task, length, position);
}

function writeWindow(task: DataCaller, length: number, position: number): number {
  return position === OWN_OFFSET
    ? task.file.write(task, WINDOW, length)
    : task.file.pwrite(task, WINDOW, length, position);
}

/** As write, of bytes that the stub copies by a round of their own. */
function writeVectors(task: DataCaller, count: number, position: number): number {
  if (!task.file.writable) return NOT_AT_HAND;
  const array = arrayOf(task, count);
  const segments = array === null ? null : segmentsThatFit(array, position);
  if (array === null || segments === null) return NOT_AT_HAND;
  return task.call.start(writeRound(task, array, segments, position));
}

/** The position is nobody's while the stub copies: it may take as long as it likes. */
function* writeRound(task: DataCaller, array: Buffer, segments: Segments, position: number): Coroutine {
  const { total } = segments;
  segments.round(task, total);
  const copied = yield* task.call.copyInRound();
  const isWhole = copied === total && task.mayGoOn() && task.file.writable;
  return withArray(task, array, isWhole ? writeWindow(task, total, position) : NOT_AT_HAND);
}

export const DATA_HANDLERS: Handlers<DataCaller> = {
  read: (task, _fd, address, length) => read(task, address, length, OWN_OFFSET),

  readv: (task, _fd, _vector, count) => readVectors(task, count, OWN_OFFSET),

  pread64: (task, _fd, address, length, position) =>
    position < 0 ? -EINVAL : read(task, address, length, position),

  preadv: (task, _fd, _vector, count, position) =>
    position < 0 ? -EINVAL : readVectors(task, count, position),

  write: (task, _fd, address, length) => write(task, address, length, OWN_OFFSET),

  writev: (task, _fd, _vector, count) => writeVectors(task, count, OWN_OFFSET),

  pwrite64: (task, _fd, address, length, position) =>
    position < 0 ? -EINVAL : write(task, address, length, position),

  pwritev: (task, _fd, _vector, count, position) =>
    position < 0 ? -EINVAL : writeVectors(task, count, position),

  lseek: (task, _fd, offset, whence) =>
    whence >>> 0 > SEEK_HOLE ? -EINVAL : task.file.seek(offset, whence, task),
};
