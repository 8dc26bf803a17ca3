// Changes that a writable gofer file system makes on the host: names below a directory's handle, and
// attributes of the very file that a handle names. Something new belongs to nobody else until owner and
// mode are set: it is made exclusively, for the sandbox alone (docs/files.md).

import { EOPNOTSUPP, ESTALE } from "../../shared/abi/errno.ts";
import { O_EXCL, O_PATH, O_RDWR, O_TMPFILE, O_WRONLY, RENAME_EXCHANGE } from "../../shared/abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_ISGID, S_ISUID, UTIME_NOW, UTIME_OMIT } from "../../shared/abi/stat.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { SCRATCH_SIZE, SECOND_NAME } from "../native.ts";
import { type AttributeChanges, type Creation, type Inode, type Time, typeOf } from "../vfs/inode.ts";
import type { GoferInode } from "./gofer_inode.ts";
import { lookupKey } from "./name_keys.ts";

const PERMISSIONS = 0o7777;

/** Makes a name in the directory whose handle is given: 0, the new file's descriptor, or a negative errno. */
type Maker = (directory: number) => number;

function make(parent: GoferInode, name: string, creation: Creation, maker: Maker): Inode | number {
  const { native, gofer } = parent.fs.kernel;
  const directory = parent.handle();
  if (directory < 0) return directory;
  gofer.changesAtOnce(lookupKey(parent, name));
  native.putName(name);
  const made = maker(directory);
  if (made < 0) return made;
  parent.changed();
  const fd = made > 0 ? placeOf(parent, made) : native.openComponent(directory, name, O_PATH);
  const error = fd < 0 ? fd : give(parent, fd, creation);
  if (error === 0) return parent.adopt(name, fd);
  if (fd >= 0) native.close(fd);
  if (error === -ESTALE) return error; // what bears the name is somebody else's
  native.putName(name);
  native.unlink(directory, typeOf(creation.mode) === S_IFDIR ? 1 : 0);
  return error;
}

/** A new file is kept as a place alone: who has it open for writing keeps the host from executing it (ETXTBSY). */
function placeOf({ fs }: GoferInode, made: number): number {
  const { native, descriptors } = fs.kernel;
  const fd = native.reopen(descriptors.proc, made, O_PATH);
  native.close(made);
  return fd;
}

/** Gives a new file to its owner; its attributes stand in the scratch area then. */
function give({ fs }: GoferInode, fd: number, { uid, gid, mode }: Creation): number {
  const { native, descriptors } = fs.kernel;
  const type = typeOf(mode);
  const seen = native.fstat(fd);
  if (seen < 0) return seen;
  if (typeOf(native.scratchView.getUint32(24, true)) !== type) return -ESTALE;
  let error = native.chown(fd, uid | 0, gid | 0);
  if (error === 0 && type !== S_IFLNK) error = native.chmod(descriptors.proc, fd, mode & PERMISSIONS);
  return error < 0 ? error : native.fstat(fd);
}

export function createFile(parent: GoferInode, name: string, creation: Creation): Inode | number {
  return make(parent, name, creation, (directory) => parent.fs.kernel.native.create(directory));
}

export function makeDirectory(parent: GoferInode, name: string, creation: Creation): Inode | number {
  return make(parent, name, creation, (directory) => parent.fs.kernel.native.mkdir(directory));
}

/** A file without a name: its descriptor is all that there is of it. */
export function makeNameless(parent: GoferInode, creation: Creation, linkable: boolean): Inode | number {
  const { native } = parent.fs.kernel;
  parent.fs.kernel.gofer.changesAtOnce();
  const fd = parent.reopen(O_TMPFILE | O_RDWR | (linkable ? 0 : O_EXCL));
  if (fd < 0) return fd;
  const error = give(parent, fd, creation);
  if (error === 0) return parent.adoptNameless(fd);
  native.close(fd);
  return error;
}

/** A FIFO or a socket, which the sandbox serves itself; devices are nobody's to make. */
export function makeNode(parent: GoferInode, name: string, creation: Creation): Inode | number {
  const type = typeOf(creation.mode);
  return make(parent, name, creation, (directory) => parent.fs.kernel.native.mknod(directory, type));
}

export function makeSymlink(
  parent: GoferInode,
  name: string,
  target: string,
  creation: Creation,
): Inode | number {
  const { native } = parent.fs.kernel;
  return make(parent, name, creation, (directory) => {
    native.putName(target, SECOND_NAME);
    return native.symlink(directory);
  });
}

