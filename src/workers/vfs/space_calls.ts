// Calls on the space that a file takes: fallocate(2).

import { EBADF, EFBIG, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, EPERM, ESPIPE } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { IN_MODIFY } from "../../shared/abi/poll.ts";
import { S_IFDIR, S_IFIFO, S_IFREG } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND, numberAnswered } from "../call/asked.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { isAppendOnly, isImmutable } from "./file_flags.ts";
import { holding } from "./file_table.ts";
import { exceeded, fileSizeLimit } from "./size_limit.ts";

const MODES =
  F.FALLOC_FL_KEEP_SIZE |
  F.FALLOC_FL_PUNCH_HOLE |
  F.FALLOC_FL_COLLAPSE_RANGE |
  F.FALLOC_FL_ZERO_RANGE |
  F.FALLOC_FL_INSERT_RANGE |
  F.FALLOC_FL_UNSHARE_RANGE;

/** What is allocated, or freed, before others are served. */
const PIECE = 8 << 20;
/** Of a hole of exabytes: there must be an end. */
const PIECES_MAX = 16384;

/** Combinations of modes that vfs_fallocate refuses. */
function checkMode(mode: number): number {
  if ((mode & ~MODES) !== 0) return -EOPNOTSUPP;
  const punches = (mode & F.FALLOC_FL_PUNCH_HOLE) !== 0;
  if (punches && (mode & F.FALLOC_FL_ZERO_RANGE) !== 0) return -EOPNOTSUPP;
  if (punches && (mode & F.FALLOC_FL_KEEP_SIZE) === 0) return -EOPNOTSUPP;
  for (const alone of [F.FALLOC_FL_COLLAPSE_RANGE, F.FALLOC_FL_INSERT_RANGE])
    if ((mode & alone) !== 0 && mode !== alone) return -EINVAL;
  return 0;
}

/** 0 where nobody knows; or NOT_AT_HAND. */
function sizeOf(file: OpenFile): number {
  const attributes = file.inode!.attributes();
  if (typeof attributes !== "number") return attributes.size;
  return attributes === NOT_AT_HAND ? attributes : 0;
}

function allocate(
  task: VfsCaller,
  file: OpenFile,
  mode: number,
  position: number,
  length: number,
  later: number,
): number {
  const done = file.allocate(task, mode, position, length, later);
  if (done === 0 && later === 0) task.kernel.fileEvents.used(file, IN_MODIFY);
  return done;
}

// The host clears, or frees, gigabytes in one call, and nobody is served meanwhile.
function* inPieces(task: VfsCaller, file: OpenFile, mode: number, position: number, end: number): Coroutine {
  const piece = Math.max(PIECE, Math.ceil((end - position) / PIECES_MAX));
  for (let at = position; ; at += piece) {
    const length = Math.min(piece, end - at);
    const later = end - at - length;
    const done = yield* numberAnswered(task, () => allocate(task, file, mode, at, length, later));
    if (done < 0 || at + length === end) return done;
    yield* breatheOn(task);
  }
}

export const SPACE_HANDLERS: Handlers<VfsCaller> = {
  fallocate: (task, fd, mode, position, length) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    if (position < 0 || length <= 0) return -EINVAL;
    const error = checkMode(mode);
    if (error < 0) return error;
    if (!file.writable) return -EBADF;
    if (isImmutable(file.inode)) return -EPERM;
    if ((mode & ~F.FALLOC_FL_KEEP_SIZE) !== 0 && isAppendOnly(file.inode)) return -EPERM;
    const type = file.inode?.type ?? 0;
    if (type === S_IFIFO) return -ESPIPE;
    if (type === S_IFDIR) return -EISDIR;
    if (type !== S_IFREG) return -ENODEV;
    const end = position + length;
    if (!Number.isSafeInteger(end)) return -EFBIG;
    if ((mode & F.FALLOC_FL_KEEP_SIZE) === 0 && end > fileSizeLimit(task)) {
      const size = sizeOf(file);
      if (size === NOT_AT_HAND) return size;
      if (end > size) {
        exceeded(task);
        return -EFBIG;
      }
    }
    if (length > PIECE && (mode & ~(F.FALLOC_FL_KEEP_SIZE | F.FALLOC_FL_PUNCH_HOLE)) === 0)
      return task.call.start(holding(task, file, inPieces(task, file, mode, position, end)));
    return allocate(task, file, mode, position, length, 0);
  },
};
