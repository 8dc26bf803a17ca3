// A file of a gofer file system: names, contents, links. What is known of it is gofer_node.ts's business, how changes are
// made on the host host_changes.ts's.

import { ENFILE, ENOTDIR, EROFS, EXDEV } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_DIRECTORY } from "../../shared/abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG, S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { openDevice } from "../vfs/devices.ts";
import { DirectoryFile } from "../vfs/directory_file.ts";
import type { OpenFile } from "../vfs/file.ts";
import {
  type AttributeChanges,
  type Creation,
  type DirectoryEntry,
  type Inode,
  typeOf,
} from "../vfs/inode.ts";
import { openFifo } from "../vfs/pipe.ts";
import { readStat } from "../vfs/stat.ts";
import { readEntries } from "./directory_entries.ts";
import { GoferFile } from "./gofer_file.ts";
import { GoferNode } from "./gofer_node.ts";
import { fileResult } from "./handles.ts";
import {
  changeAttributes,
  createFile,
  linkFile,
  makeDirectory,
  makeNameless,
  makeNode,
  makeSymlink,
  removeAttribute,
  removeName,
  renameFile,
  setAttribute,
} from "./host_changes.ts";
import { withOwner } from "./owners.ts";

/** Bytes of a directory that is listed in pieces: of some two thousand names. What is shorter the host lists in a call or two. */
const LONG_DIRECTORY = 65536;

export class GoferInode extends GoferNode {
  declare parentOwner: GoferInode | null;

  override lookup(name: string): Inode | number {
    if (this.type !== S_IFDIR) return -ENOTDIR;
    const { handles, kernel } = this.fs;
    if (kernel.gofer.isSlow(this.hostDev)) return this.fs.lookUpSlowly(this, name);
    kernel.gofer.slow.begin();
    const directory = this.handle();
    if (directory < 0) return directory;
    const fd = handles.openChild(directory, name);
    kernel.gofer.slow.heed(this.hostDev);
    if (fd === -EXDEV) return this.fs.lookAcross(this, name);
    if (fd < 0) return fd;
    const error = fileResult(kernel.native.fstat(fd));
    if (error < 0) {
      kernel.native.close(fd);
      return error;
    }
    return this.adopt(name, fd);
  }

  /** The inode of a name of this directory whose handle was just opened and asked for its attributes. */
  adopt(name: string, fd: number): GoferInode {
    const { handles, kernel } = this.fs;
    const attributes = readStat(kernel.native.scratchView, kernel.users);
    const { dev, ino, mode } = attributes;
    const inode = new GoferInode(this.fs, this, name, dev, ino, typeOf(mode));
    if (attributes.nlink > 1 && inode.type !== S_IFDIR) inode.linked();
    handles.add(inode, fd);
    inode.refresh(withOwner(kernel, inode, attributes));
    return inode;
  }

  /** The inode of a file that has no name yet, whose descriptor is its handle. */
  adoptNameless(fd: number): GoferInode {
    const { dev, ino, mode } = readStat(this.fs.kernel.native.scratchView);
    const inode = new GoferInode(this.fs, this, `#${ino}`, dev, ino, typeOf(mode));
    inode.becomeNameless(fd);
    return inode;
  }

  override entries(): readonly DirectoryEntry[] | number {
    const { native } = this.fs.kernel;
    const handle = this.handle();
    if (handle < 0) return handle;
    // "." of a directory's handle is that very directory; a walk through proc takes longer.
    const fd = native.openComponent(handle, ".", O_DIRECTORY);
    if (fd < 0) return fd;
    const entries: DirectoryEntry[] = [];
    for (;;) {
      const n = native.getdents(fd);
      if (n <= 0) {
        native.close(fd);
        return n < 0 ? n : entries;
      }
      readEntries(native.scratch, n, entries);
    }
  }

  override longListing(): Iterable<readonly DirectoryEntry[] | number> | null {
    const attributes = this.attributes();
    return typeof attributes === "number" || attributes.size < LONG_DIRECTORY ? null : this.#pieces();
  }

