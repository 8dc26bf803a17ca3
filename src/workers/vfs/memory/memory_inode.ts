// A node of a memory file system: its own, or one that stands for a lower file and keeps what changed
// (memory_fs.ts). Directories hold their changes by name: a node, or null for a lower name that is gone.

import { EEXIST, ENODATA, ENOENT, ENOSPC, ENOTEMPTY, ERANGE } from "../../../shared/abi/errno.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from "../../../shared/abi/stat.ts";
import { readI64 } from "../../../shared/abi/struct.ts";
import type { Mapped } from "../../mem/vma.ts";
import type { Credentials } from "../../supervisor/credentials.ts";
import { openDevice } from "../devices.ts";
import { DirectoryFile } from "../directory_file.ts";
import { O_ACCMODE, type OpenFile } from "../file.ts";
import {
  type AttributeChanges,
  type Attributes,
  type Creation,
  type DirectoryEntry,
  Inode,
  type Time,
} from "../inode.ts";
import { openFifo } from "../pipe.ts";
import { FileData } from "./file_data.ts";
import { MemoryFile } from "./memory_file.ts";
import type { MemoryFs } from "./memory_fs.ts";

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** All of a node's attribute names and values together, as on ext4's usual block. */
const XATTR_BYTES_MAX = 4096;
const BLOCK = 512;
const PAGE = 4096;
const DIRECTORY_SIZE = 40;

/** What a node's own attributes are, once they differ from the lower file's. */
interface Meta {
  mode: number;
  uid: number;
  gid: number;
  rdev: number;
  nlink: number;
  atime: Time;
  mtime: Time;
  ctime: Time;
  btime: Time | null;
}

export class MemoryInode extends Inode {
  override readonly fs: MemoryFs;
  readonly ino: number;
  readonly type: number;
  /** The lower file that this node stands for; null for a node of the file system's own. */
  readonly lower: Inode | null;
  #meta: Meta | null;
  /** Contents of a regular file; null while they are the lower file's. */
  #data: FileData | null = null;
  /** Changed names of a directory. */
  readonly #names = new Map<string, MemoryInode | null>();
  #target = "";
  #xattrs: Map<string, string> | null = null;
  /** Open files, for contents that outlive the last name. */
  #opens = 0;
  #mapped: Mapped | null = null;

  constructor(
    fs: MemoryFs,
    type: number,
    ino: number,
    lower: Inode | null,
    creation: Creation | null,
    rdev = 0,
  ) {
    super(fs);
    this.fs = fs;
    this.type = type;
    this.ino = ino;
    this.lower = lower;
    this.#meta = creation === null ? null : this.#newMeta(creation, rdev);
    if (creation !== null && type === S_IFREG) this.#data = new FileData(fs.kernel, fs);
  }