export function linkFile(parent: GoferInode, name: string, target: GoferInode): number {
  const { native, descriptors, gofer } = parent.fs.kernel;
  const fd = target.handle();
  if (fd < 0) return fd;
  const directory = parent.handle();
  if (directory < 0) return directory;
  gofer.changesAtOnce(lookupKey(parent, name));
  native.putName(name);
  const error = native.link(descriptors.proc, fd, directory);
  if (error === 0 && target.nameless) target.moved(parent, name);
  parent.changed();
  target.linked();
  target.changed();
  return error;
}

/** Takes a name away; what it named lives on while somebody holds it. */
export function removeName(
  parent: GoferInode,
  name: string,
  child: GoferInode,
  isDirectory: boolean,
): number {
  const { native, gofer } = parent.fs.kernel;
  child.keepHandle();
  const directory = parent.handle();
  if (directory < 0) return directory;
  gofer.changesAtOnce(lookupKey(parent, name));
  native.putName(name);
  const error = native.unlink(directory, isDirectory ? 1 : 0);
  parent.changed();
  child.changed();
  return error;
}

export function renameFile(
  parent: GoferInode,
  name: string,
  child: GoferInode,
  to: GoferInode,
  newName: string,
  replaced: GoferInode | null,
  exchange: boolean,
): number {
  const { native, gofer } = parent.fs.kernel;
  replaced?.keepHandle();
  const directory = parent.handle();
  if (directory < 0) return directory;
  const target = to === parent ? directory : to.handle();
  if (target < 0) return target;
  for (const key of [lookupKey(parent, name), lookupKey(to, newName)]) gofer.changesAtOnce(key);
  native.putName(name);
  native.putName(newName, SECOND_NAME);
  const error = native.rename(directory, target, exchange ? RENAME_EXCHANGE : 0);
  for (const changed of [parent, to, child, replaced]) changed?.changed();
  if (error < 0) return error;
  child.moved(to, newName);
  if (exchange) replaced?.moved(parent, name);
  return 0;
}

/** A struct timespec as utimensat(2) takes it: undefined leaves the time as it is. */
export function timeTo(view: DataView, at: number, time: Time | "now" | undefined): void {
  write64(view, at, typeof time === "object" ? time.sec : 0);
  write64(view, at + 8, typeof time === "object" ? time.nsec : time === "now" ? UTIME_NOW : UTIME_OMIT);
}

/**
 * Permissions of a file with set-id bits, or null. The host takes these away when the kernel changes the
 * contents; whether the guest may keep them has been decided before.
 */
function privileged(inode: GoferInode): number | null {
  const attributes = inode.attributes();
  if (typeof attributes === "number" || (attributes.mode & (S_ISUID | S_ISGID)) === 0) return null;
  return attributes.mode & PERMISSIONS;
}

export function changeAttributes(inode: GoferInode, changes: AttributeChanges): number {
  const { native, descriptors } = inode.fs.kernel;
  inode.fs.kernel.gofer.changesAtOnce();
  const fd = inode.handle();
  if (fd < 0) return fd;
  inode.changed();
  let error = 0;
  if (changes.size !== undefined) {
    const before = changes.mode ?? privileged(inode);
    const file = inode.reopen(O_WRONLY);
    if (file < 0) return file;
    error = native.ftruncate(file, changes.size);
    native.close(file);
    if (error === 0 && before !== null) error = native.chmod(descriptors.proc, fd, before);
  }
  // Owner first: a change of owner takes the set-id bits away, which the mode may have again.
  if (error === 0 && (changes.uid !== undefined || changes.gid !== undefined))
    error = native.chown(fd, (changes.uid ?? -1) | 0, (changes.gid ?? -1) | 0);
  if (error === 0 && changes.mode !== undefined)
    error = inode.isSymlink ? -EOPNOTSUPP : native.chmod(descriptors.proc, fd, changes.mode);
  if (error === 0 && (changes.atime !== undefined || changes.mtime !== undefined)) {
    timeTo(native.scratchView, 0, changes.atime);
    timeTo(native.scratchView, 16, changes.mtime);
    error = native.utimens(fd);
  }
  inode.changed();
  return error;
}

export function setAttribute(inode: GoferInode, name: string, value: string, flags: number): number {
  const { native, descriptors } = inode.fs.kernel;
  inode.fs.kernel.gofer.changesAtOnce();
  const fd = inode.handle();
  if (fd < 0) return fd;
  if (value.length > SCRATCH_SIZE - SECOND_NAME - 1) return -EOPNOTSUPP;
  native.putName(name);
  native.putName(value, SECOND_NAME);
  inode.changed();
  return native.setxattr(descriptors.proc, fd, value.length, flags);
}

export function removeAttribute(inode: GoferInode, name: string): number {
  const { native, descriptors } = inode.fs.kernel;
  inode.fs.kernel.gofer.changesAtOnce();
  const fd = inode.handle();
  if (fd < 0) return fd;
  native.putName(name);
  inode.changed();
  return native.removexattr(descriptors.proc, fd);
}
