// preadv(2), pwritev(2), and their second versions with flags.

import { EBADF, EFAULT, EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import { OFFSET_END, type OpenFile, OWN_OFFSET } from "./file.ts";
import { readInto, writeVectors } from "./read_write.ts";
import { positioned } from "./read_write_calls.ts";
import { SeekableFile } from "./seekable_file.ts";
import { type Segments, vectors } from "./segments.ts";

/** Flags that change nothing here: hints, and synchronous writing to files that have no disk. */
const HINTS = F.RWF_HIPRI | F.RWF_DSYNC | F.RWF_SYNC;
const READ_FLAGS = HINTS | F.RWF_NOWAIT;
const WRITE_FLAGS = HINTS | F.RWF_NOWAIT | F.RWF_APPEND | F.RWF_NOAPPEND;

function vectorFile(task: VfsCaller, fd: number, position: number, writes: boolean): OpenFile | number {
  if (position !== OWN_OFFSET) return positioned(task, fd, writes);
  const file = task.files.get(fd);
  return file !== undefined && (writes ? file.writable : file.readable) ? file : -EBADF;
}

/** What a call on vectors answers whatever its flags say: 0, a negative errno, or null: they decide. */
function answerBefore({ invalid, total }: Segments, position: number): number | null {
  if (invalid) return -EFAULT;
  if (total === 0) return 0;
  return position !== OWN_OFFSET && position + total >= OFFSET_END ? -EINVAL : null;
}

function read(task: VfsCaller, fd: number, count: number, position: number, flags: number): number {
  const file = vectorFile(task, fd, position, false);
  if (typeof file === "number") return file;
  const segments = vectors(task, count);
  if (typeof segments === "number") return segments;
  const answer = answerBefore(segments, position);
  if (answer !== null) return answer;
  if ((flags & ~READ_FLAGS) !== 0) return -EOPNOTSUPP;
  return readInto(task, file, segments, position, (flags & F.RWF_NOWAIT) !== 0);
}

function write(task: VfsCaller, fd: number, count: number, position: number, flags: number): number {
  const file = vectorFile(task, fd, position, true);
  if (typeof file === "number") return file;
  const segments = vectors(task, count);
  if (typeof segments === "number") return segments;
  const answer = answerBefore(segments, position);
  if (answer !== null) return answer;
  if ((flags & ~WRITE_FLAGS) !== 0) return -EOPNOTSUPP;
  const both = F.RWF_APPEND | F.RWF_NOAPPEND;
  if ((flags & both) === both) return -EINVAL;
  let at = position;
  if ((flags & F.RWF_APPEND) !== 0 && file instanceof SeekableFile) {
    const size = file.size();
    if (size < 0) return size;
    if (position === OWN_OFFSET) file.position = size;
    else at = size;
  }
  return writeVectors(task, file, segments, at, (flags & F.RWF_NOWAIT) !== 0);
}

export const VECTOR_HANDLERS: Handlers<VfsCaller> = {
  preadv: (task, fd, _vector, count, position) =>
    position < 0 ? -EINVAL : read(task, fd, count, position, 0),
  pwritev: (task, fd, _vector, count, position) =>
    position < 0 ? -EINVAL : write(task, fd, count, position, 0),

  preadv2: (task, fd, _vector, count, position, _high, flags) =>
    position < OWN_OFFSET ? -EINVAL : read(task, fd, count, position, flags),

  pwritev2: (task, fd, _vector, count, position, _high, flags) =>
    position < OWN_OFFSET ? -EINVAL : write(task, fd, count, position, flags),
};
