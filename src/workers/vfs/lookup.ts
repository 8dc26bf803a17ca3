// Paths as system calls give them: relative to a descriptor or to the working directory, on behalf of a
// task.

import { major, minor } from "../../shared/abi/device.ts";
import { EBADF, EFAULT, ENOENT, ENOTDIR, EPERM, EROFS } from "../../shared/abi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../../shared/abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFMT } from "../../shared/abi/stat.ts";
import { MAKE, READ, WRITE } from "../../shared/device_rules.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { isImmutable } from "./file_flags.ts";
import type { Attributes, Inode } from "./inode.ts";
import { type Dentry, Path } from "./path.ts";
import {
  FileTarget,
  type ParentWalk,
  type WalkContext,
  type WalkOptions,
  walkParent,
  walkPath,
} from "./path_walk.ts";
import { MAY_EXEC, MAY_READ, MAY_WRITE, permission } from "./permission.ts";

const DEVICE_TYPES: ReadonlyMap<number, "b" | "c"> = new Map([
  [S_IFBLK, "b"],
  [S_IFCHR, "c"],
]);

export function contextOf(task: VfsCaller): WalkContext {
  const { kernel, credentials } = task;
  return { kernel, namespace: task.fs.namespace, root: task.fs.root, credentials };
}

/** Where a relative path starts: the working directory or an open directory. */
export function startOf(task: VfsCaller, dirfd: number, path: string): Path | number {
  if (dirfd === AT_FDCWD || path.startsWith("/")) return task.fs.cwd;
  const file = task.files.get(dirfd);
  if (file === undefined) return -EBADF;
  if (file.path === null || !file.path.inode.isDirectory) return -ENOTDIR;
  return file.path;
}

/** A walk to the end: a place, an open file that a magic link names, or a negative errno. */
export function lookup(
  task: VfsCaller,
  dirfd: number,
  path: string,
  options: WalkOptions,
): Path | FileTarget | number {
  const start = startOf(task, dirfd, path);
  return typeof start === "number" ? start : walkPath(contextOf(task), start, path, options);
}

export function lookupParent(task: VfsCaller, dirfd: number, path: string): ParentWalk | number {
  const start = startOf(task, dirfd, path);
  return typeof start === "number" ? start : walkParent(contextOf(task), start, path);
}

/** What a *at call with AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW means: something with attributes. */
export type Target = Path | OpenFile;

export function lookupTarget(
  task: VfsCaller,
  dirfd: number,
  path: string | number,
  flags: number,
): Target | number {
  if (path === "" || (path === -EFAULT && (flags & AT_EMPTY_PATH) !== 0)) {
    if ((flags & AT_EMPTY_PATH) === 0) return -ENOENT;
    if (dirfd === AT_FDCWD) return task.fs.cwd;
    return task.files.get(dirfd) ?? -EBADF;
  }
  if (typeof path === "number") return path;
  const found = lookup(task, dirfd, path, { follow: (flags & AT_SYMLINK_NOFOLLOW) === 0 });
  return found instanceof FileTarget ? found.file : found;
}

export function attributesOf(target: Target): Attributes | number {
  return target instanceof Path ? target.inode.attributes() : target.attributes();
}

/** The name by which it was found or opened, if it has any. */
export function dentryOf(target: Target): Dentry | null {
  return target instanceof Path ? target.dentry : (target.path?.dentry ?? null);
}

export function inodeOf(target: Target): Inode | null {
  return target.inode;
}

/** Whether the task may do `mask` (MAY_*) with a place: 0 or a negative errno. */
export function mayAccess(task: VfsCaller, path: Path, mask: number): number {
  if ((mask & MAY_WRITE) !== 0 && isImmutable(path.inode)) return -EPERM;
  const attributes = path.inode.believedAttributes();
  if (typeof attributes === "number") return attributes;
  const error = permission(task.credentials, attributes, mask);
  return error < 0 ? error : mayUseDevice(task, attributes, mask);
}

/** What the rules of devices say, where it is one: 0 or -EPERM. */
export function mayUseDevice(
  { container: { deviceRules } }: VfsCaller,
  { mode, rdev }: Attributes,
  mask: number,
): number {
  if (deviceRules === null) return 0;
  const type = DEVICE_TYPES.get(mode & S_IFMT);
  if (type === undefined) return 0;
  const access = ((mask & MAY_READ) !== 0 ? READ : 0) | ((mask & MAY_WRITE) !== 0 ? WRITE : 0);
  return access === 0 || deviceRules.permits(type, major(rdev), minor(rdev), access) ? 0 : -EPERM;
}

/** Whether the rules of devices let a node be made; one of overlayfs's whiteouts always is. */
export function mayMakeNode({ container: { deviceRules } }: VfsCaller, mode: number, rdev: number): number {
  const type = DEVICE_TYPES.get(mode & S_IFMT);
  if (deviceRules === null || type === undefined || (type === "c" && rdev === 0)) return 0;
  return deviceRules.permits(type, major(rdev), minor(rdev), MAKE) ? 0 : -EPERM;
}

/** Whether the task may make or remove names in a directory: 0 or a negative errno. */
export function mayChangeNames(task: VfsCaller, directory: Path): number {
  if (directory.mount.readOnly) return -EROFS;
  return mayAccess(task, directory, MAY_WRITE | MAY_EXEC);
}
