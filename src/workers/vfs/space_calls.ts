// Calls on the space that a file takes: fallocate(2).

import { EBADF, EFBIG, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, ESPIPE } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { IN_MODIFY } from "../../shared/abi/poll.ts";
import { S_IFDIR, S_IFIFO, S_IFREG } from "../../shared/abi/stat.ts";
import type { Handler } from "../supervisor/dispatch.ts";
import type { OpenFile } from "./file.ts";
import { exceeded, fileSizeLimit } from "./size_limit.ts";

const MODES =
  F.FALLOC_FL_KEEP_SIZE |
  F.FALLOC_FL_PUNCH_HOLE |
  F.FALLOC_FL_COLLAPSE_RANGE |
  F.FALLOC_FL_ZERO_RANGE |
  F.FALLOC_FL_INSERT_RANGE |
  F.FALLOC_FL_UNSHARE_RANGE;

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

function sizeOf(file: OpenFile): number {
  const attributes = file.inode!.attributes();
  return typeof attributes === "number" ? 0 : attributes.size;
}

export const SPACE_HANDLERS: Record<string, Handler> = {
  fallocate: (task, fd, mode, position, length) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    if (position < 0 || length <= 0) return -EINVAL;
    const error = checkMode(mode);
    if (error < 0) return error;
    if (!file.writable) return -EBADF;
    const type = file.inode?.type ?? 0;
    if (type === S_IFIFO) return -ESPIPE;
    if (type === S_IFDIR) return -EISDIR;
    if (type !== S_IFREG) return -ENODEV;
    const end = position + length;
    if (!Number.isSafeInteger(end)) return -EFBIG;
    if ((mode & F.FALLOC_FL_KEEP_SIZE) === 0 && end > fileSizeLimit(task) && end > sizeOf(file)) {
      exceeded(task);
      return -EFBIG;
    }
    const done = file.allocate(task, mode, position, length);
    if (done === 0) task.kernel.fileEvents.used(file, IN_MODIFY);
    return done;
  },
};
