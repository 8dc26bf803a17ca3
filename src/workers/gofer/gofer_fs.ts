// The gofer file system: a host directory, read-only so far, reached by directory descriptors one
// component at a time (hardening.md, F6). Owners and modes are the host's; devices, FIFOs and sockets of
// the host are never opened: the sandbox's own implementations stand in for them by type and number.

import { EROFS } from "../../shared/abi/errno.ts";
import { S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from "../../shared/abi/stat.ts";
import { statfs } from "../../shared/abi/structs.ts";
import type { Kernel } from "../kernel.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Credentials } from "../supervisor/credentials.ts";
import { openDevice } from "../vfs/devices.ts";
import { DirectoryFile } from "../vfs/directory_file.ts";
import { O_ACCMODE, type OpenFile } from "../vfs/file.ts";
import {
  type AttributeChanges,
  type Attributes,
  type DirectoryEntry,
  FileSystem,
  type FileSystemStatus,
  Inode,
} from "../vfs/inode.ts";
import { openFifo } from "../vfs/pipe.ts";
import { readStat } from "../vfs/stat.ts";
import { GoferFile } from "./gofer_file.ts";
import { type HandleOwner, Handles } from "./handles.ts";

const DIRENT_NAME_AT = 19;
const O_DIRECTORY = 0o200000;

export class GoferFs extends FileSystem {
  readonly type = "gofer";
  readonly root: Inode;
  readonly handles: Handles;
  /** One object for each host file that is mapped, whatever name it was reached by. */
  readonly #mapped = new Map<string, WeakRef<Mapped>>();

  /** `directory`: a host directory descriptor, the file system's own. */
  constructor(kernel: Kernel, directory: number) {
    super(kernel);
    this.handles = new Handles(kernel.native, directory);
    kernel.native.fstat(directory);
    const { dev, ino, mode } = readStat(kernel.native.scratchView);
    this.root = new GoferInode(this, null, "", dev, ino, mode & S_IFMT);
  }

  status(): FileSystemStatus | number {
    const { native } = this.kernel;
    const fd = this.handles.get(this.root as GoferInode);
    const error = fd < 0 ? fd : native.fstatfs(fd);
    if (error < 0) return error;
    const st = statfs.decode(native.scratch);
    return {
      type: st.f_type,
      bsize: st.f_bsize,
      blocks: st.f_blocks,
      bfree: st.f_bfree,
      bavail: st.f_bavail,
      files: st.f_files,
      ffree: st.f_ffree,
      namelen: st.f_namelen,
    };
  }

  /** What mappings of a host file have in common. */
  mapped(dev: number, ino: number, path: string): Mapped {
    const key = `${dev}:${ino}`;
    const known = this.#mapped.get(key)?.deref();
    if (known !== undefined) return known;
    const made: Mapped = { id: this.kernel.nextMappedId(), path, dev, ino };
    this.#mapped.set(key, new WeakRef(made));
    return made;
  }
}

export class GoferInode extends Inode implements HandleOwner {
  override readonly fs: GoferFs;
  readonly ino: number;
  readonly type: number;
  readonly parentOwner: GoferInode | null;
  readonly hostName: string;
  readonly hostDev: number;
  readonly hostIno: number;

  constructor(fs: GoferFs, parent: GoferInode | null, name: string, dev: number, ino: number, type: number) {
    super(fs);
    this.fs = fs;
    this.parentOwner = parent;
    this.hostName = name;
    this.hostDev = dev;
    this.hostIno = ino;
    this.ino = ino;
    this.type = type;
  }

  /** Path below the file system's root, for maps. */
  get path(): string {
    return this.parentOwner === null ? "" : `${this.parentOwner.path}/${this.hostName}`;
  }

  override attributes(): Attributes | number {
    const fd = this.fs.handles.get(this);
    if (fd < 0) return fd;
    const { native } = this.fs.kernel;
    const error = native.fstat(fd);
    return error < 0 ? error : readStat(native.scratchView);
  }

  override setAttributes(_changes: AttributeChanges): number {
    return -EROFS;
  }

  override lookup(name: string): Inode | number {
    const { handles, kernel } = this.fs;
    const directory = handles.get(this);
    if (directory < 0) return directory;
    const fd = handles.openChild(directory, name);
    if (fd < 0) return fd;
    kernel.native.fstat(fd);
    const { dev, ino, mode } = readStat(kernel.native.scratchView);
    const inode = new GoferInode(this.fs, this, name, dev, ino, mode & S_IFMT);
    handles.add(inode, fd);
    return inode;
  }

  override entries(): readonly DirectoryEntry[] | number {
    const { native } = this.fs.kernel;
    const fd = this.reopen(O_DIRECTORY);
    if (fd < 0) return fd;
    const entries: DirectoryEntry[] = [];
    for (;;) {
      const n = native.getdents(fd);
      if (n <= 0) {
        native.close(fd);
        return n < 0 ? n : entries;
      }
      const bytes = Buffer.from(native.scratch.subarray(0, n));
      for (let at = 0; at < n; ) {
        const length = bytes.readUInt16LE(at + 16);
        const start = at + DIRENT_NAME_AT;
        const name = bytes.toString("latin1", start, bytes.indexOf(0, start));
        if (name !== "." && name !== "..")
          entries.push({ name, ino: Number(bytes.readBigUInt64LE(at)), type: bytes[at + 18]! });
        at += length;
      }
    }
  }

  override readlink(): string | number {
    const fd = this.fs.handles.get(this);
    if (fd < 0) return fd;
    const { native } = this.fs.kernel;
    const length = native.readlink(fd);
    return length < 0 ? length : Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
  }

  override open(flags: number, credentials: Credentials): OpenFile | number {
    if (this.type === S_IFDIR) return new DirectoryFile(this, flags);
    if (this.type === S_IFCHR) {
      const attributes = this.attributes();
      return typeof attributes === "number"
        ? attributes
        : openDevice(this.fs.kernel, attributes.rdev, flags, credentials);
    }
    if (this.type === S_IFIFO) return openFifo(this.fs.kernel, this, flags);
    if (this.type !== S_IFREG) return super.open(flags, credentials);
    if ((flags & O_ACCMODE) !== 0) return -EROFS;
    const fd = this.reopen(0);
    return fd < 0 ? fd : new GoferFile(this, fd, flags);
  }

  /** A fresh host description of a regular file or directory. */
  reopen(flags: number): number {
    const { kernel, handles } = this.fs;
    const fd = handles.get(this);
    return fd < 0 ? fd : kernel.native.reopen(kernel.descriptors.proc, fd, flags);
  }

  override getxattr(name: string): string | number {
    const { native, descriptors } = this.fs.kernel;
    const fd = this.fs.handles.get(this);
    if (fd < 0) return fd;
    const length = native.getxattr(descriptors.proc, fd, name);
    return length < 0 ? length : Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
  }

  override listxattr(): readonly string[] | number {
    const { native, descriptors } = this.fs.kernel;
    const fd = this.fs.handles.get(this);
    const length = fd < 0 ? fd : native.listxattr(descriptors.proc, fd);
    if (length < 0) return length;
    const text = Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
    return text.split("\0").filter((name) => name !== "");
  }
}
