// A node of a memory file system: its own, or one that stands for a lower file and keeps what changed
// (memory_fs.ts). Whatever can fail comes before the first change, so that a call is done or not begun.

import { ENOENT, ENOTEMPTY } from "../../../shared/abi/errno.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from "../../../shared/abi/stat.ts";
import type { Mapped } from "../../mem/vma.ts";
import type { Credentials } from "../../supervisor/credentials.ts";
import type { Task } from "../../supervisor/task.ts";
import { isStale, keepsAccessTimes } from "../access_time.ts";
import { now } from "../clock.ts";
import { openDevice } from "../devices.ts";
import { DirectoryFile } from "../directory_file.ts";
import type { OpenFile } from "../file.ts";
import {
  type AttributeChanges,
  type Attributes,
  type Creation,
  type DirectoryEntry,
  Inode,
  type Time,
  typeOf,
} from "../inode.ts";
import type { Path } from "../path.ts";
import { withoutPrivileges } from "../permission.ts";
import { openFifo } from "../pipe.ts";
import { CopyUp } from "./copy_up.ts";
import { FileData } from "./file_data.ts";
import { MemoryFile } from "./memory_file.ts";
import type { MemoryFs } from "./memory_fs.ts";
import { NameChanges } from "./name_changes.ts";
import { Xattrs } from "./xattrs.ts";

const CAPABILITY_XATTR = "security.capability";
const BLOCK = 512;
const PAGE = 4096;
/** What tmpfs shows as the size of a directory: so much for each entry, "." and ".." among them. */
const ENTRY_SIZE = 20;

/** What a node's own attributes are, once they differ from the lower file's. */
interface Meta {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  atime: Time;
  mtime: Time;
  ctime: Time;
  btime: Time | null;
}

export class MemoryInode extends Inode {
  override readonly fs: MemoryFs;
  readonly dev: number;
  readonly ino: number;
  readonly type: number;
  /** The lower file that this node stands for; null for a node of the file system's own. */
  readonly lower: Inode | null;
  /** Under which the file system knows it. */
  lowerKey = "";
  #rdev = 0;
  #meta: Meta | null;
  /** Contents of a regular file; null while they are the lower file's. */
  #data: FileData | null = null;
  /** Of a directory, once it has changes. */
  #names: NameChanges | null = null;
  #target = "";
  #xattrs: Xattrs | null = null;
  /** Open files and other holders: what has no name any more goes with the last of them. */
  #holders = 0;
  /** A file without a name that may get one (O_TMPFILE). */
  #linkable = false;
  /** What was last shown of a node without changes, and what of the lower file it shows. */
  #shown: Attributes | null = null;
  #lowerSeen: Attributes | null = null;
  #mapped: Mapped | null = null;
  #mappedLower: Mapped | null = null;

  constructor(
    fs: MemoryFs,
    type: number,
    dev: number,
    ino: number,
    lower: Inode | null,
    creation: Creation | null,
  ) {
    super(fs);
    this.fs = fs;
    this.type = type;
    this.dev = dev;
    this.ino = ino;
    this.lower = lower;
    this.#meta = creation === null ? null : this.#newMeta(creation);
    if (creation !== null && type === S_IFREG) this.#data = new FileData(fs.kernel, fs);
  }

