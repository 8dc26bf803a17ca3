// Calls that open: open(2), openat(2), openat2(2), creat(2).

import { E2BIG, EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { open_how } from "../../shared/abi/structs.ts";
import { WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { install } from "./install.ts";
import { type OpenHow, openPath, openSimply } from "./open_file.ts";

const RESOLVE_KNOWN =
  F.RESOLVE_NO_XDEV |
  F.RESOLVE_NO_MAGICLINKS |
  F.RESOLVE_NO_SYMLINKS |
  F.RESOLVE_BENEATH |
  F.RESOLVE_IN_ROOT |
  F.RESOLVE_CACHED;
const FLAGS_KNOWN =
  F.O_ACCMODE |
  F.O_CREAT |
  F.O_EXCL |
  F.O_NOCTTY |
  F.O_TRUNC |
  F.O_APPEND |
  F.O_NONBLOCK |
  F.O_DSYNC |
  F.O_SYNC |
  F.O_DIRECT |
  F.O_LARGEFILE |
  F.O_DIRECTORY |
  F.O_NOFOLLOW |
  F.O_NOATIME |
  F.O_CLOEXEC |
  F.O_PATH |
  F.O_TMPFILE |
  F.O_ASYNC;
/** What O_PATH leaves of the flags. */
const PATH_FLAGS = F.O_DIRECTORY | F.O_NOFOLLOW | F.O_PATH | F.O_CLOEXEC;
/** Flags of the call, not of the description. */
const CALL_FLAGS = F.O_CREAT | F.O_EXCL | F.O_NOCTTY | F.O_TRUNC | F.O_CLOEXEC;

/** Opens and installs: the descriptor or a negative errno. */
function openFor(task: VfsCaller, dirfd: number, how: OpenHow): number {
  const path = task.call.inString(0);
  return typeof path === "number" ? path : giveDescriptor(task, openPath(task, dirfd, path, how), how.flags);
}

// open and openat, which ignore what they do not know.
function openLegacy(task: VfsCaller, dirfd: number, given: number, mode: number): number {
  const known = given & FLAGS_KNOWN;
  const flags = (known & F.O_PATH) !== 0 ? known & PATH_FLAGS : known;
  const file = openSimply(task, dirfd, flags);
  if (file !== null) return giveDescriptor(task, file, flags);
  return openFor(task, dirfd, { flags, mode: mode & 0o7777, resolve: 0 });
}

function giveDescriptor(task: VfsCaller, file: OpenFile | number, flags: number): number {
  if (typeof file === "number") return file;
  file.flags &= ~CALL_FLAGS;
  // For a 64-bit program every file may be large.
  if ((file.flags & F.O_PATH) === 0) file.flags |= F.O_LARGEFILE;
  const closeOnExec = (flags & F.O_CLOEXEC) !== 0;
  const opening = file.opening(task);
  return opening === null
    ? install(task, file, closeOnExec)
    : task.call.start(finishOpening(task, file, opening, closeOnExec));
}

// A FIFO's open waits for the other end.
function* finishOpening(
  task: VfsCaller,
  file: OpenFile,
  opening: Coroutine,
  closeOnExec: boolean,
): Coroutine {
  let opened = false;
  try {
    const error = yield* opening;
    if (error < 0) return error;
    opened = true;
    return install(task, file, closeOnExec);
  } finally {
    if (!opened) task.files.discard(file);
  }
}

// openat2 refuses it.
function checkHow(how: OpenHow & { rawFlags: number }): number {
  const { rawFlags, flags, mode, resolve } = how;
  if ((rawFlags & ~FLAGS_KNOWN) !== 0 || (resolve & ~RESOLVE_KNOWN) !== 0) return -EINVAL;
  if ((resolve & F.RESOLVE_BENEATH) !== 0 && (resolve & F.RESOLVE_IN_ROOT) !== 0) return -EINVAL;
  const makes = (flags & F.O_CREAT) !== 0 || (flags & F.O_TMPFILE) === F.O_TMPFILE;
  if (!makes && mode !== 0) return -EINVAL;
  if (mode > 0o7777) return -EINVAL;
  if ((flags & F.O_PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0) return -EINVAL;
  return 0;
}

export const OPEN_HANDLERS: Handlers<VfsCaller> = {
  open: (task, _path, flags, mode) => openLegacy(task, F.AT_FDCWD, flags, mode),

  openat: (task, dirfd, _path, flags, mode) => openLegacy(task, dirfd, flags, mode),

  creat: (task, _path, mode) => openLegacy(task, F.AT_FDCWD, F.O_CREAT | F.O_WRONLY | F.O_TRUNC, mode),

  openat2: (task, dirfd, _path, _how, size) => {
    if (size < open_how.size) return -EINVAL;
    if (size > 4096) return -E2BIG;
    if (!task.call.inComplete(1, size)) return -EFAULT;
    const bytes = task.call.bytes.slice(
      task.call.base + WINDOW_SECOND,
      task.call.base + WINDOW_SECOND + size,
    );
    if (bytes.subarray(open_how.size).some((byte) => byte !== 0)) return -E2BIG;
    const { flags, mode, resolve } = open_how.decode(bytes);
    const [low, high] = [Number(flags.lo), Number(flags.hi)];
    if (high !== 0 || resolve.hi !== 0) return -EINVAL;
    if (mode.hi !== 0) return -EINVAL;
    const how = { flags: low | 0, rawFlags: low | 0, mode: mode.lo, resolve: resolve.lo };
    const error = checkHow(how);
    return error < 0 ? error : openFor(task, dirfd, how);
  },
};
