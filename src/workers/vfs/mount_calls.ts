// mount(2), umount2(2), pivot_root(2): changes of the caller's mount namespace, and of those to which they propagate.

import {
  EAGAIN,
  EBUSY,
  EFAULT,
  EINVAL,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  EPERM,
} from "../../shared/abi/errno.ts";
import { AT_FDCWD } from "../../shared/abi/fcntl.ts";
import * as M from "../../shared/abi/mount.ts";
import { CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import { CSTRING_MAX, WINDOW } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { VfsCaller } from "./caller.ts";
import { lookup } from "./lookup.ts";
import { ATIME_FLAGS, MOUNT_FLAGS, mountFlags, remountFlags, SUPER_FLAGS } from "./mount_flags.ts";
import { NOT_VISIBLE, ownerOfNew, REVEALING, visibleLocks } from "./mount_owner.ts";
import { newFileSystem, withKernelOwners } from "./mountable.ts";
import { type Mount, Path } from "./path.ts";
import { FileTarget } from "./path_walk.ts";

const MAGIC_MASK = 0xffff0000;
const MAGIC = 0xc0ed0000;
const PROPAGATION = M.MS_SHARED | M.MS_PRIVATE | M.MS_SLAVE | M.MS_UNBINDABLE;
const UMOUNT_FLAGS = M.MNT_FORCE | M.MNT_DETACH | M.MNT_EXPIRE | M.UMOUNT_NOFOLLOW;
const DATA_MAX = 4096;
/** Mounts of a namespace (/proc/sys/fs/mount-max of Linux). */
const MOUNTS_MAX = 100_000;
/** Mounts that one call may make elsewhere by propagation: they are made at once. */
const COPIES_MAX = 512;

function mayMount({ credentials, fs }: VfsCaller): boolean {
  return capable(credentials, fs.namespace.owner, CAP_SYS_ADMIN);
}

/** Whether a mount is of the tree that the task sees: none of another is changed by whoever has come to stand there. */
function isOwn({ fs }: VfsCaller, { mount }: Path): boolean {
  return mount.namespace === fs.namespace;
}

function placeOf(
  task: VfsCaller,
  name: string | number,
  follow: boolean,
  leavesExpiry = false,
): Path | number {
  if (typeof name === "number") return name;
  const found = lookup(task, AT_FDCWD, name, { follow, leavesExpiry });
  if (!(found instanceof FileTarget)) return found;
  return found.file.path ?? -EINVAL;
}

const isMountRoot = ({ mount, dentry }: Path) => dentry === mount.root;

/** A string of the guest that the stub has not copied yet; "" for a null pointer. */
function* stringAt(task: VfsCaller, address: number, most: number): Generator<void, string | number, void> {
  if (address === 0) return "";
  task.call.outAt(address, most, WINDOW);
  const copied = yield* task.call.copyInRound();
  const bytes = Buffer.from(
    task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + copied),
  );
  const end = bytes.indexOf(0);
  if (end >= 0) return bytes.toString("latin1", 0, end);
  return copied < most ? -EFAULT : -EINVAL;
}

/** 0, or why so many mounts, the first with such a root, cannot be made there. */
function checkPlace(task: VfsCaller, at: Path, isDirectory: boolean, count: number): number {
  if (at.inode.isDirectory !== isDirectory) return -ENOTDIR;
  if (at.dentry.deleted) return -ENOENT;
  return hasRoom(task, at, count, count) ? 0 : -ENOSPC;
}

/** Whether a tree of so many mounts may come there, of which so many are new, with what propagates. */
function hasRoom(task: VfsCaller, at: Path, count: number, fresh: number): boolean {
  const { namespace } = task.fs;
  if (namespace.mounts.size + fresh > MOUNTS_MAX) return false;
  const copies = count * namespace.receivers(at);
  return copies <= COPIES_MAX && task.kernel.heap.hasRoom("mounts", copies + fresh);
}

