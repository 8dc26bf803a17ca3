// Opening files (open(2), openat2(2)): finds or makes what the path names, checks what the flags ask for,
// and gives an open file description. Descriptors are open_calls.ts's business.

import {
  EACCES,
  EBADF,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  EOVERFLOW,
  EPERM,
  EROFS,
  EXDEV,
} from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { MS_NODEV } from "../../shared/abi/mount.ts";
import { IN_MODIFY, IN_OPEN } from "../../shared/abi/poll.ts";
import {
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_ISGID,
  S_ISVTX,
  S_IWGRP,
  S_IWOTH,
} from "../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { SettingName } from "../sysctls.ts";
import { inherited, isExtended, modeOf } from "./acl.ts";
import { NOT_SIMPLE } from "./cached_walk.ts";
import type { VfsCaller } from "./caller.ts";
import { OpenFile } from "./file.ts";
import { isAppendOnly } from "./file_flags.ts";
import type { AttributeChanges, Attributes, Creation, Inode } from "./inode.ts";
import { contextOf, mayAccess, mayChangeNames, startOf } from "./lookup.ts";
import { Dentry, Path } from "./path.ts";
import { FileTarget, lookupLast, type ParentWalk, walkParent, walkPath } from "./path_walk.ts";
import { isOwner, MAY_READ, MAY_WRITE, withoutForeignGroup, withoutPrivileges } from "./permission.ts";

const MODE_BITS = 0o7777;
const PROTECTED: ReadonlyMap<number, SettingName> = new Map([
  [S_IFREG, "fs/protected_regular"],
  [S_IFIFO, "fs/protected_fifos"],
]);

/** What open and openat2 have in common. */
export interface OpenHow {
  readonly flags: number;
  /** Permissions of a new file, umask not applied. */
  readonly mode: number;
  /** RESOLVE_* */
  readonly resolve: number;
}

/** A file opened with O_PATH: a place, and nothing to do with it. */
class PathFile extends OpenFile {
  readonly isStream = false;

  override get readable(): boolean {
    return false;
  }

  override get writable(): boolean {
    return false;
  }

  override seek(): number {
    return -EBADF;
  }

  poll(): number {
    return 0;
  }

  release(): void {}
}

/** O_PATH of what has no place, by /proc/PID/fd/N: it tells what that is, and does not keep it open. */
class NamelessPathFile extends PathFile {
  readonly #file: OpenFile;

  constructor(flags: number, file: OpenFile) {
    super(flags);
    this.#file = file;
    this.inode = file.inode;
  }

  override attributes(): Attributes | number {
    return this.#file.attributes();
  }

  override describe(): string {
    return this.#file.describe();
  }