  #newMeta({ mode, uid, gid }: Creation, rdev: number): Meta {
    const now = this.#now();
    return {
      mode,
      uid,
      gid,
      rdev,
      nlink: this.type === S_IFDIR ? 2 : 1,
      atime: now,
      mtime: now,
      ctime: now,
      btime: now,
    };
  }

  #now(): Time {
    const { native } = this.fs.kernel;
    native.clockGettime(0 /* CLOCK_REALTIME */);
    return { sec: readI64(native.scratchView, 0), nsec: native.scratchView.getUint32(8, true) };
  }

  // ---- Attributes ----

  override attributes(): Attributes | number {
    const meta = this.#meta;
    if (meta === null) {
      const lower = this.lower!.attributes();
      if (typeof lower === "number") return lower;
      return { ...lower, dev: this.fs.dev, ino: this.ino, ...this.#contentSize(lower) };
    }
    const size = this.#ownSize();
    if (typeof size === "number" && size < 0) return size;
    return {
      dev: this.fs.dev,
      ino: this.ino,
      mode: meta.mode,
      nlink: meta.nlink,
      uid: meta.uid,
      gid: meta.gid,
      rdev: meta.rdev,
      size,
      blksize: PAGE,
      blocks: (this.#data?.allocated ?? 0) / BLOCK,
      atime: meta.atime,
      mtime: meta.mtime,
      ctime: meta.ctime,
      btime: meta.btime,
    };
  }

  #contentSize(lower: Attributes): { size: number; blocks: number } {
    if (this.#data === null) return { size: lower.size, blocks: lower.blocks };
    return { size: this.#data.size, blocks: this.#data.allocated / BLOCK };
  }

  #ownSize(): number {
    if (this.type === S_IFDIR) return DIRECTORY_SIZE;
    if (this.type === S_IFLNK) return this.lower === null ? this.#target.length : this.#lowerSize();
    if (this.type !== S_IFREG) return 0;
    return this.#data === null ? this.#lowerSize() : this.#data.size;
  }

  #lowerSize(): number {
    const lower = this.lower!.attributes();
    return typeof lower === "number" ? lower : lower.size;
  }

  /** The node's own attributes, copied from the lower file the first time. */
  #ownMeta(): Meta | number {
    if (this.#meta !== null) return this.#meta;
    const lower = this.lower!.attributes();
    if (typeof lower === "number") return lower;
    this.fs.keep(this);
    const { mode, uid, gid, rdev, nlink, atime, mtime, ctime, btime } = lower;
    this.#meta = { mode, uid, gid, rdev, nlink, atime, mtime, ctime, btime };
    return this.#meta;
  }

  override setAttributes(changes: AttributeChanges): number {
    if (changes.size !== undefined) {
      const error = this.truncate(changes.size);
      if (error < 0) return error;
    }
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    const now = this.#now();
    if (changes.mode !== undefined) meta.mode = this.type | changes.mode;
    if (changes.uid !== undefined) meta.uid = changes.uid;
    if (changes.gid !== undefined) meta.gid = changes.gid;
    if (changes.atime !== undefined) meta.atime = changes.atime === "now" ? now : changes.atime;
    if (changes.mtime !== undefined) meta.mtime = changes.mtime === "now" ? now : changes.mtime;
    else if (changes.size !== undefined) meta.mtime = now;
    meta.ctime = now;
    return 0;
  }

  #touch(): number {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    meta.mtime = this.#now();
    meta.ctime = meta.mtime;
    return 0;
  }

  // ---- Contents ----

  override open(flags: number, credentials: Credentials): OpenFile | number {
    switch (this.type) {
      case S_IFDIR:
        return new DirectoryFile(this, flags);
      case S_IFREG: {
        if ((flags & O_ACCMODE) !== 0) {
          const lowerOnly = this.#data === null ? this.lower!.open(0, credentials) : null;
          if (typeof lowerOnly === "number") return lowerOnly;
          lowerOnly?.release();
        }
        this.#opens++;
        return new MemoryFile(this, flags, credentials);
      }
      case S_IFCHR:
      case S_IFBLK: {
        const attributes = this.attributes();
        if (typeof attributes === "number") return attributes;
        return openDevice(this.fs.kernel, attributes.rdev, flags, credentials);
      }
      case S_IFIFO:
        return openFifo(this.fs.kernel, this, flags);
      default:
        return super.open(flags, credentials);
    }
  }

  /** An open file is gone. */
  closed(): void {
    this.#opens--;
    this.#dropUnused();
  }

  /** The node's own contents, or null while they are the lower file's. */
  get data(): FileData | null {
    return this.#data;
  }

  /** The contents as the node's own: copied from the lower file the first time. */
  ownData(keepContents = true): FileData | number {
    if (this.#data !== null) return this.#data;
    const data = new FileData(this.fs.kernel, this.fs);
    if (keepContents) {
      const size = this.#lowerSize();
      if (size < 0) return size;
      const mapped = this.#mapLower();
      if (typeof mapped === "number") return mapped;
      const error = data.copyFrom(mapped.hostFd, size);
      this.fs.kernel.native.close(mapped.hostFd);
      if (error < 0) {
        data.release();
        return error;
      }
    }
    const meta = this.#ownMeta();
    if (typeof meta === "number") {
      data.release();
      return meta;
    }
    this.#data = data;
    return data;
  }

  #mapLower() {
    const file = this.lower!.open(0, this.fs.kernel.rootCredentials);
    if (typeof file === "number") return file;
    const mapped = file.map(false);
    file.release();
    return mapped;
  }

  /** What mappings of the file's own contents have in common. */
  mapped(): Mapped {
    this.#mapped ??= { id: this.fs.kernel.nextMappedId(), path: "", dev: this.fs.dev, ino: this.ino };
    return this.#mapped;
  }

  /** Contents were written. */
  written(): void {
    this.#touch();
  }

  truncate(size: number): number {
    const data = this.ownData(size > 0);
    return typeof data === "number" ? data : data.truncate(size);
  }

  // ---- Names ----

  #lowerName(name: string): Inode | number {
    if (this.lower === null) return -ENOENT;
    return this.lower.lookup(name);
  }

  override lookup(name: string): Inode | number {
    const changed = this.#names.get(name);
    if (changed !== undefined) return changed ?? -ENOENT;
    const lower = this.#lowerName(name);
    return typeof lower === "number" ? lower : this.fs.standIn(lower);
  }

  override entries(): readonly DirectoryEntry[] | number {
    const entries: DirectoryEntry[] = [];
    if (this.lower !== null) {
      const lower = this.lower.entries();
      if (typeof lower === "number") return lower;
      for (const entry of lower) if (!this.#names.has(entry.name)) entries.push(entry);
    }
    for (const [name, node] of this.#names)
      if (node !== null) entries.push({ name, ino: node.ino, type: node.type >>> 12 });
    return entries;
  }

  #add(name: string, node: MemoryInode): number {
    const error = this.#touch();
    if (error < 0) return error;
    this.#names.set(name, node);
    return 0;
  }

  #remove(name: string): number {
    const error = this.#touch();
    if (error < 0) return error;
    const below = this.#lowerName(name);
    if (typeof below === "number") this.#names.delete(name);
    else this.#names.set(name, null);
    return 0;
  }

  #make(name: string, creation: Creation, rdev = 0): MemoryInode | number {
    const full = this.fs.takeNode();
    if (full < 0) return full;
    const type = creation.mode & 0o170000;
    const node = new MemoryInode(this.fs, type, this.fs.nextIno(), null, creation, rdev);
    const error = this.#add(name, node);
    if (error < 0) {
      this.fs.giveNode();
      return error;
    }
    if (type === S_IFDIR) this.#meta!.nlink++;
    return node;
  }

  override create(name: string, creation: Creation): Inode | number {
    return this.#make(name, creation);
  }

  override mkdir(name: string, creation: Creation): Inode | number {
    return this.#make(name, creation);
  }

  override mknod(name: string, creation: Creation, rdev: number): Inode | number {
    return this.#make(name, creation, rdev);
  }

  override symlink(name: string, target: string, creation: Creation): Inode | number {
    const node = this.#make(name, creation);
    if (typeof node !== "number") node.#target = target;
    return node;
  }

  override tmpfile(creation: Creation): Inode | number {
    const full = this.fs.takeNode();
    if (full < 0) return full;
    const node = new MemoryInode(this.fs, S_IFREG, this.fs.nextIno(), null, creation);
    node.#meta!.nlink = 0;
    return node;
  }

  override link(name: string, target: Inode): number {
    const node = target as MemoryInode;
    const meta = node.#ownMeta();
    if (typeof meta === "number") return meta;
    const error = this.#add(name, node);
    if (error < 0) return error;
    meta.nlink++;
    meta.ctime = this.#now();
    return 0;
  }

  override unlink(name: string, child: Inode): number {
    const error = this.#remove(name);
    if (error < 0) return error;
    (child as MemoryInode).#unlinked();
    return 0;
  }

  override rmdir(name: string, child: Inode): number {
    const entries = (child as MemoryInode).entries();
    if (typeof entries === "number") return entries;
    if (entries.length > 0) return -ENOTEMPTY;
    const error = this.#remove(name);
    if (error < 0) return error;
    this.#meta!.nlink--;
    (child as MemoryInode).#unlinked();
    return 0;
  }

  #unlinked(): void {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return;
    meta.nlink = this.type === S_IFDIR ? 0 : meta.nlink - 1;
    meta.ctime = this.#now();
    if (meta.nlink === 0 && this.lower === null) this.fs.giveNode();
    this.#dropUnused();
  }

  #dropUnused(): void {
    if (this.#meta?.nlink === 0 && this.#opens === 0) this.#data?.release();
  }

  override rename(
    name: string,
    child: Inode,
    newParent: Inode,
    newName: string,
    replaced: Inode | null,
    exchange: boolean,
  ): number {
    const node = child as MemoryInode;
    const to = newParent as MemoryInode;
    const there = replaced as MemoryInode | null;
    if (!exchange && there?.type === S_IFDIR) {
      const entries = there.entries();
      if (typeof entries === "number") return entries;
      if (entries.length > 0) return -ENOTEMPTY;
    }
    const meta = node.#ownMeta();
    if (typeof meta === "number") return meta;
    const error = exchange ? this.#add(name, there!) : this.#remove(name);
    if (error < 0) return error;
    to.#add(newName, node);
    meta.ctime = this.#now();
    // A directory's ".." counts in its parent.
    if (node.type === S_IFDIR && to !== this) {
      this.#meta!.nlink--;
      to.#meta!.nlink++;
    }
    if (there === null) return 0;
    if (!exchange) {
      if (there.type === S_IFDIR) to.#meta!.nlink--;
      there.#unlinked();
    } else if (there.type === S_IFDIR && to !== this) {
      this.#meta!.nlink++;
      to.#meta!.nlink--;
    }
    return 0;
  }

  override readlink(): string | number {
    if (this.type !== S_IFLNK) return super.readlink();
    return this.lower === null ? this.#target : this.lower.readlink();
  }

  // ---- Extended attributes ----

  #ownXattrs(): Map<string, string> | number {
    if (this.#xattrs !== null) return this.#xattrs;
    const own = new Map<string, string>();
    const names = this.lower?.listxattr() ?? [];
    if (typeof names === "number") return names;
    for (const name of names) {
      const value = this.lower!.getxattr(name);
      if (typeof value === "string") own.set(name, value);
    }
    return own;
  }

  override getxattr(name: string): string | number {
    if (this.#xattrs === null && this.lower !== null) return this.lower.getxattr(name);
    return this.#xattrs?.get(name) ?? -ENODATA;
  }

  override listxattr(): readonly string[] | number {
    if (this.#xattrs === null && this.lower !== null) return this.lower.listxattr();
    return [...(this.#xattrs?.keys() ?? [])];
  }

  override setxattr(name: string, value: string, flags: number): number {
    const own = this.#ownXattrs();
    if (typeof own === "number") return own;
    if ((flags & XATTR_CREATE) !== 0 && own.has(name)) return -EEXIST;
    if ((flags & XATTR_REPLACE) !== 0 && !own.has(name)) return -ENODATA;
    let bytes = name.length + value.length;
    for (const [other, text] of own) if (other !== name) bytes += other.length + text.length;
    if (bytes > XATTR_BYTES_MAX) return value.length > XATTR_BYTES_MAX ? -ERANGE : -ENOSPC;
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    own.set(name, value);
    this.#xattrs = own;
    meta.ctime = this.#now();
    return 0;
  }

  override removexattr(name: string): number {
    const own = this.#ownXattrs();
    if (typeof own === "number") return own;
    if (!own.has(name)) return -ENODATA;
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    own.delete(name);
    this.#xattrs = own;
    meta.ctime = this.#now();
    return 0;
  }
}