function* mountNew(
  task: VfsCaller,
  source: string,
  at: Path,
  flags: number,
  typeAt: number,
  dataAt: number,
): Coroutine {
  if (typeAt === 0) return -EINVAL;
  const type = yield* stringAt(task, typeAt, CSTRING_MAX);
  if (typeof type === "number") return type;
  const data = yield* stringAt(task, dataAt, DATA_MAX);
  if (typeof data === "number") return data;
  const error = checkPlace(task, at, true, 1);
  if (error < 0) return error;
  const { kernel, credentials } = task;
  const words = withKernelOwners(data.split(","), credentials.userNamespace);
  if (words === null) return -EINVAL;
  if (!kernel.heap.hasRoom("strings", source.length)) return -ENOMEM;
  const owner = ownerOfNew(task, type);
  if (!capable(credentials, owner, CAP_SYS_ADMIN)) return -EPERM;
  const fs = newFileSystem(kernel, type, words, credentials);
  if (typeof fs === "number") {
    if (fs === -ENODEV) kernel.counters.unsupportedCalls++;
    return fs;
  }
  const { namespace } = task.fs;
  const own = mountFlags(flags);
  const isGuests = namespace.isOfGuests || !REVEALING.has(type);
  const locked = isGuests ? null : visibleLocks(namespace, type, own);
  if (locked === NOT_VISIBLE) return -EPERM;
  // Some there is one of alone, for all who mount it.
  if (fs.mounts === 0) {
    fs.superFlags |= flags & (SUPER_FLAGS | M.MS_RDONLY);
    fs.ownedBy(owner);
  }
  namespace.mount(fs, at, own, source === "" ? "none" : source, undefined, locked);
  return 0;
}

function bind(task: VfsCaller, source: string, at: Path, recursive: boolean): number {
  if (source === "") return -EINVAL;
  const from = placeOf(task, source, true);
  if (typeof from === "number") return from;
  if (!isOwn(task, from) && from.mount.fs.type !== "nsfs") return -EINVAL;
  if (!from.inode.mayBeMountedIn(task.fs.namespace) || from.mount.isUnbindable) return -EINVAL;
  if (!recursive && from.mount.hasLockedBelow(from.dentry)) return -EINVAL;
  if (recursive && from.mount.tree().some(({ isUnbindable, isLocked }) => isUnbindable && isLocked))
    return -EPERM;
  const error = checkPlace(task, at, from.inode.isDirectory, recursive ? from.mount.tree().length : 1);
  if (error < 0) return error;
  task.fs.namespace.bind(from, at, recursive);
  return 0;
}

function remount(task: VfsCaller, at: Path, given: number): number {
  if (!isMountRoot(at) || !isOwn(task, at)) return -EINVAL;
  const { mount } = at;
  const { fs } = mount;
  const flags = remountFlags(given, mount.flags);
  if (mount.lockedFlags !== null) {
    if ((mount.lockedFlags & ~flags) !== 0) return -EPERM;
    if (((flags ^ mount.flags) & ATIME_FLAGS) !== 0) return -EPERM;
  }
  if ((given & M.MS_BIND) === 0) {
    if (!capable(task.credentials, fs.owner, CAP_SYS_ADMIN)) return -EPERM;
    // Of a file system that others show, too, it is the mount alone.
    if (fs.mounts === 1) fs.superFlags = (fs.superFlags & ~M.MS_RDONLY) | (given & M.MS_RDONLY);
  }
  mount.flags = flags | (mount.flags & ~MOUNT_FLAGS);
  task.fs.namespace.changed();
  return 0;
}

function setPropagation(task: VfsCaller, at: Path, flags: number): number {
  const type = flags & PROPAGATION;
  if ((flags & ~(PROPAGATION | M.MS_REC | M.MS_SILENT)) !== 0 || (type & (type - 1)) !== 0) return -EINVAL;
  if (!isMountRoot(at) || !isOwn(task, at)) return -EINVAL;
  task.fs.namespace.setPropagation(at.mount, type, (flags & M.MS_REC) !== 0);
  return 0;
}

function move(task: VfsCaller, source: string, at: Path): number {
  if (source === "") return -EINVAL;
  const from = placeOf(task, source, true);
  if (typeof from === "number") return from;
  const { mount } = from;
  if (!isMountRoot(from) || mount.parent === null || !isOwn(task, from) || mount.isLocked) return -EINVAL;
  if (from.inode.isDirectory !== at.inode.isDirectory) return -EINVAL;
  // It would have to go from where its mount has propagated to, too.
  if (mount.parent.peers !== null) return -EINVAL;
  const tree = mount.tree();
  if (at.mount.peers !== null && tree.some(({ isUnbindable }) => isUnbindable)) return -EINVAL;
  if (at.mount.isBelow(mount)) return -ELOOP;
  const { namespace } = task.fs;
  if (!hasRoom(task, at, tree.length, 0)) return -ENOSPC;
  namespace.move(mount, at);
  return 0;
}

