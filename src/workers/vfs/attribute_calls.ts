// Calls that change what stat tells: chmod(2), chown(2), utimensat(2), truncate(2); extended attributes.

import { EBADF, EFAULT, EFBIG, EINVAL, EISDIR, EOPNOTSUPP, EPERM, EROFS } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { CAP_CHOWN } from "../../shared/abi/prctl.ts";
import { S_IFDIR, S_IFMT, S_IFREG, UTIME_NOW, UTIME_OMIT } from "../../shared/abi/stat.ts";
import { readI64 } from "../../shared/abi/struct.ts";
import { WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { NO_ID } from "../credentials/id_map.ts";
import { AnonymousFile } from "./anonymous/anonymous_file.ts";
import type { VfsCaller } from "./caller.ts";
import { isAppendOnly, isImmutable, mayChange } from "./file_flags.ts";
import type { AttributeChanges, Time } from "./inode.ts";
import { attributesOf, dentryOf, lookupTarget, type Target } from "./lookup.ts";
import { Path } from "./path.ts";
import {
  capableOver,
  inGroup,
  isOwner,
  MAY_WRITE,
  permission,
  withoutForeignGroup,
  withoutPrivileges,
  withoutSetIds,
} from "./permission.ts";
import { exceeded, fileSizeLimit } from "./size_limit.ts";

const MODE_BITS = 0o7777;
const KEEP = -1;

function isReadOnly(target: Target): boolean {
  return target instanceof Path ? target.mount.readOnly : (target.path?.mount.readOnly ?? false);
}

function apply(task: VfsCaller, target: Target, changes: AttributeChanges): number {
  const { inode } = target;
  if (inode === null) return -EINVAL;
  if (isReadOnly(target)) return -EROFS;
  const error = inode.setAttributes(changes);
  if (error === 0) task.kernel.fileEvents.changed(inode, dentryOf(target), changes);
  return error;
}

function chmod(task: VfsCaller, target: Target | number, mode: number): number {
  if (typeof target === "number") return target;
  const attributes = attributesOf(target);
  if (typeof attributes === "number") return attributes;
  if (target instanceof AnonymousFile) return -EOPNOTSUPP;
  if (isReadOnly(target)) return -EROFS;
  if (target.inode?.isSymlink === true) return -EOPNOTSUPP;
  if (mayChange(target.inode) < 0 || !isOwner(task, attributes)) return -EPERM;
  return apply(task, target, { mode: withoutForeignGroup(task, mode & MODE_BITS, attributes) });
}

function chown(task: VfsCaller, target: Target | number, givenUid: number, givenGid: number): number {
  if (typeof target === "number") return target;
  const attributes = attributesOf(target);
  if (typeof attributes === "number") return attributes;
  if (target instanceof AnonymousFile) return -EOPNOTSUPP;
  if (isReadOnly(target)) return -EROFS;
  const { credentials } = task;
  const { userNamespace: users } = credentials;
  const uid = givenUid === KEEP ? KEEP : users.uids.toKernel(givenUid >>> 0);
  const gid = givenGid === KEEP ? KEEP : users.gids.toKernel(givenGid >>> 0);
  if (uid === NO_ID || gid === NO_ID) return -EINVAL;
  if (mayChange(target.inode) < 0) return -EPERM;
  const mighty = capableOver(credentials, attributes, CAP_CHOWN);
  const owner = credentials.fsuid === attributes.uid;
  if (uid !== KEEP && !mighty && !(owner && uid === attributes.uid)) return -EPERM;
  const mayGive = gid === attributes.gid || inGroup(credentials, gid);
  if (gid !== KEEP && !mighty && !(owner && mayGive)) return -EPERM;
  const changes: AttributeChanges = {};
  if (uid !== KEEP) changes.uid = uid;
  if (gid !== KEEP) changes.gid = gid;
  // A change that changes nothing takes privileges away all the same.
  if (uid === KEEP && gid === KEEP) changes.gid = attributes.gid;
  // A program's privilege bits do not survive a change of owner; nor does set-group-ID where it means one.
  if ((attributes.mode & S_IFMT) !== S_IFDIR) {
    const mode = withoutSetIds(task, attributes.mode & MODE_BITS, attributes);
    if (mode !== (attributes.mode & MODE_BITS)) changes.mode = mode;
  }
  return apply(task, target, changes);
}

function truncate(task: VfsCaller, target: Target | number, length: number): number {
  if (length < 0) return -EINVAL;
  if (typeof target === "number") return target;
  const attributes = attributesOf(target);
  if (typeof attributes === "number") return attributes;
  const type = attributes.mode & S_IFMT;
  if (type !== S_IFREG) return type === S_IFDIR && target instanceof Path ? -EISDIR : -EINVAL;
  if (isAppendOnly(target.inode)) return -EPERM;
  if (target instanceof Path) {
    if (isImmutable(target.inode)) return -EPERM;
    const error = permission(task.credentials, attributes, MAY_WRITE);
    if (error < 0) return error;
    if (target.mount.readOnly) return -EROFS;
    const busy = target.inode.getWriteAccess();
    if (busy < 0) return busy;
    target.inode.putWriteAccess();
  } else if (!target.writable) return -EINVAL;
  if (!Number.isSafeInteger(length)) return -EFBIG;
  if (length > attributes.size && length > fileSizeLimit(task)) {
    exceeded(task);
    return -EFBIG;
  }
  const mode = withoutPrivileges(task, attributes) & MODE_BITS;
  const changes = mode === (attributes.mode & MODE_BITS) ? { size: length } : { size: length, mode };
  const before = target.inode?.beforeTruncating(task, length) ?? null;
  return before === null
    ? apply(task, target, changes)
    : task.call.start(applyAfter(task, before, target, changes));
}

function* applyAfter(
  task: VfsCaller,
  before: Coroutine,
  target: Target,
  changes: AttributeChanges,
): Coroutine {
  const error = yield* before;
  return error < 0 ? error : apply(task, target, changes);
}

/** How a call has its two times: how many bytes each, and of how many nanoseconds its fraction; 0: it has none. */
interface TimeForm {
  readonly size: number;
  readonly unitNs: number;
}

const TIMESPEC: TimeForm = { size: 16, unitNs: 1 };
const TIMEVAL: TimeForm = { size: 16, unitNs: 1000 };
/** Of struct utimbuf (utime(2)). */
const SECONDS: TimeForm = { size: 8, unitNs: 0 };

function timeAt(view: DataView, at: number, { unitNs }: TimeForm): Time | "now" | "omit" | number {
  const sec = readI64(view, at);
  if (unitNs === 0) return { sec, nsec: 0 };
  const fraction = readI64(view, at + 8);
  if (unitNs === 1 && fraction === UTIME_NOW) return "now";
  if (unitNs === 1 && fraction === UTIME_OMIT) return "omit";
  if (fraction < 0 || fraction * unitNs >= 1e9) return -EINVAL;
  return { sec, nsec: fraction * unitNs };
}

function utimes(
  task: VfsCaller,
  target: Target | number,
  at: number,
  piece: 0 | 1,
  given: boolean,
  form: TimeForm,
): number {
  if (typeof target === "number") return target;
  const changes: AttributeChanges = {};
  if (!given) {
    changes.atime = "now";
    changes.mtime = "now";
  } else {
    if (!task.call.inComplete(piece, 2 * form.size)) return -EFAULT;
    const atime = timeAt(task.call.view, at, form);
    const mtime = timeAt(task.call.view, at + form.size, form);
    if (typeof atime === "number") return atime;
    if (typeof mtime === "number") return mtime;
    if (atime === "omit" && mtime === "omit") return 0;
    if (atime !== "omit") changes.atime = atime;
    if (mtime !== "omit") changes.mtime = mtime;
  }
  const attributes = attributesOf(target);
  if (typeof attributes === "number") return attributes;
  if (isReadOnly(target)) return -EROFS;
  const bothNow = changes.atime === "now" && changes.mtime === "now";
  if (bothNow ? isImmutable(target.inode) : mayChange(target.inode) < 0) return -EPERM;
  if (!isOwner(task, attributes)) {
    if (!bothNow) return -EPERM;
    const error = permission(task.credentials, attributes, MAY_WRITE);
    if (error < 0) return error;
  }
  return apply(task, target, changes);
}

const follow = (task: VfsCaller) => lookupTarget(task, F.AT_FDCWD, task.call.inString(0), 0);

// A place (O_PATH) is nothing to change by its descriptor.
function openTarget(task: VfsCaller, fd: number): Target | number {
  return task.files.usable(fd) ?? -EBADF;
}

function at(task: VfsCaller, dirfd: number, flags: number): Target | number {
  if ((flags & ~(F.AT_SYMLINK_NOFOLLOW | F.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  return lookupTarget(task, dirfd, task.call.inString(0), flags);
}

/** Whether the descriptor is meant, and no path (utimensat(2)). */
function isItself(dirfd: number, path: number): boolean {
  return path === 0 && dirfd !== F.AT_FDCWD;
}

export const ATTRIBUTE_HANDLERS: Handlers<VfsCaller> = {
  chmod: (task, _path, mode) => chmod(task, follow(task), mode),
  fchmod: (task, fd, mode) => chmod(task, openTarget(task, fd), mode),
  fchmodat: (task, dirfd, _path, mode) => chmod(task, at(task, dirfd, 0), mode),
  fchmodat2: (task, dirfd, _path, mode, flags) => chmod(task, at(task, dirfd, flags), mode),

  chown: (task, _path, uid, gid) => chown(task, follow(task), uid, gid),
  lchown: (task, _path, uid, gid) => chown(task, at(task, F.AT_FDCWD, F.AT_SYMLINK_NOFOLLOW), uid, gid),
  fchown: (task, fd, uid, gid) => chown(task, openTarget(task, fd), uid, gid),
  fchownat: (task, dirfd, _path, uid, gid, flags) => chown(task, at(task, dirfd, flags), uid, gid),

  truncate: (task, _path, length) => truncate(task, follow(task), length),
  ftruncate: (task, fd, length) => truncate(task, openTarget(task, fd), length),

  utimensat: (task, dirfd, path, times, flags) => {
    const target = isItself(dirfd, path) ? openTarget(task, dirfd) : at(task, dirfd, flags);
    const piece = 1;
    return utimes(task, target, task.call.base + WINDOW_SECOND, piece, times !== 0, TIMESPEC);
  },
  utime: (task, _path, times) => {
    const isThere = times === 0 || task.call.inComplete(1, 2 * SECONDS.size);
    return isThere
      ? utimes(task, follow(task), task.call.base + WINDOW_SECOND, 1, times !== 0, SECONDS)
      : -EFAULT;
  },
  utimes: (task, _path, times) =>
    utimes(task, follow(task), task.call.base + WINDOW_SECOND, 1, times !== 0, TIMEVAL),
  futimesat: (task, dirfd, path, times) => {
    const target = isItself(dirfd, path) ? openTarget(task, dirfd) : at(task, dirfd, 0);
    return utimes(task, target, task.call.base + WINDOW_SECOND, 1, times !== 0, TIMEVAL);
  },
};