  #newMeta({ mode, uid, gid }: Creation): Meta {
    const time = this.#now();
    const nlink = this.type === S_IFDIR ? 2 : 1;
    return { mode, uid, gid, nlink, atime: time, mtime: time, ctime: time, btime: time };
  }

  #now(): Time {
    return now(this.fs.kernel.native);
  }

  override isSame(other: Inode): boolean {
    return this === other;
  }

  // ---- Attributes ----

  override attributes(): Attributes | number {
    const lower = this.lower === null || this.#isWhole ? null : this.lower.attributes();
    if (typeof lower === "number") return lower;
    if (lower === null || this.#meta !== null || this.#data !== null) return this.#attributesOver(lower);
    // The lower file system says the same, as the same object, until it has looked again.
    if (lower !== this.#lowerSeen) {
      this.#lowerSeen = lower;
      this.#shown = this.#attributesOver(lower);
    }
    return this.#shown!;
  }

  #attributesOver(lower: Attributes | null): Attributes {
    const meta = this.#meta ?? lower!;
    return {
      dev: this.dev,
      ino: this.ino,
      mode: meta.mode,
      nlink: meta.nlink,
      uid: meta.uid,
      gid: meta.gid,
      rdev: lower === null ? this.#rdev : lower.rdev,
      size: this.#data !== null || lower === null ? this.#ownSize() : lower.size,
      blksize: PAGE,
      blocks: this.#data !== null ? this.#data.allocated / BLOCK : (lower?.blocks ?? 0),
      atime: meta.atime,
      mtime: meta.mtime,
      ctime: meta.ctime,
      btime: meta.btime,
    };
  }

  // Nothing of what stat tells comes from the lower file any more.
  get #isWhole(): boolean {
    return this.#meta !== null && this.#data !== null;
  }

  #ownSize(): number {
    if (this.type === S_IFREG) return this.#data!.size;
    if (this.type === S_IFDIR) return ENTRY_SIZE * (2 + (this.#names?.size ?? 0));
    return this.#target.length;
  }

  /** The node's own attributes, copied from the lower file the first time. */
  #ownMeta(): Meta | number {
    if (this.#meta !== null) return this.#meta;
    const lower = this.lower!.attributes();
    if (typeof lower === "number") return lower;
    const full = this.fs.keep(this);
    if (full < 0) return full;
    const { mode, uid, gid, nlink, atime, mtime, ctime, btime } = lower;
    this.#meta = { mode, uid, gid, nlink, atime, mtime, ctime, btime };
    return this.#meta;
  }

  override setAttributes(changes: AttributeChanges): number {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    if (changes.size !== undefined) {
      const error = this.#truncate(changes.size);
      if (error < 0) return error;
    }
    const time = this.#now();
    if (changes.mode !== undefined) meta.mode = this.type | changes.mode;
    if (changes.uid !== undefined) meta.uid = changes.uid;
    if (changes.gid !== undefined) meta.gid = changes.gid;
    if (changes.atime !== undefined) meta.atime = changes.atime === "now" ? time : changes.atime;
    if (changes.mtime !== undefined) meta.mtime = changes.mtime === "now" ? time : changes.mtime;
    else if (changes.size !== undefined) meta.mtime = time;
    meta.ctime = time;
    return 0;
  }

  // ---- Contents ----

  override open(flags: number, credentials: Credentials): OpenFile | number {
    switch (this.type) {
      case S_IFDIR:
        return new DirectoryFile(this, flags);
      case S_IFREG: {
        const file = new MemoryFile(this, flags);
        const error = file.begin();
        return error < 0 ? error : file;
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

  /** The node's own contents, or null while they are the lower file's. */
  get data(): FileData | null {
    return this.#data;
  }

  /** The contents as the node's own: copied from the lower file the first time. */
  ownData(): FileData | number {
    if (this.#data !== null) return this.#data;
    const copy = this.beginCopy();
    if (typeof copy === "number") return copy;
    let error = 1;
    while (error > 0) error = copy.round();
    return error < 0 ? error : this.#data!;
  }

  /** Begins to copy the lower file's contents, which become the node's own at the end; or a negative errno. */
  beginCopy(): CopyUp | number {
    const error = this.#dropCapability();
    if (error < 0) return error;
    const size = this.#lowerSize();
    if (size < 0) return size;
    const { kernel } = this.fs;
    const file = this.lower!.open(0, kernel.rootCredentials);
    if (typeof file === "number") return file;
    const source = file.map(false);
    file.release();
    if (typeof source === "number") return source;
    return new CopyUp(new FileData(kernel, this.fs), kernel.native, source.hostFd, size, (data) => {
      if (this.#data === null) this.#data = data;
      else data.release(); // somebody else was faster
    });
  }

  // The lower file's privileges are not those of what is about to be written.
  #dropCapability(): number {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    if (typeof this.getxattr(CAPABILITY_XATTR) === "number") return 0;
    const own = this.#ownXattrs();
    return typeof own === "number" ? own : own.remove(CAPABILITY_XATTR);
  }

  #lowerSize(): number {
    const lower = this.lower!.attributes();
    return typeof lower === "number" ? lower : lower.size;
  }

  /** What mappings of the file's own contents, or of the lower file's, have in common. */
  mapped(path: string): Mapped {
    const kind = this.#data === null ? this.#mappedLower : this.#mapped;
    if (kind !== null) return kind;
    const made = { id: this.fs.kernel.nextMappedId(), path, dev: this.dev, ino: this.ino };
    if (this.#data === null) this.#mappedLower = made;
    else this.#mapped = made;
    return made;
  }

  /** Contents were written: the times tell, and a program's privileges do not survive it. */
  written(task: Task): void {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return;
    meta.mtime = this.#now();
    meta.ctime = meta.mtime;
    meta.mode = withoutPrivileges(task, meta.mode);
    if (this.#xattrs !== null) this.#xattrs.remove(CAPABILITY_XATTR);
  }

  // Files that are only read stay the lower file system's.
  override accessed(flags: number, path: Path | null): void {
    const meta = this.#meta;
    if (meta === null || !keepsAccessTimes(flags, path)) return;
    const time = this.#now();
    if (isStale(meta.atime, meta.mtime, meta.ctime, time)) meta.atime = time;
  }

  #truncate(size: number): number {
    if (size === 0 && this.#data === null) {
      const error = this.#dropCapability();
      if (error < 0) return error;
      this.#data = new FileData(this.fs.kernel, this.fs);
      return 0;
    }
    const data = this.ownData();
    return typeof data === "number" ? data : data.truncate(size);
  }

  // ---- Holders ----

  override hold(): void {
    this.#holders++;
  }

  override letGo(): void {
    this.#holders--;
    this.#freeUnused();
  }

  #freeUnused(): void {
    const meta = this.#meta;
    if (meta === null || meta.nlink > 0 || this.#holders > 0) return;
    this.#data?.release();
    this.#xattrs?.release();
    this.fs.giveNode();
    // What is freed twice would be given back twice.
    meta.nlink = 1;
    this.#holders = Number.POSITIVE_INFINITY;
  }

  // ---- Names ----

  override namesVersion(): number {
    return this.lower === null ? 0 : this.lower.namesVersion();
  }

  override lookup(name: string): Inode | number {
    const own = this.#names?.get(name);
    if (own !== undefined) return own;
    if (this.lower === null || this.#names?.showsLower(name) === false) return -ENOENT;
    const lower = this.lower.lookup(name);
    return typeof lower === "number" ? lower : this.fs.standIn(lower);
  }

  override entries(): readonly DirectoryEntry[] | number {
    const lower = this.lower === null ? [] : this.lower.entries();
    const names = this.#names;
    if (names === null || typeof lower === "number") return lower;
    const entries = lower.filter((entry) => names.showsLower(entry.name));
    for (const [name, node] of names.own()) entries.push({ name, ino: node.ino, type: node.type >>> 12 });
    return entries;
  }

  get #isEmpty(): boolean | number {
    if (this.lower === null) return (this.#names?.size ?? 0) === 0;
    const entries = this.entries();
    return typeof entries === "number" ? entries : entries.length === 0;
  }

  /** The names, to be changed; with the directory's own attributes there. */
  #changing(): NameChanges | number {
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    this.#names ??= new NameChanges();
    return this.#names;
  }

  #namesChanged(links = 0): void {
    const meta = this.#meta!;
    meta.mtime = this.#now();
    meta.ctime = meta.mtime;
    // A lower directory of a file system that does not count its subdirectories always shows 1.
    if (meta.nlink > 1) meta.nlink += links;
  }

  #make(name: string, creation: Creation, rdev = 0): MemoryInode | number {
    const names = this.#changing();
    if (typeof names === "number") return names;
    const node = this.#newNode(creation);
    if (typeof node === "number") return node;
    node.#rdev = rdev;
    names.set(name, node, false);
    this.#namesChanged(node.type === S_IFDIR ? 1 : 0);
    return node;
  }

  #newNode(creation: Creation): MemoryInode | number {
    const full = this.fs.takeNode();
    if (full < 0) return full;
    return new MemoryInode(this.fs, typeOf(creation.mode), this.dev, this.fs.nextIno(), null, creation);
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

  override tmpfile(creation: Creation, linkable: boolean): Inode | number {
    const node = this.#newNode(creation);
    if (typeof node === "number") return node;
    node.#meta!.nlink = 0;
    node.#linkable = linkable;
    return node;
  }

  override link(name: string, target: Inode): number {
    const node = target as MemoryInode;
    const meta = node.#ownMeta();
    if (typeof meta === "number") return meta;
    if (meta.nlink === 0 && !node.#linkable) return -ENOENT;
    const names = this.#changing();
    if (typeof names === "number") return names;
    names.set(name, node, false);
    this.#namesChanged();
    node.#linkable = false;
    meta.nlink++;
    meta.ctime = this.#now();
    return 0;
  }

  override unlink(name: string, child: Inode): number {
    const node = child as MemoryInode;
    const meta = node.#ownMeta();
    const names = this.#changing();
    if (typeof meta === "number") return meta;
    if (typeof names === "number") return names;
    names.remove(name);
    this.#namesChanged();
    node.#unlinked();
    return 0;
  }

  override rmdir(name: string, child: Inode): number {
    const node = child as MemoryInode;
    const empty = node.#isEmpty;
    if (empty !== true) return empty === false ? -ENOTEMPTY : empty;
    const meta = node.#ownMeta();
    const names = this.#changing();
    if (typeof meta === "number") return meta;
    if (typeof names === "number") return names;
    names.remove(name);
    this.#namesChanged(-1);
    node.#unlinked();
    return 0;
  }

  /** One name less; its own attributes are there. */
  #unlinked(): void {
    const meta = this.#meta!;
    meta.nlink = this.type === S_IFDIR ? 0 : meta.nlink - 1;
    meta.ctime = this.#now();
    if (meta.nlink === 0 && this.lower !== null) this.fs.forget(this);
    this.#freeUnused();
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
    const empty = !exchange && there?.type === S_IFDIR ? there.#isEmpty : true;
    if (empty !== true) return empty === false ? -ENOTEMPTY : empty;
    const meta = node.#ownMeta();
    if (typeof meta === "number") return meta;
    const error = there === null ? 0 : there.#ownMeta();
    if (typeof error === "number" && error < 0) return error;
    const source = this.#changing();
    if (typeof source === "number") return source;
    const target = to.#changing();
    if (typeof target === "number") return target;
    if (exchange) source.set(name, there!, source.showsLower(name));
    else source.remove(name);
    target.set(newName, node, there !== null && target.showsLower(newName));
    const leaves = node.type === S_IFDIR ? 1 : 0;
    const goes = there?.type === S_IFDIR ? 1 : 0;
    this.#namesChanged(exchange ? goes - leaves : -leaves);
    to.#namesChanged(leaves - goes);
    meta.ctime = this.#now();
    if (there !== null && !exchange) there.#unlinked();
    return 0;
  }

  override readlink(): string | number {
    if (this.type !== S_IFLNK) return super.readlink();
    return this.lower === null ? this.#target : this.lower.readlink();
  }

  // ---- Extended attributes ----

  /** The node's own attributes, copied from the lower file the first time. */
  #ownXattrs(): Xattrs | number {
    if (this.#xattrs !== null) return this.#xattrs;
    const meta = this.#ownMeta();
    if (typeof meta === "number") return meta;
    const own = new Xattrs(this.fs);
    const names = this.lower?.listxattr() ?? [];
    if (typeof names === "number") return names;
    for (const name of names) {
      const value = this.lower!.getxattr(name);
      if (typeof value !== "string") continue;
      const error = own.set(name, value, 0);
      if (error < 0) {
        own.release();
        return error;
      }
    }
    this.#xattrs = own;
    return own;
  }

  override getxattr(name: string): string | number {
    if (this.#xattrs === null && this.lower !== null) return this.lower.getxattr(name);
    return (this.#xattrs ?? new Xattrs(this.fs)).get(name);
  }

  override listxattr(): readonly string[] | number {
    if (this.#xattrs === null && this.lower !== null) return this.lower.listxattr();
    return this.#xattrs?.names() ?? [];
  }

  override setxattr(name: string, value: string, flags: number): number {
    const own = this.#ownXattrs();
    const error = typeof own === "number" ? own : own.set(name, value, flags);
    if (error === 0) this.#meta!.ctime = this.#now();
    return error;
  }

  override removexattr(name: string): number {
    const own = this.#ownXattrs();
    const error = typeof own === "number" ? own : own.remove(name);
    if (error === 0) this.#meta!.ctime = this.#now();
    return error;
  }
}
