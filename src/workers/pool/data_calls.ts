// Calls on open files that move bytes, or the position, and nothing else: where one host call does it, with one buffer
// that fits the window. Whatever is not as simple is thread 0's.

import { EBADF, EINVAL } from "../../shared/abi/errno.ts";
import { SEEK_HOLE } from "../../shared/abi/fcntl.ts";
import { PIECES_MAX, WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Caller } from "../call/caller.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OFFSET_END, OWN_OFFSET } from "../vfs/file.ts";
import { delivers, type LastRead } from "../vfs/last_read.ts";
import { IOVEC_SIZE, segmentsOf } from "../vfs/segments.ts";
import type { BorrowedFile } from "./borrowed_file.ts";

export interface DataCaller extends Caller {
  /** What the call's descriptor names. */
  readonly file: BorrowedFile;
  readonly lastRead: LastRead;
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

/** As read; the array of vectors stands where the bytes come to, and is put back for thread 0 if it is to begin anew. */
function readVectors(task: DataCaller, count: number): number {
  const { call, file } = task;
  if (!file.readable) return -EBADF;
  if (count <= 0 || count > PIECES_MAX || !call.inComplete(0, count * IOVEC_SIZE)) return NOT_AT_HAND;
  const at = call.base + WINDOW;
  const array = Buffer.from(call.bytes.subarray(at, at + count * IOVEC_SIZE));
  const segments = segmentsOf(array, count);
  if (typeof segments === "number" || segments.invalid || !fits(0, segments.total, OWN_OFFSET))
    return NOT_AT_HAND;
  const n = file.readCached(task, WINDOW, segments.total);
  if (n === NOT_AT_HAND) call.bytes.set(array, at);
  if (n <= 0) return n;
  segments.round(task, n);
  task.lastRead.set(file, n);
  call.outFault = task.lastRead.onFault;
  return n;
}

function write(task: DataCaller, address: number, length: number, position: number): number {
  const { call, file } = task;
  // That it may not be written here may be for another reason than how it was opened.
  if (!file.writable || !fits(address, length, position) || !call.inComplete(0, length)) return NOT_AT_HAND;
  return position === OWN_OFFSET
    ? file.write(task, WINDOW, length)
    : file.pwrite(task, WINDOW, length, position);
}

export const DATA_HANDLERS: Handlers<DataCaller> = {
  read: (task, _fd, address, length) => read(task, address, length, OWN_OFFSET),

  readv: (task, _fd, _vector, count) => readVectors(task, count),

  pread64: (task, _fd, address, length, position) =>
    position < 0 ? -EINVAL : read(task, address, length, position),

  write: (task, _fd, address, length) => write(task, address, length, OWN_OFFSET),

  pwrite64: (task, _fd, address, length, position) =>
    position < 0 ? -EINVAL : write(task, address, length, position),

  lseek: (task, _fd, offset, whence) =>
    whence >>> 0 > SEEK_HOLE ? -EINVAL : task.file.seek(offset, whence, task),
};
