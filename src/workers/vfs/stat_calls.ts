// Calls that ask about files: stat(2), statx(2), access(2), readlink(2), statfs(2).

import { EACCES, EBADF, EINVAL, ENOENT, EPERM, EROFS } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { MS_NOEXEC } from "../../shared/abi/mount.ts";
import { S_IFMT, S_IFREG, ST_VALID, STATX_ATTR_MOUNT_ROOT } from "../../shared/abi/stat.ts";
import { stat, statfs, statx } from "../../shared/abi/structs.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { NOT_SIMPLE } from "./cached_walk.ts";
import type { VfsCaller } from "./caller.ts";
import { OpenFile } from "./file.ts";
import { isImmutable, statxAttributes } from "./file_flags.ts";
import { type Attributes, type FileSystem, Inode } from "./inode.ts";
import { attributesOf, lookup, lookupTarget, mayUseDevice, type Target } from "./lookup.ts";
import { type Dentry, type Mount, Path } from "./path.ts";
import { FileTarget } from "./path_walk.ts";
import { permission } from "./permission.ts";
import { writeStat, writeStatx } from "./stat.ts";

const R_W_X = 7;

function statTarget(task: VfsCaller, target: Target | number, address: number): number {
  if (typeof target === "number") return target;
  return tellStat(task, attributesOf(target), address);
}

function tellStat(task: VfsCaller, attributes: Attributes | number, address: number): number {
  if (typeof attributes === "number") return attributes;
  const { userNamespace } = task.credentials;
  writeStat(attributes, userNamespace, task.call.view, task.call.out(address, stat.size));
  return 0;
}

function tellStatx(
  task: VfsCaller,
  target: Path | OpenFile | Inode,
  mount: Mount | null,
  dentry: Dentry | null,
  address: number,
): number {
  const inode = target instanceof Inode ? target : target.inode;
  const attributes = target instanceof OpenFile ? target.attributes() : inode!.attributes();
  if (typeof attributes === "number") return attributes;
  const isRoot = mount !== null && dentry === mount.root;
  const shown = statxAttributes(inode) | (isRoot ? STATX_ATTR_MOUNT_ROOT : 0);
  const { call, credentials } = task;
  const at = call.out(address, statx.size);
  writeStatx(attributes, credentials.userNamespace, mount?.id ?? 0, shown, call.view, at);
  return 0;
}

/** stat of the path in the slot. */
function statPath(task: VfsCaller, dirfd: number, address: number, flags: number): number {
  const { walk } = task.kernel.dentries;
  const found = walk.find(task, dirfd, (flags & F.AT_SYMLINK_NOFOLLOW) === 0);
  if (found === NOT_SIMPLE)
    return statTarget(task, lookupTarget(task, dirfd, task.call.inString(0), flags), address);
  return found < 0 ? found : tellStat(task, walk.dentry.inode!.attributes(), address);
}