function mount(task: VfsCaller, sourceAt: number, given: number, typeAt: number, dataAt: number): number {
  const source = sourceAt === 0 ? "" : task.call.inString(0);
  const target = task.call.inString(1);
  if (typeof source === "number") return source;
  const at = placeOf(task, target, true);
  if (typeof at === "number") return at;
  if (!mayMount(task)) return -EPERM;
  const low = (given % 2 ** 32) | 0;
  const flags = (low & MAGIC_MASK) === (MAGIC | 0) ? low & ~MAGIC_MASK : low;
  if ((flags & M.MS_REMOUNT) !== 0) return remount(task, at, flags);
  if ((flags & M.MS_BIND) === 0 && (flags & PROPAGATION) !== 0) return setPropagation(task, at, flags);
  if (!isOwn(task, at)) return -EINVAL;
  // "." may have something on it.
  const top = task.fs.namespace.topOf(at);
  if ((flags & M.MS_BIND) !== 0) return bind(task, source, top, (flags & M.MS_REC) !== 0);
  if ((flags & M.MS_MOVE) !== 0) return move(task, source, top);
  return task.call.start(mountNew(task, source, top, flags, typeAt, dataAt));
}

function umount(task: VfsCaller, flags: number): number {
  if ((flags & ~UMOUNT_FLAGS) !== 0) return -EINVAL;
  const place = placeOf(task, task.call.inString(0), (flags & M.UMOUNT_NOFOLLOW) === 0, true);
  if (typeof place === "number") return place;
  if (!mayMount(task)) return -EPERM;
  const { namespace } = task.fs;
  const at = namespace.topOf(place);
  const { mount } = at;
  if (!isMountRoot(at) || !namespace.mounts.has(mount) || mount.isLocked) return -EINVAL;
  const mayAll = capable(task.credentials, mount.fs.owner, CAP_SYS_ADMIN);
  if ((flags & M.MNT_FORCE) !== 0 && !mayAll) return -EPERM;
  if ((flags & M.MNT_EXPIRE) !== 0) {
    if ((flags & (M.MNT_FORCE | M.MNT_DETACH)) !== 0 || mount === task.fs.root.mount) return -EINVAL;
    if (mount.users > 0 || mount.children.length > 0) return -EBUSY;
    if (!mount.expires) {
      mount.expires = true;
      return -EAGAIN;
    }
  }
  if ((flags & M.MNT_DETACH) === 0) {
    // The root cannot go: Linux makes it read-only for a shutdown.
    if (mount === task.fs.root.mount) {
      if (!mayAll) return -EPERM;
      mount.flags |= M.MS_RDONLY;
      return 0;
    }
    if (mount.users > 0 || mount.children.length > 0) return -EBUSY;
    if (namespace.copiesOf(mount).some(({ users }) => users > 0)) return -EBUSY;
  }
  if (mount.parent === null) return -EINVAL;
  return namespace.unmount(mount, task.kernel.longTurns) ? 0 : task.call.start(unmountOn(task, mount));
}

/** What is left of a large tree. Who has made it a root meanwhile keeps that. */
function* unmountOn(task: VfsCaller, mount: Mount): Coroutine {
  const { namespace } = task.fs;
  do {
    yield* breatheOn(task);
  } while (mount.parent !== null && !namespace.unmount(mount, task.kernel.longTurns));
  return 0;
}

function pivotRoot(task: VfsCaller): number {
  if (!mayMount(task)) return -EPERM;
  const next = placeOf(task, task.call.inString(0), true);
  if (typeof next === "number") return next;
  if (!next.inode.isDirectory) return -ENOTDIR;
  const put = placeOf(task, task.call.inString(1), true);
  if (typeof put === "number") return put;
  if (!put.inode.isDirectory) return -ENOTDIR;
  const { root, namespace } = task.fs;
  if (!namespace.mounts.has(next.mount) || !namespace.mounts.has(root.mount)) return -EINVAL;
  if (next.mount.isLocked) return -EINVAL;
  if (next.dentry.deleted) return -ENOENT;
  if (next.mount === root.mount || put.mount === root.mount) return -EBUSY;
  if (!isMountRoot(root) || !isMountRoot(next) || next.mount.parent === null) return -EINVAL;
  if (!put.mount.isBelow(next.mount) || !next.mount.isBelow(root.mount)) return -EINVAL;
  const isShared = (mount: Mount | null) => mount !== null && mount.peers !== null;
  if (isShared(put.mount) || isShared(next.mount.parent) || isShared(root.mount.parent)) return -EINVAL;
  const { kernel } = task;
  namespace.pivot(next.mount, root.mount, put);
  for (const group of kernel.pids.groups())
    for (const other of group.tasks)
      if (!other.dead && other.fs.namespace === namespace) other.fs.replaceRoot(root.mount, next.mount);
  kernel.rootMoved(namespace, root, new Path(next.mount, next.mount.root));
  return 0;
}

export const MOUNT_HANDLERS: Handlers<VfsCaller> = {
  mount: (task, source, _target, type, flags, data) => mount(task, source, flags, type, data),
  umount2: (task, _target, flags) => umount(task, flags),
  pivot_root: pivotRoot,
};
