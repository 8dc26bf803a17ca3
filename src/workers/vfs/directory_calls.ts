// Calls on directories and names: getdents64(2), chdir(2), getcwd(2), mkdir(2), unlink(2), rename(2),
// link(2), symlink(2), mknod(2).

import {
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  ERANGE,
  EXDEV,
} from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { IN_ACCESS } from "../../shared/abi/poll.ts";
import { CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_MKNOD, CAP_SYS_CHROOT } from "../../shared/abi/prctl.ts";
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
} from "../../shared/abi/stat.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { VfsCaller } from "./caller.ts";
import { DirectoryFile, type RecordForm } from "./directory_file.ts";
import { isAppendOnly, mayChange } from "./file_flags.ts";
import { holding } from "./file_table.ts";
import type { Inode } from "./inode.ts";
import {
  contextOf,
  lookup,
  lookupParent,
  lookupTarget,
  mayAccess,
  mayChangeNames,
  mayMakeNode,
  type Target,
} from "./lookup.ts";
import { creationIn } from "./open_file.ts";
import { type Dentry, isIn, Path, pathName } from "./path.ts";
import { FileTarget, lookupLast, type ParentWalk } from "./path_walk.ts";
import { capableOver, isOwner, MAY_EXEC, MAY_READ, MAY_WRITE, permission } from "./permission.ts";

/** A name in a directory that the task may change. */
interface Place {
  readonly walk: ParentWalk;
  readonly dentry: Dentry;
}

/** Finds a name that is to be made: EEXIST if it is there. */
function placeForNew(
  task: VfsCaller,
  dirfd: number,
  path: string | number,
  isDirectory: boolean,
): Place | number {
  if (typeof path === "number") return path;
  const walk = lookupParent(task, dirfd, path);
  if (typeof walk === "number") return walk;
  if (walk.name === "") return -EEXIST;
  const dentry = lookupLast(contextOf(task), walk);
  if (typeof dentry === "number") return dentry;
  if (dentry.inode !== null) return -EEXIST;
  if (walk.mustBeDirectory && !isDirectory) return -ENOENT;
  if (walk.parent.dentry.deleted) return -ENOENT;
  const error = mayChangeNames(task, walk.parent);
  return error < 0 ? error : { walk, dentry };
}

function made(task: VfsCaller, { walk, dentry }: Place, inode: Inode | number): number {
  if (typeof inode === "number") return inode;
  task.kernel.dentries.instantiate(dentry, inode);
  task.kernel.fileEvents.created(walk.parent.inode, walk.name, inode);
  return 0;
}

function removed(task: VfsCaller, { walk, dentry }: Place, inode: Inode): number {
  task.kernel.dentries.unlinked(dentry);
  dentry.dropMounts();
  task.kernel.fileEvents.removed(walk.parent.inode, walk.name, inode);
  return 0;
}

/**
 * Whether a name may go: not what is immutable or may only grow, nor out of a directory like that; in a sticky
 * directory only the owners may. 0 or -EPERM.
 */
function mayRemove(task: VfsCaller, directory: Inode, child: Inode): number {
  if (isAppendOnly(directory) || mayChange(child) < 0) return -EPERM;
  const parent = directory.attributes();
  if (typeof parent === "number") return parent;
  if ((parent.mode & S_ISVTX) === 0) return 0;
  const attributes = child.attributes();
  if (typeof attributes === "number") return attributes;
  const { fsuid } = task.credentials;
  if (fsuid === parent.uid || fsuid === attributes.uid) return 0;
  return capableOver(task.credentials, attributes, CAP_FOWNER) ? 0 : -EPERM;
}

/** A device that stands for a name that is gone, in layers of overlayfs: anybody makes it. */
const WHITEOUT = 0;

/** Finds a name that is to be removed or moved. */
function placeOfOld(task: VfsCaller, walk: ParentWalk): (Place & { inode: Inode }) | number {
  const dentry = lookupLast(contextOf(task), walk);
  if (typeof dentry === "number") return dentry;
  if (dentry.inode === null) return -ENOENT;
  const error = mayChangeNames(task, walk.parent);
  if (error < 0) return error;
  const refused = mayRemove(task, walk.parent.inode, dentry.inode);
  return refused < 0 ? refused : { walk, dentry, inode: dentry.inode };
}