function access(task: VfsCaller, dirfd: number, mode: number, flags: number): number {
  if ((mode & ~R_W_X) !== 0) return -EINVAL;
  if ((flags & ~(F.AT_EACCESS | F.AT_SYMLINK_NOFOLLOW | F.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const { walk } = task.kernel.dentries;
  const found = walk.find(task, dirfd, (flags & F.AT_SYMLINK_NOFOLLOW) === 0);
  if (found === 0) return mayUse(task, walk.dentry.inode!, walk.mount, true, mode, flags);
  if (found < 0) return found;
  const target = lookupTarget(task, dirfd, task.call.inString(0), flags);
  if (typeof target === "number") return target;
  if (target instanceof Path) return mayUse(task, target.inode, target.mount, true, mode, flags);
  return mayUse(task, target, target.path?.mount ?? null, false, mode, flags);
}

/** `isPath`: it was found by its name, and is not only what a descriptor names. */
function mayUse(
  task: VfsCaller,
  target: Inode | OpenFile,
  mount: Mount | null,
  isPath: boolean,
  mode: number,
  flags: number,
): number {
  const attributes = target.attributes();
  if (typeof attributes === "number") return attributes;
  if ((mode & 2) !== 0 && isPath && mount!.readOnly) return -EROFS;
  const isRegular = (attributes.mode & S_IFMT) === S_IFREG;
  if ((mode & 1) !== 0 && isRegular && mount !== null && (mount.flags & MS_NOEXEC) !== 0) return -EACCES;
  if ((mode & 2) !== 0 && isImmutable(target instanceof OpenFile ? target.inode : target)) return -EPERM;
  const credentials = (flags & F.AT_EACCESS) !== 0 ? task.credentials : realCredentials(task.credentials);
  const error = permission(credentials, attributes, mode);
  return error < 0 ? error : mayUseDevice(task, attributes, mode);
}

/** access(2) asks for the real ids; root of the user namespace has all capabilities that it may have, anybody else none. */
function realCredentials(credentials: Credentials): Credentials {
  const { uid, gid, permittedLow, permittedHigh, userNamespace } = credentials;
  const isRoot = uid === userNamespace.rootUid;
  const effectiveLow = isRoot ? permittedLow : 0;
  const effectiveHigh = isRoot ? permittedHigh : 0;
  const asTheyAre =
    credentials.fsuid === uid &&
    credentials.fsgid === gid &&
    credentials.effectiveLow === effectiveLow &&
    credentials.effectiveHigh === effectiveHigh;
  return asTheyAre ? credentials : { ...credentials, fsuid: uid, fsgid: gid, effectiveLow, effectiveHigh };
}

function readlink(task: VfsCaller, dirfd: number, address: number, size: number): number {
  if (size <= 0) return -EINVAL;
  const { walk } = task.kernel.dentries;
  const simple = walk.find(task, dirfd, false);
  if (simple < 0) return simple;
  // Most that is asked is no link: what looks for the real name of a path asks of each directory.
  if (simple === 0 && !walk.dentry.inode!.isSymlink) return -EINVAL;
  const path = task.call.inString(0);
  if (typeof path === "number") return path;
  let target: Path | FileTarget | number;
  if (path === "") {
    const file = task.files.get(dirfd);
    if (file?.path == null || !file.path.inode.isSymlink) return -ENOENT;
    target = file.path;
  } else target = lookup(task, dirfd, path, { follow: false });
  if (typeof target === "number") return target;
  if (target instanceof FileTarget || !target.inode.isSymlink) return -EINVAL;
  const text = target.inode.readlink();
  if (typeof text === "number") return text;
  target.inode.accessed(0, target);
  const length = Math.min(text.length, size);
  const at = task.call.out(address, length);
  for (let i = 0; i < length; i++) task.call.bytes[at + i] = text.charCodeAt(i);
  return length;
}

function statfsOf(task: VfsCaller, fs: FileSystem, flags: number, address: number): number {
  const status = fs.status();
  if (typeof status === "number") return status;
  statfs.encode(
    {
      f_type: status.type,
      f_bsize: status.bsize,
      f_blocks: status.blocks,
      f_bfree: status.bfree,
      f_bavail: status.bavail,
      f_files: status.files,
      f_ffree: status.ffree,
      f_namelen: status.namelen,
      f_frsize: status.bsize,
      f_flags: ST_VALID | (flags & 0x40f),
    },
    task.call.bytes,
    task.call.out(address, statfs.size),
  );
  return 0;
}

export const STAT_HANDLERS: Handlers<VfsCaller> = {
  stat: (task, _path, address) => statPath(task, F.AT_FDCWD, address, 0),

  lstat: (task, _path, address) => statPath(task, F.AT_FDCWD, address, F.AT_SYMLINK_NOFOLLOW),

  fstat: (task, fd, address) => statTarget(task, task.files.get(fd) ?? -EBADF, address),

  newfstatat: (task, dirfd, _path, address, flags) => {
    if ((flags & ~(F.AT_SYMLINK_NOFOLLOW | F.AT_NO_AUTOMOUNT | F.AT_EMPTY_PATH)) !== 0) return -EINVAL;
    return statPath(task, dirfd, address, flags);
  },

  statx: (task, dirfd, _path, flags, mask, address) => {
    const known = F.AT_SYMLINK_NOFOLLOW | F.AT_NO_AUTOMOUNT | F.AT_EMPTY_PATH | F.AT_STATX_SYNC_TYPE;
    if ((flags & ~known) !== 0 || (mask & 0x80000000) !== 0) return -EINVAL;
    if ((flags & F.AT_STATX_SYNC_TYPE) === F.AT_STATX_SYNC_TYPE) return -EINVAL;
    const { walk } = task.kernel.dentries;
    const found = walk.find(task, dirfd, (flags & F.AT_SYMLINK_NOFOLLOW) === 0);
    if (found === 0) return tellStatx(task, walk.dentry.inode!, walk.mount, walk.dentry, address);
    if (found < 0) return found;
    const target = lookupTarget(task, dirfd, task.call.inString(0), flags);
    if (typeof target === "number") return target;
    const place = target instanceof Path ? target : target.path;
    return tellStatx(task, target, place?.mount ?? null, place?.dentry ?? null, address);
  },

  access: (task, _path, mode) => access(task, F.AT_FDCWD, mode, 0),
  faccessat: (task, dirfd, _path, mode) => access(task, dirfd, mode, 0),
  faccessat2: (task, dirfd, _path, mode, flags) => access(task, dirfd, mode, flags),

  readlink: (task, _path, address, size) => readlink(task, F.AT_FDCWD, address, size | 0),
  readlinkat: (task, dirfd, _path, address, size) => readlink(task, dirfd, address, size | 0),

  statfs: (task, _path, address) => {
    const path = task.call.inString(0);
    if (typeof path === "number") return path;
    const target = lookup(task, F.AT_FDCWD, path, { follow: true });
    if (typeof target === "number") return target;
    if (!(target instanceof Path)) return -EINVAL;
    return statfsOf(task, target.mount.fs, target.mount.flags, address);
  },

  fstatfs: (task, fd, address) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    const fs = file.inode?.fs;
    return fs === undefined ? -EINVAL : statfsOf(task, fs, file.path?.mount.flags ?? 0, address);
  },
};
