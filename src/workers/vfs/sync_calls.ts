// fsync(2), sync(2), syncfs(2), sync_file_range(2); and the hints readahead(2) and posix_fadvise(2), which
// are checked and change nothing.

import { EBADF, EINVAL, ESPIPE } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { S_IFCHR, S_IFREG } from "../../shared/abi/stat.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";

const SYNC_FILE_RANGE_FLAGS = 7;

/** An open file that more can be done with than name it. */
function sync(task: VfsCaller, fd: number, dataOnly: boolean): number {
  const file = task.files.usable(fd);
  return file === undefined ? -EBADF : file.sync(task, dataOnly);
}

export const SYNC_HANDLERS: Handlers<VfsCaller> = {
  fsync: (task, fd) => sync(task, fd, false),
  fdatasync: (task, fd) => sync(task, fd, true),
  sync: () => 0,
  syncfs: (task, fd) => (task.files.usable(fd) === undefined ? -EBADF : 0),

  sync_file_range: (task, fd, offset, length, flags) => {
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    if ((flags & ~SYNC_FILE_RANGE_FLAGS) !== 0 || offset < 0 || length < 0) return -EINVAL;
    return file.isStream || file.inode?.type === S_IFCHR ? -ESPIPE : 0;
  },

  readahead: (task, fd) => {
    const file = task.files.usable(fd);
    if (file === undefined || !file.readable) return -EBADF;
    return file.inode?.type !== S_IFREG ? -EINVAL : 0;
  },

  fadvise64: (task, fd, _offset, length, advice) => {
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    if (file.isStream) return -ESPIPE;
    return length < 0 || advice < F.POSIX_FADV_NORMAL || advice > F.POSIX_FADV_NOREUSE ? -EINVAL : 0;
  },
};