/** unlinkat(2): 0 or a negative errno. */
export function unlinkName(task: VfsCaller, dirfd: number, path: string | number): number {
  if (typeof path === "number") return path;
  const walk = lookupParent(task, dirfd, path);
  if (typeof walk === "number") return walk;
  if (walk.name === "") return -EISDIR;
  const place = placeOfOld(task, walk);
  if (typeof place === "number") return place;
  const { dentry, inode } = place;
  if (inode.isDirectory) return -EISDIR;
  if (walk.mustBeDirectory) return -ENOTDIR;
  if (dentry.isMountPointIn(task.fs.namespace)) return -EBUSY;
  const error = walk.parent.inode.unlink(walk.name, inode);
  return error < 0 ? error : removed(task, place, inode);
}

function rmdir(task: VfsCaller, dirfd: number, path: string | number): number {
  if (typeof path === "number") return path;
  const walk = lookupParent(task, dirfd, path);
  if (typeof walk === "number") return walk;
  if (walk.name === "") return walk.dots === "." ? -EINVAL : walk.dots === ".." ? -ENOTEMPTY : -EBUSY;
  const place = placeOfOld(task, walk);
  if (typeof place === "number") return place;
  const { dentry, inode } = place;
  if (!inode.isDirectory) return -ENOTDIR;
  if (dentry.isMountPointIn(task.fs.namespace)) return -EBUSY;
  const error = walk.parent.inode.rmdir(walk.name, inode);
  return error < 0 ? error : removed(task, place, inode);
}