  override reopen(flags: number): OpenFile | number {
    return (flags & F.O_PATH) !== 0 ? new NamelessPathFile(flags, this.#file) : this.#file.reopen(flags);
  }
}

/**
 * Opens the path that stands in the slot, where the walk to it is a simple one and nothing is made (cached_walk.ts);
 * null: it is not.
 */
export function openSimply(task: VfsCaller, dirfd: number, flags: number): OpenFile | number | null {
  if ((flags & F.O_CREAT) !== 0 || (flags & F.O_TMPFILE) === F.O_TMPFILE) return null;
  const { walk } = task.kernel.dentries;
  const found = walk.find(task, dirfd, (flags & F.O_NOFOLLOW) === 0);
  if (found === NOT_SIMPLE) return null;
  return found < 0 ? found : openExisting(task, new Path(walk.mount, walk.dentry), flags, false);
}

/** Where the path begins: of what is looked up as in a root of its own, all paths there. */
function startFor(task: VfsCaller, dirfd: number, path: string, { resolve }: OpenHow): Path | number {
  return startOf(task, dirfd, (resolve & F.RESOLVE_IN_ROOT) !== 0 ? "" : path);
}

/** Opens a path for a task: the description, without a descriptor yet, or a negative errno. */
export function openPath(task: VfsCaller, dirfd: number, path: string, how: OpenHow): OpenFile | number {
  const { flags } = how;
  if ((flags & F.O_TMPFILE) === F.O_TMPFILE) return openTemporary(task, dirfd, path, how);
  const start = startFor(task, dirfd, path, how);
  if (typeof start === "number") return start;
  const creates = (flags & F.O_CREAT) !== 0 && (flags & F.O_PATH) === 0;
  const follow = (flags & F.O_NOFOLLOW) === 0 && !(creates && (flags & F.O_EXCL) !== 0);
  const found = walkPath(contextOf(task), start, path, { follow, resolve: how.resolve });
  if (found === -ENOENT && creates) return create(task, start, path, how, 0);
  if (typeof found === "number") return found;
  if (creates && (flags & F.O_EXCL) !== 0) return -EEXIST;
  if (found instanceof FileTarget) return reopen(task, found.file, flags);
  if (creates) {
    if (path.endsWith("/")) return -EISDIR;
    const error = mayReuse(task, found);
    if (error < 0) return error;
  }
  return openExisting(task, found, flags, false);
}

/**
 * Whether O_CREAT may open something that is there already: not what others have put into a sticky directory, where
 * the caller expects to make it (fs.protected_regular, fs.protected_fifos).
 */
function mayReuse({ kernel, credentials }: VfsCaller, { dentry, inode }: Path): number {
  const directory = dentry.parent?.inode?.attributes();
  if (directory === NOT_AT_HAND) return directory;
  if (directory === undefined || typeof directory === "number" || inode.isDirectory) return 0;
  if ((directory.mode & S_ISVTX) === 0) return 0;
  const setting = PROTECTED.get(inode.type);
  const level = setting === undefined ? 1 : kernel.sysctls.get(setting);
  if (level === 0) return 0;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  if (attributes.uid === directory.uid || attributes.uid === credentials.fsuid) return 0;
  if ((directory.mode & S_IWOTH) !== 0) return -EACCES;
  return setting !== undefined && level > 1 && (directory.mode & S_IWGRP) !== 0 ? -EACCES : 0;
}

/** A magic link names an open file: the same inode again, with the flags asked for. */
function reopen(task: VfsCaller, file: OpenFile, flags: number): OpenFile | number {
  if (file.path !== null) return openExisting(task, file.path, flags, false);
  if ((flags & F.O_DIRECTORY) !== 0) return -ENOTDIR;
  return (flags & F.O_PATH) !== 0 ? new NamelessPathFile(flags, file) : file.reopen(flags);
}

function wantedAccess(flags: number): number {
  const mode = flags & F.O_ACCMODE;
  const read = mode !== F.O_WRONLY ? MAY_READ : 0;
  return read | (mode !== F.O_RDONLY || (flags & F.O_TRUNC) !== 0 ? MAY_WRITE : 0);
}

function openExisting(task: VfsCaller, path: Path, flags: number, isNew: boolean): OpenFile | number {
  const { inode, mount } = path;
  if ((flags & F.O_PATH) !== 0) {
    if ((flags & F.O_DIRECTORY) !== 0 && !inode.isDirectory) return -ENOTDIR;
    return attach(task, new PathFile(flags), path);
  }
  if (inode.isSymlink) return (flags & F.O_DIRECTORY) !== 0 ? -ENOTDIR : -ELOOP;
  if ((flags & F.O_DIRECTORY) !== 0 && !inode.isDirectory) return -ENOTDIR;
  const access = wantedAccess(flags);
  if (inode.isDirectory && ((access & MAY_WRITE) !== 0 || (flags & F.O_CREAT) !== 0)) return -EISDIR;
  const isDevice = inode.type === S_IFCHR || inode.type === S_IFBLK;
  if (isDevice && ((mount.flags & MS_NODEV) !== 0 || !inode.fs.allowsDevices)) return -EACCES;
  if (!isNew) {
    const error = mayAccess(task, path, access);
    if (error < 0) return error;
    const mode = flags & F.O_ACCMODE;
    const overwrites = mode !== F.O_RDONLY && (flags & F.O_APPEND) === 0;
    if ((overwrites || (flags & F.O_TRUNC) !== 0) && isAppendOnly(inode)) return -EPERM;
  }
  // Access mode 3 asks for both permissions and gives neither.
  const changesData = (access & MAY_WRITE) !== 0 && (flags & (F.O_ACCMODE | F.O_TRUNC)) !== F.O_ACCMODE;
  const writesData = changesData && (inode.type === S_IFREG || inode.isDirectory);
  if (writesData && mount.readOnly) return -EROFS;
  if ((flags & F.O_NOATIME) !== 0) {
    const attributes = inode.attributes();
    if (typeof attributes === "number") return attributes;
    if (!isOwner(task, attributes)) return -EPERM;
  }
  // A running program is not written to, nor emptied by who only reads.
  const busy = writesData ? inode.getWriteAccess() : 0;
  if (busy < 0) return busy;
  const file = inode.open(flags, task.credentials);
  if (typeof file === "number") {
    if (writesData) inode.putWriteAccess();
    return file;
  }
  file.hasWriteAccess = writesData;
  const { fileEvents } = task.kernel;
  if ((flags & F.O_TRUNC) !== 0 && !isNew && inode.type === S_IFREG) {
    const changes = truncated(task, inode);
    const error = typeof changes === "number" ? changes : inode.setAttributes(changes);
    if (error < 0) {
      file.release();
      if (writesData) inode.putWriteAccess();
      return error;
    }
    attach(task, file, path);
    fileEvents.used(file, IN_OPEN);
    fileEvents.used(file, IN_MODIFY);
    return file;
  }
  attach(task, file, path);
  fileEvents.used(file, IN_OPEN);
  return file;
}

// Contents that go take set-id bits along.
function truncated(task: VfsCaller, inode: Inode): AttributeChanges | number {
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes === NOT_AT_HAND ? attributes : { size: 0 };
  const mode = withoutPrivileges(task, attributes);
  return mode === attributes.mode ? { size: 0 } : { size: 0, mode: mode & MODE_BITS };
}

/** Gives an open file its place, which it holds until its end. */
export function attach({ credentials }: VfsCaller, file: OpenFile, path: Path): OpenFile {
  file.openedBy = credentials;
  file.inode ??= path.inode;
  file.path = path;
  path.dentry.pin();
  path.mount.use();
  file.held = path.inode;
  path.inode.hold();
  return file;
}

/** Owner and mode of something new in a directory: set-group-ID directories pass their group on. */
export function creationIn(
  task: VfsCaller,
  directory: Inode,
  mode: number,
  isDirectory: boolean,
): Creation | number {
  const parent = directory.attributes();
  if (typeof parent === "number") return parent;
  const { credentials } = task;
  const { owner: mounter } = directory.fs;
  if (!mounter.uids.knows(credentials.fsuid) || !mounter.gids.knows(credentials.fsgid)) return -EOVERFLOW;
  // A default list says in the umask's stead what others may.
  const list = directory.defaultAcl;
  const acl = list === null ? null : inherited(list, mode);
  let bits = acl === null ? mode & MODE_BITS & ~task.fs.umask : (mode & MODE_BITS & ~0o777) | modeOf(acl);
  let gid = credentials.fsgid;
  if ((parent.mode & S_ISGID) !== 0) {
    gid = parent.gid;
    if (isDirectory) bits |= S_ISGID;
    // By the mode that was asked for: the umask must not hide that it is one of a program.
    else if ((mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010)) bits = withoutForeignGroup(task, bits, parent);
  }
  const creation = { mode: bits, uid: credentials.fsuid, gid };
  if (list === null || acl === null) return creation;
  const own = isExtended(acl) ? { acl } : {};
  return isDirectory ? { ...creation, ...own, defaultAcl: list } : { ...creation, ...own };
}

function create(task: VfsCaller, start: Path, path: string, how: OpenHow, depth: number): OpenFile | number {
  const walk = walkParent(contextOf(task), start, path, how.resolve);
  if (typeof walk === "number") return walk;
  if (walk.name === "" || walk.mustBeDirectory) return -EISDIR;
  if ((how.flags & F.O_DIRECTORY) !== 0) return -EINVAL;
  return createAt(task, walk, how, depth);
}

// The name is there although the walk said ENOENT: a symlink to something that does not exist yet.
function createThroughLink(
  task: VfsCaller,
  walk: ParentWalk,
  inode: Inode,
  how: OpenHow,
  depth: number,
): OpenFile | number {
  if (!inode.isSymlink) return -ENOENT;
  if ((how.flags & F.O_EXCL) !== 0) return -EEXIST;
  if ((how.flags & F.O_NOFOLLOW) !== 0 || depth > 40) return -ELOOP;
  // Where it leads is not followed by who may not go everywhere.
  const { resolve } = how;
  if ((resolve & F.RESOLVE_NO_SYMLINKS) !== 0) return -ELOOP;
  if ((resolve & (F.RESOLVE_BENEATH | F.RESOLVE_IN_ROOT)) !== 0) return -EXDEV;
  const target = inode.readlink();
  if (typeof target === "number") return target;
  if (target.startsWith("/")) return create(task, task.fs.cwd, target, how, depth + 1);
  const next = walkParentFrom(task, walk.parent, target);
  return typeof next === "number" ? next : createAt(task, next, how, depth + 1);
}

function walkParentFrom(task: VfsCaller, start: Path, target: string): ParentWalk | number {
  const slash = target.lastIndexOf("/");
  if (slash < 0) return { parent: start, name: target, mustBeDirectory: false, dots: "" };
  const directory = walkPath(contextOf(task), start, target.slice(0, slash) || "/", { follow: true });
  if (typeof directory === "number") return directory;
  if (directory instanceof FileTarget || !directory.inode.isDirectory) return -ENOTDIR;
  return { parent: directory, name: target.slice(slash + 1), mustBeDirectory: false, dots: "" };
}

function createAt(task: VfsCaller, walk: ParentWalk, how: OpenHow, depth: number): OpenFile | number {
  const dentry = lookupLast(contextOf(task), walk);
  if (typeof dentry === "number") return dentry;
  if (dentry.inode !== null) return createThroughLink(task, walk, dentry.inode, how, depth);
  const error = mayChangeNames(task, walk.parent);
  if (error < 0) return error;
  if (walk.parent.dentry.deleted) return -ENOENT;
  const creation = creationIn(task, walk.parent.inode, how.mode, false);
  if (typeof creation === "number") return creation;
  const inode = walk.parent.inode.create(walk.name, { ...creation, mode: S_IFREG | creation.mode });
  if (typeof inode === "number") return inode;
  task.kernel.dentries.instantiate(dentry, inode);
  task.kernel.fileEvents.created(walk.parent.inode, walk.name, inode);
  return openExisting(task, new Path(walk.parent.mount, dentry), how.flags & ~(F.O_CREAT | F.O_EXCL), true);
}

function openTemporary(task: VfsCaller, dirfd: number, path: string, how: OpenHow): OpenFile | number {
  if ((how.flags & F.O_ACCMODE) === F.O_RDONLY) return -EINVAL;
  const start = startFor(task, dirfd, path, how);
  if (typeof start === "number") return start;
  const directory = walkPath(contextOf(task), start, path, { follow: true, resolve: how.resolve });
  if (typeof directory === "number") return directory;
  if (directory instanceof FileTarget || !directory.inode.isDirectory) return -ENOTDIR;
  const error = mayChangeNames(task, directory);
  if (error < 0) return error;
  const creation = creationIn(task, directory.inode, how.mode, false);
  if (typeof creation === "number") return creation;
  const whole = { ...creation, mode: S_IFREG | creation.mode };
  const inode = directory.inode.tmpfile(whole, (how.flags & F.O_EXCL) === 0);
  if (typeof inode === "number") return inode;
  const dentry = new Dentry(`#${inode.ino}`, directory.dentry, inode);
  dentry.deleted = true;
  const file = inode.open(how.flags & ~(F.O_TMPFILE | F.O_EXCL), task.credentials);
  if (typeof file === "number") return file;
  file.flags |= F.O_TMPFILE;
  return attach(task, file, new Path(directory.mount, dentry));
}
