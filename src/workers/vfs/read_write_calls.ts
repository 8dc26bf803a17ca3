// Reading and writing: read(2), readv(2), pread(2), write(2) and their like, lseek(2).

import { EBADF, EINVAL, ESPIPE } from "../../shared/abi/errno.ts";
import { SEEK_HOLE } from "../../shared/abi/fcntl.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import type { VfsCaller } from "./caller.ts";
import { OFFSET_END, type OpenFile, OWN_OFFSET } from "./file.ts";
import { readBuffer, readInto, writeBuffer, writeVectors } from "./read_write.ts";
import { vectors } from "./segments.ts";

function readableFile(task: VfsCaller, fd: number): OpenFile | undefined {
  const file = task.files.get(fd);
  return file?.readable ? file : undefined;
}

function writableFile(task: VfsCaller, fd: number): OpenFile | undefined {
  const file = task.files.get(fd);
  return file?.writable ? file : undefined;
}

/** The file for pread and pwrite, which streams refuse before all else, or a negative errno. */
export function positioned(task: VfsCaller, fd: number, writes: boolean): OpenFile | number {
  const file = task.files.usable(fd);
  if (file === undefined) return -EBADF;
  if (file.isStream) return -ESPIPE;
  return (writes ? file.writable : file.readable) ? file : -EBADF;
}

/** Whether a transfer would end where no file reaches; what is no guest memory, or nothing, is told first. */
function isBeyond(address: number, length: number, position: number): boolean {
  return position + length >= OFFSET_END && length > 0 && isGuestRange(address, length);
}

export const READ_WRITE_HANDLERS: Handlers<VfsCaller> = {
  read: (task, fd, address, length) => {
    const file = readableFile(task, fd);
    return file === undefined ? -EBADF : readBuffer(task, file, address, length, OWN_OFFSET);
  },

  pread64: (task, fd, address, length, position) => {
    if (position < 0) return -EINVAL;
    const file = positioned(task, fd, false);
    if (typeof file === "number") return file;
    if (isBeyond(address, length, position)) return -EINVAL;
    return readBuffer(task, file, address, length, position);
  },

  readv: (task, fd, _vector, count) => {
    const file = readableFile(task, fd);
    if (file === undefined) return -EBADF;
    const segments = vectors(task, count);
    return typeof segments === "number" ? segments : readInto(task, file, segments, OWN_OFFSET);
  },

  write: (task, fd, address, length) => {
    const file = writableFile(task, fd);
    return file === undefined ? -EBADF : writeBuffer(task, file, address, length, OWN_OFFSET);
  },

  pwrite64: (task, fd, address, length, position) => {
    if (position < 0) return -EINVAL;
    const file = positioned(task, fd, true);
    if (typeof file === "number") return file;
    if (isBeyond(address, length, position)) return -EINVAL;
    return writeBuffer(task, file, address, length, position);
  },

  writev: (task, fd, _vector, count) => {
    const file = writableFile(task, fd);
    if (file === undefined) return -EBADF;
    const segments = vectors(task, count);
    return typeof segments === "number" ? segments : writeVectors(task, file, segments, OWN_OFFSET);
  },

  lseek: (task, fd, offset, whence) => {
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    return whence >>> 0 > SEEK_HOLE ? -EINVAL : file.seek(offset, whence, task);
  },
};
