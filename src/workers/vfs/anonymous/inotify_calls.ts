// inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2).

import { EBADF, EINVAL, EMFILE, ENOTDIR } from "../../../shared/abi/errno.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK } from "../../../shared/abi/fcntl.ts";
import * as IN from "../../../shared/abi/poll.ts";
import type { Handlers } from "../../call/dispatch.ts";
import type { VfsCaller } from "../caller.ts";
import { install } from "../install.ts";
import { lookup, mayAccess } from "../lookup.ts";
import { FileTarget } from "../path_walk.ts";
import { MAY_READ } from "../permission.ts";
import { InotifyFile } from "./inotify.ts";

/** Whatever may stand in a mask; one of these bits must. */
const KNOWN =
  IN.IN_ALL_EVENTS |
  IN.IN_UNMOUNT |
  IN.IN_Q_OVERFLOW |
  IN.IN_IGNORED |
  IN.IN_ONLYDIR |
  IN.IN_DONT_FOLLOW |
  IN.IN_EXCL_UNLINK |
  IN.IN_MASK_CREATE |
  IN.IN_MASK_ADD |
  IN.IN_ISDIR |
  IN.IN_ONESHOT;

function create(task: VfsCaller, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const { uid } = task.credentials;
  if (task.kernel.inotify.of(uid) >= task.kernel.sysctls.get("fs/inotify/max_user_instances")) return -EMFILE;
  return install(task, new InotifyFile(task.kernel, flags & O_NONBLOCK, uid), (flags & O_CLOEXEC) !== 0);
}

function addWatch(task: VfsCaller, fd: number, mask: number): number {
  if ((mask & KNOWN) === 0) return -EINVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -EBADF;
  if ((mask & IN.IN_MASK_ADD) !== 0 && (mask & IN.IN_MASK_CREATE) !== 0) return -EINVAL;
  if (!(file instanceof InotifyFile)) return -EINVAL;
  const path = task.call.inString(0);
  if (typeof path === "number") return path;
  const found = lookup(task, AT_FDCWD, path, { follow: (mask & IN.IN_DONT_FOLLOW) === 0 });
  if (typeof found === "number") return found;
  if (found instanceof FileTarget)
    return found.file.inode === null || (mask & IN.IN_ONLYDIR) !== 0
      ? -ENOTDIR
      : file.addWatch(found.file.inode, mask);
  if ((mask & IN.IN_ONLYDIR) !== 0 && !found.inode.isDirectory) return -ENOTDIR;
  const error = mayAccess(task, found, MAY_READ);
  return error < 0 ? error : file.addWatch(found.inode, mask);
}

export const INOTIFY_HANDLERS: Handlers<VfsCaller> = {
  inotify_init: (task) => create(task, 0),
  inotify_init1: (task, flags) => create(task, flags),

  inotify_add_watch: (task, fd, _path, mask) => addWatch(task, fd, mask),

  inotify_rm_watch: (task, fd, wd) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    return file instanceof InotifyFile ? file.removeWatch(wd) : -EINVAL;
  },
};