  *#pieces(): Generator<readonly DirectoryEntry[] | number, void, void> {
    const { native } = this.fs.kernel;
    const handle = this.handle();
    const fd = handle < 0 ? handle : native.openComponent(handle, ".", O_DIRECTORY);
    if (fd < 0) {
      yield fd;
      return;
    }
    try {
      for (;;) {
        const n = native.getdents(fd);
        if (n < 0) yield n;
        if (n <= 0) return;
        const entries: DirectoryEntry[] = [];
        readEntries(native.scratch, n, entries);
        yield entries;
      }
    } finally {
      native.close(fd);
    }
  }

  override readlink(): string | number {
    const fd = this.handle();
    if (fd < 0) return fd;
    const { native } = this.fs.kernel;
    const length = fileResult(native.readlink(fd));
    return length < 0 ? length : Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
  }

  override open(flags: number, credentials: Credentials): OpenFile | number {
    switch (this.type) {
      case S_IFDIR:
        return new DirectoryFile(this, flags);
      case S_IFREG:
        return this.openFile(flags);
      case S_IFCHR:
      case S_IFBLK: {
        const attributes = this.attributes();
        if (typeof attributes === "number") return attributes;
        return openDevice(this.fs.kernel, attributes.rdev, flags, credentials);
      }
      case S_IFIFO:
        return openFifo(this.fs.kernel, this, flags, credentials);
      default:
        return super.open(flags, credentials);
    }
  }

  protected openFile(flags: number): OpenFile | number {
    // Access mode 3 is for ioctl alone: nothing is read through it.
    const access = (flags & O_ACCMODE) === O_ACCMODE ? 0 : flags & O_ACCMODE;
    if (access !== 0 && !this.fs.writable) return -EROFS;
    const { counters, limits } = this.fs.kernel;
    if (counters.hostFiles >= limits.hostFiles) return -ENFILE;
    const { idle } = this.fs.kernel.gofer;
    const left = access === 0 ? idle.take(this) : -1;
    if (access !== 0) this.mayDiffer();
    const fd = left >= 0 ? left : this.reopen(access);
    if (fd < 0) return fd;
    // What stat says of a file that was just opened is never old.
    this.wasOpened();
    return new GoferFile(this, fd, flags);
  }

  /** A fresh host description of a regular file or directory. */
  reopen(flags: number): number {
    const { kernel } = this.fs;
    const fd = this.handle();
    return fd < 0 ? fd : fileResult(kernel.native.reopen(kernel.descriptors.proc, fd, flags));
  }

  // ---- Changes ----

  override setAttributes(changes: AttributeChanges): number {
    if (!this.fs.writable) return -EROFS;
    const { mode } = changes;
    if (mode !== undefined) this.lent?.allowWrites((mode & (S_ISUID | S_ISGID)) === 0);
    return changeAttributes(this, changes);
  }

  override create(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? createFile(this, name, creation) : -EROFS;
  }

  override mkdir(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? makeDirectory(this, name, creation) : -EROFS;
  }

  override symlink(name: string, target: string, creation: Creation): Inode | number {
    return this.fs.writable ? makeSymlink(this, name, target, creation) : -EROFS;
  }

  override mknod(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? makeNode(this, name, creation) : -EROFS;
  }

  override tmpfile(creation: Creation, linkable: boolean): Inode | number {
    return this.fs.writable ? makeNameless(this, creation, linkable) : -EROFS;
  }

  override link(name: string, target: Inode): number {
    const linked = target as GoferInode;
    if (linked.remote !== null) return -EXDEV;
    return this.fs.writable ? linkFile(this, name, linked) : -EROFS;
  }

  override unlink(name: string, child: Inode): number {
    return this.fs.writable ? removeName(this, name, child as GoferInode, false) : -EROFS;
  }

  override rmdir(name: string, child: Inode): number {
    return this.fs.writable ? removeName(this, name, child as GoferInode, true) : -EROFS;
  }

  override rename(
    name: string,
    child: Inode,
    newParent: Inode,
    newName: string,
    replaced: Inode | null,
    exchange: boolean,
  ): number {
    if (!this.fs.writable) return -EROFS;
    const [moving, to, there] = [child, newParent, replaced] as [GoferInode, GoferInode, GoferInode | null];
    if (moving.remote !== null || to.remote !== null) return -EXDEV;
    return renameFile(this, name, moving, to, newName, there, exchange);
  }

  override setxattr(name: string, value: string, flags: number): number {
    return this.fs.writable ? setAttribute(this, name, value, flags) : -EROFS;
  }

  override removexattr(name: string): number {
    return this.fs.writable ? removeAttribute(this, name) : -EROFS;
  }

  override getxattr(name: string): string | number {
    const { native, descriptors } = this.fs.kernel;
    const fd = this.handle();
    const length = fd < 0 ? fd : native.getxattr(descriptors.proc, fd, name);
    return length < 0 ? length : Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
  }

  override listxattr(): readonly string[] | number {
    const { native, descriptors } = this.fs.kernel;
    const fd = this.handle();
    const length = fd < 0 ? fd : native.listxattr(descriptors.proc, fd);
    if (length < 0) return length;
    const text = Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
    return text.split("\0").filter((name) => name !== "");
  }
}