function rename(task: VfsCaller, oldDir: number, newDir: number, flags: number): number {
  if ((flags & ~(F.RENAME_NOREPLACE | F.RENAME_EXCHANGE)) !== 0) return -EINVAL;
  if (flags === (F.RENAME_NOREPLACE | F.RENAME_EXCHANGE)) return -EINVAL;
  const [from, to] = [task.call.inString(0), task.call.inString(1)];
  if (typeof from === "number") return from;
  if (typeof to === "number") return to;
  const oldWalk = lookupParent(task, oldDir, from);
  if (typeof oldWalk === "number") return oldWalk;
  const newWalk = lookupParent(task, newDir, to);
  if (typeof newWalk === "number") return newWalk;
  if (oldWalk.parent.mount !== newWalk.parent.mount) return -EXDEV;
  if (oldWalk.name === "") return -EBUSY;
  if (newWalk.name === "") return (flags & F.RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
  const old = placeOfOld(task, oldWalk);
  if (typeof old === "number") return old;
  const target = lookupLast(contextOf(task), newWalk);
  if (typeof target === "number") return target;
  const error = checkRename(task, old, oldWalk, newWalk, target, flags);
  if (error !== 0) return Math.min(error, 0);
  const exchange = (flags & F.RENAME_EXCHANGE) !== 0;
  const done = oldWalk.parent.inode.rename(
    oldWalk.name,
    old.inode,
    newWalk.parent.inode,
    newWalk.name,
    target.inode,
    exchange,
  );
  if (done < 0) return done;
  const there = target.inode;
  const { dentries, fileEvents } = task.kernel;
  if (!exchange && there !== null) target.dropMounts();
  if (exchange) dentries.exchanged(old.dentry, target);
  else dentries.moved(old.dentry, newWalk.parent.dentry, newWalk.name);
  const [source, destination] = [oldWalk.parent.inode, newWalk.parent.inode];
  fileEvents.moved(source, oldWalk.name, destination, newWalk.name, old.inode, exchange ? null : there);
  if (exchange) fileEvents.moved(destination, newWalk.name, source, oldWalk.name, there!, null);
  return 0;
}

/** 0: go on; 1: nothing is to be done; else a negative errno. */
function checkRename(
  task: VfsCaller,
  old: Place & { inode: Inode },
  oldWalk: ParentWalk,
  newWalk: ParentWalk,
  target: Dentry,
  flags: number,
): number {
  const exchange = (flags & F.RENAME_EXCHANGE) !== 0;
  const moving = old.inode;
  const there = target.inode;
  if (there !== null && (flags & F.RENAME_NOREPLACE) !== 0) return -EEXIST;
  if (there === null && exchange) return -ENOENT;
  if (!moving.isDirectory && (oldWalk.mustBeDirectory || (!exchange && newWalk.mustBeDirectory)))
    return -ENOTDIR;
  const error = mayChangeNames(task, newWalk.parent);
  if (error < 0) return error;
  if (newWalk.parent.dentry.deleted) return -ENOENT;
  if (isIn(newWalk.parent.dentry, old.dentry)) return -EINVAL;
  if (there !== null && isIn(oldWalk.parent.dentry, target)) return exchange ? -EINVAL : -ENOTEMPTY;
  const { namespace } = task.fs;
  if (old.dentry.isMountPointIn(namespace) || target.isMountPointIn(namespace)) return -EBUSY;
  if (moving.isDirectory && oldWalk.parent.dentry !== newWalk.parent.dentry) {
    const write = mayAccess(task, new Path(oldWalk.parent.mount, old.dentry), MAY_WRITE);
    if (write < 0) return write;
  }
  if (there === null) return 0;
  if (there === moving) return 1;
  const refused = mayRemove(task, newWalk.parent.inode, there);
  if (refused < 0) return refused;
  if (exchange) return 0;
  if (moving.isDirectory && !there.isDirectory) return -ENOTDIR;
  return !moving.isDirectory && there.isDirectory ? -EISDIR : 0;
}

// fs.protected_hardlinks: others' files only where they can be read and written, and give nothing away.
function mayLink(task: VfsCaller, inode: Inode): number {
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  const { credentials, kernel } = task;
  if (kernel.sysctls.get("fs/protected_hardlinks") === 0) return 0;
  if (isOwner(task, attributes)) return 0;
  const { mode } = attributes;
  const gives = (mode & S_ISUID) !== 0 || (mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010);
  if (inode.type !== S_IFREG || gives) return -EPERM;
  return permission(credentials, attributes, MAY_READ | MAY_WRITE) < 0 ? -EPERM : 0;
}

function link(task: VfsCaller, oldDir: number, newDir: number, flags: number): number {
  if ((flags & ~(F.AT_SYMLINK_FOLLOW | F.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const nofollow = (flags & F.AT_SYMLINK_FOLLOW) !== 0 ? 0 : F.AT_SYMLINK_NOFOLLOW;
  const target = lookupTarget(task, oldDir, task.call.inString(0), nofollow | (flags & F.AT_EMPTY_PATH));
  if (typeof target === "number") return target;
  const place = placeForNew(task, newDir, task.call.inString(1), false);
  if (typeof place === "number") return place;
  const { inode } = target;
  if ((flags & F.AT_EMPTY_PATH) !== 0 && task.call.inString(0) === "" && !mayLinkDescriptor(task, target))
    return -ENOENT;
  if (inode === null) return -EXDEV;
  if (inode.fs !== place.walk.parent.inode.fs) return -EXDEV;
  if (target instanceof Path && target.mount !== place.walk.parent.mount) return -EXDEV;
  if (inode.isDirectory) return -EPERM;
  const refused = mayChange(inode) < 0 ? -EPERM : mayLink(task, inode);
  if (refused < 0) return refused;
  const error = place.walk.parent.inode.link(place.walk.name, inode);
  if (error < 0) return error;
  task.kernel.dentries.instantiate(place.dentry, inode);
  task.kernel.fileEvents.linked(place.walk.parent.inode, place.walk.name, inode);
  return 0;
}

/** A descriptor is no right to give its file a name, but for who opened it, or the mighty. */
function mayLinkDescriptor({ credentials, kernel }: VfsCaller, target: Target): boolean {
  if (capable(credentials, kernel.users, CAP_DAC_READ_SEARCH)) return true;
  return !(target instanceof Path) && target.openedBy === credentials;
}

function symlink(task: VfsCaller, dirfd: number): number {
  const target = task.call.inString(0);
  if (typeof target === "number") return target;
  if (target === "") return -ENOENT;
  const place = placeForNew(task, dirfd, task.call.inString(1), false);
  if (typeof place === "number") return place;
  const whole = creationIn(task, place.walk.parent.inode, 0o777, false);
  if (typeof whole === "number") return whole;
  // Symlinks have no lists.
  const { uid, gid } = whole;
  const creation = { mode: 0o777, uid, gid };
  const { inode } = place.walk.parent;
  return made(task, place, inode.symlink(place.walk.name, target, { ...creation, mode: S_IFLNK | 0o777 }));
}

function mkdir(task: VfsCaller, dirfd: number, mode: number): number {
  const place = placeForNew(task, dirfd, task.call.inString(0), true);
  if (typeof place === "number") return place;
  const { inode } = place.walk.parent;
  const creation = creationIn(task, inode, mode & 0o1777, true);
  if (typeof creation === "number") return creation;
  return made(task, place, inode.mkdir(place.walk.name, { ...creation, mode: S_IFDIR | creation.mode }));
}

/** What mknod(2) makes. */
const NODE_TYPES: ReadonlySet<number> = new Set([S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK]);

function mknod(task: VfsCaller, dirfd: number, mode: number, rdev: number): number {
  const type = (mode & S_IFMT) === 0 ? S_IFREG : mode & S_IFMT;
  if (type === S_IFDIR) return -EPERM;
  if (!NODE_TYPES.has(type)) return -EINVAL;
  const place = placeForNew(task, dirfd, task.call.inString(0), false);
  if (typeof place === "number") return place;
  const isDevice = type === S_IFBLK || (type === S_IFCHR && rdev !== WHITEOUT);
  if (isDevice && !capable(task.credentials, task.kernel.users.initial, CAP_MKNOD)) return -EPERM;
  const refused = mayMakeNode(task, type, rdev);
  if (refused < 0) return refused;
  const { inode } = place.walk.parent;
  const creation = creationIn(task, inode, mode, false);
  if (typeof creation === "number") return creation;
  const whole = { ...creation, mode: type | creation.mode };
  if (type === S_IFREG) return made(task, place, inode.create(place.walk.name, whole));
  return made(task, place, inode.mknod(place.walk.name, whole, rdev));
}

/** Makes a node for something that stands in the file system under a name, a socket. */
export function makeNode(
  task: VfsCaller,
  dirfd: number,
  path: string,
  mode: number,
  rdev: number,
): Inode | number {
  const place = placeForNew(task, dirfd, path, false);
  if (typeof place === "number") return place;
  const { inode } = place.walk.parent;
  const creation = creationIn(task, inode, mode, false);
  if (typeof creation === "number") return creation;
  const node = inode.mknod(place.walk.name, { ...creation, mode: (mode & S_IFMT) | creation.mode }, rdev);
  const error = made(task, place, node);
  return error < 0 ? error : node;
}

function changeDirectory(task: VfsCaller, path: Path): number {
  if (!path.inode.isDirectory) return -ENOTDIR;
  const error = mayAccess(task, path, MAY_EXEC);
  if (error < 0) return error;
  task.fs.cwd = path;
  return 0;
}

function directoryOf(task: VfsCaller): Path | number {
  const path = task.call.inString(0);
  if (typeof path === "number") return path;
  const found = lookup(task, F.AT_FDCWD, path, { follow: true });
  if (typeof found === "number") return found;
  return found instanceof FileTarget || !found.inode.isDirectory ? -ENOTDIR : found;
}

function getdents(task: VfsCaller, form: RecordForm, fd: number, address: number, count: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.readable) return -EBADF;
  if (!(file instanceof DirectoryFile)) return -ENOTDIR;
  if (file.path?.dentry.deleted === true) return -ENOENT;
  const preparing = file.preparing(task);
  return preparing === null
    ? readEntries(task, file, form, address, count)
    : task.call.start(holding(task, file, prepared(task, file, preparing, form, address, count)));
}

function* prepared(
  task: VfsCaller,
  file: DirectoryFile,
  preparing: Coroutine,
  form: RecordForm,
  address: number,
  count: number,
): Coroutine {
  const error = yield* preparing;
  return error < 0 ? error : readEntries(task, file, form, address, count);
}

function readEntries(
  task: VfsCaller,
  file: DirectoryFile,
  form: RecordForm,
  address: number,
  count: number,
): number {
  const parent = file.path === null ? null : task.fs.namespace.parentOf(file.path, task.fs.root);
  const capacity = Math.min(count >>> 0, WINDOW_SIZE);
  const { position } = file;
  const used = file.getdents(
    task,
    form,
    task.call.base + WINDOW,
    capacity,
    parent?.inode.ino ?? file.inode!.ino,
  );
  if (used >= 0) task.kernel.fileEvents.used(file, IN_ACCESS);
  if (used > 0) task.call.outAt(address, used, WINDOW);
  task.call.outFault = (copied) => file.takeBack(position, copied);
  return used;
}

export const DIRECTORY_HANDLERS: Handlers<VfsCaller> = {
  getdents: (task, fd, address, count) => getdents(task, "linux_dirent", fd, address, count),

  getdents64: (task, fd, address, count) => getdents(task, "linux_dirent64", fd, address, count),

  getcwd: (task, address, size) => {
    const name = pathName(task.fs.cwd, task.fs.root);
    if (typeof name === "number") return name;
    if (name.length + 1 > F.PATH_MAX) return -ENAMETOOLONG;
    if (name.length + 1 > size) return -ERANGE;
    const at = task.call.out(address, name.length + 1);
    for (let i = 0; i < name.length; i++) task.call.bytes[at + i] = name.charCodeAt(i);
    task.call.bytes[at + name.length] = 0;
    return name.length + 1;
  },

  chdir: (task) => {
    const path = directoryOf(task);
    return typeof path === "number" ? path : changeDirectory(task, path);
  },

  fchdir: (task, fd) => {
    const file = task.files.get(fd);
    if (file === undefined) return -EBADF;
    return file.path === null ? -ENOTDIR : changeDirectory(task, file.path);
  },

  chroot: (task) => {
    const path = directoryOf(task);
    if (typeof path === "number") return path;
    const error = mayAccess(task, path, MAY_EXEC);
    if (error < 0) return error;
    if (!capable(task.credentials, task.credentials.userNamespace, CAP_SYS_CHROOT)) return -EPERM;
    task.fs.root = path;
    return 0;
  },

  mkdir: (task, _path, mode) => mkdir(task, F.AT_FDCWD, mode),
  mkdirat: (task, dirfd, _path, mode) => mkdir(task, dirfd, mode),
  mknod: (task, _path, mode, rdev) => mknod(task, F.AT_FDCWD, mode, rdev),
  mknodat: (task, dirfd, _path, mode, rdev) => mknod(task, dirfd, mode, rdev),
  symlink: (task) => symlink(task, F.AT_FDCWD),
  symlinkat: (task, _target, dirfd) => symlink(task, dirfd),
  link: (task) => link(task, F.AT_FDCWD, F.AT_FDCWD, 0),
  linkat: (task, oldDir, _old, newDir, _new, flags) => link(task, oldDir, newDir, flags),
  unlink: (task) => unlinkName(task, F.AT_FDCWD, task.call.inString(0)),
  rmdir: (task) => rmdir(task, F.AT_FDCWD, task.call.inString(0)),
  unlinkat: (task, dirfd, _path, flags) => {
    if ((flags & ~F.AT_REMOVEDIR) !== 0) return -EINVAL;
    const path = task.call.inString(0);
    return (flags & F.AT_REMOVEDIR) !== 0 ? rmdir(task, dirfd, path) : unlinkName(task, dirfd, path);
  },
  rename: (task) => rename(task, F.AT_FDCWD, F.AT_FDCWD, 0),
  renameat: (task, oldDir, _old, newDir) => rename(task, oldDir, newDir, 0),
  renameat2: (task, oldDir, _old, newDir, _new, flags) => rename(task, oldDir, newDir, flags),
};
