// A file of a gofer file system: what stat tells, names, contents, links. It holds no descriptor of its own;
// open files of it do. How changes are made on the host is host_changes.ts's business.

import { ENOENT, ENOTDIR, EROFS, ESTALE, EXDEV } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_DIRECTORY } from "../../shared/abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG, S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { openDevice } from "../vfs/devices.ts";
import { DirectoryFile } from "../vfs/directory_file.ts";
import type { OpenFile } from "../vfs/file.ts";
import {
  type AttributeChanges,
  type Attributes,
  type Creation,
  type DirectoryEntry,
  Inode,
  typeOf,
} from "../vfs/inode.ts";
import type { LentInode } from "../vfs/loan.ts";
import { openFifo } from "../vfs/pipe.ts";
import { readStat } from "../vfs/stat.ts";
import { AttributeCache } from "./attribute_cache.ts";
import { readEntries } from "./directory_entries.ts";
import { GoferFile } from "./gofer_file.ts";
import type { GoferFs } from "./gofer_fs.ts";
import { fileResult, type HandleOwner } from "./handles.ts";
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
import type { FileChanges } from "./host_files.ts";
import type { HostMount } from "./host_mounts.ts";
import { type KnownOwner, withOwner } from "./owners.ts";

/** Bytes of a directory that is listed in pieces: of some two thousand names. What is shorter the host lists in a call or two. */
const LONG_DIRECTORY = 65536;

export class GoferInode extends Inode implements HandleOwner {
  override readonly fs: GoferFs;
  readonly ino: number;
  readonly type: number;
  parentOwner: GoferInode | null;
  hostName: string;
  readonly hostDev: number;
  readonly hostIno: number;
  /** The mount of the host's that it is on, where that may make its callers wait (remote_inode.ts); null: it is a local one. */
  readonly remote: HostMount | null;
  /** A mount of the host's begins here. */
  readonly crosses: boolean;
  readonly opener: HandleOwner["opener"];
  handlePlace: HandleOwner["handlePlace"] = null;
  #cache = new AttributeCache();
  /** Null: no other mount shows it. */
  readonly #changes: FileChanges | null;
  /** Of those, how many were known when the host was last asked. */
  #knownChanges = 0;
  knownOwner: KnownOwner | null = null;
  /** Host descriptors of open files: good for as long as they are open, whatever becomes of the name. */
  readonly #open: number[] = [];
  /** It was made without a name (O_TMPFILE) and has none yet. */
  nameless = false;
  #holders = 0;
  /** A handle of its own, since the name is gone. */
  #kept = -1;

  constructor(
    fs: GoferFs,
    parent: GoferInode | null,
    name: string,
    dev: number,
    ino: number,
    type: number,
    remote: HostMount | null = null,
    crosses = false,
  ) {
    super(fs);
    this.fs = fs;
    this.remote = remote;
    this.crosses = crosses;
    this.opener = remote !== null || crosses ? fs.slowHandles : null;
    this.parentOwner = parent;
    this.hostName = name;
    this.hostDev = dev;
    this.hostIno = ino;
    this.ino = ino;
    this.type = type;
    this.#changes = fs.shared ? fs.kernel.hostFiles.changes(dev, ino) : null;
    if (this.#changes !== null) this.#knownChanges = this.#changes.count;
  }

  /** Path below the file system's root, for maps. */
  get path(): string {
    return this.parentOwner === null ? "" : `${this.parentOwner.path}/${this.hostName}`;
  }

  /** A descriptor that names the file, good until a few further ones were asked for; or a negative errno. */
  handle(): number {
    return this.#open.length > 0 ? this.#open[0]! : this.fs.handles.get(this);
  }

  override hold(): void {
    this.#holders++;
  }

  override letGo(): void {
    if (--this.#holders > 0 || this.#kept < 0) return;
    this.closed(this.#kept);
    this.closeDescriptor(this.#kept);
    this.#kept = -1;
  }

  protected closeDescriptor(fd: number): void {
    this.fs.kernel.native.close(fd);
  }

  /** It is about to lose a name: who holds it goes on with the handle. 0, or NOT_AT_HAND. */
  keepHandle(): number {
    if (this.#holders === 0 || this.#kept >= 0) return 0;
    const fd = this.fs.handles.take(this);
    if (fd < 0 || this.parentOwner === null) return fd === NOT_AT_HAND ? fd : 0;
    this.#kept = fd;
    this.opened(fd);
    return 0;
  }

  /** It has a new place. */
  moved(parent: GoferInode, name: string): void {
    this.nameless = false;
    this.parentOwner = parent;
    this.hostName = name;
  }

  /** An open file's descriptor serves as handle from now on. */
  opened(fd: number): void {
    this.#open.push(fd);
  }

  closed(fd: number): void {
    this.#open.splice(this.#open.indexOf(fd), 1);
  }

  override isSame(other: Inode): boolean {
    if (!(other instanceof GoferInode)) return false;
    return this.fs === other.fs && this.hostDev === other.hostDev && this.hostIno === other.hostIno;
  }

  override get identity(): string {
    return `${this.fs.shared ? "host" : this.fs.dev}:${this.hostDev}:${this.hostIno}`;
  }

  override get isHeld(): boolean {
    return this.#holders > 0;
  }

  override attributes(): Attributes | number {
    if (this.#changes !== null) this.#heed(this.#changes);
    return this.#cache.get(this.fs.kernel.nowNs) ?? this.ask();
  }

  override believedAttributes(): Attributes | number {
    if (this.#changes !== null) this.#heed(this.#changes);
    return this.#cache.believed(this.fs.kernel.nowNs) ?? this.ask();
  }

  override get lent(): LentInode | null {
    return (this.#changes ?? this.#cache).lent;
  }

  override set lent(lent: LentInode | null) {
    (this.#changes ?? this.#cache).lent = lent;
  }

  /** What was changed through another mount is not believed any longer. */
  #heed(changes: FileChanges): void {
    if (changes.lent?.takeWritten() === true) changes.count++;
    const { count } = changes;
    if (count === this.#knownChanges) return;
    this.#knownChanges = count;
    this.#cache.forget();
  }

  // ---- What is known of it ----

  /** A descriptor of it that is open; -1: there is none. */
  get knownDescriptor(): number {
    return this.#open.length > 0 ? this.#open[0]! : this.fs.handles.known(this);
  }

  get believed(): Attributes | null {
    return this.#cache.believed(this.fs.kernel.nowNs);
  }

  protected get version(): number {
    return this.#cache.version;
  }

  get lastAttributes(): Attributes | null {
    return this.#cache.last;
  }

  /** The host has told its attributes. */
  refresh(attributes: Attributes): void {
    this.#cache.set(attributes, this.fs.kernel.nowNs);
  }

  /** ... which the call in progress has asked for. */
  learn(attributes: Attributes): void {
    this.refresh(attributes);
    this.fs.kernel.gofer.transaction?.setPin(this, attributes, this.#cache.version);
  }

  protected ask(): Attributes | number {
    const { kernel } = this.fs;
    const error = fileResult(this.#askHost());
    if (error < 0) return error;
    const told = readStat(kernel.native.scratchView, kernel.users);
    if (told.ino !== this.hostIno || told.dev !== this.hostDev) return -ESTALE;
    const attributes = withOwner(kernel, this, told);
    this.#cache.set(attributes, kernel.nowNs);
    return attributes;
  }

  // Leaves struct stat in the scratch area. By its name where that needs no handle of its own: who looks at more files
  // than there are handles would open and close one for each.
  #askHost(): number {
    const { handles, kernel } = this.fs;
    const { parentOwner } = this;
    const known = this.#open.length > 0 ? this.#open[0]! : handles.known(this);
    if (known >= 0 || parentOwner === null || this.crosses) {
      const fd = known >= 0 ? known : handles.get(this);
      return fd < 0 ? fd : kernel.native.fstat(fd);
    }
    const directory = parentOwner.handle();
    if (directory < 0) return directory;
    const error = kernel.native.statAt(directory, this.hostName);
    return error === -ENOENT || error === -ENOTDIR ? -ESTALE : error;
  }

  /** What was known of it may have changed. */
  changed(): void {
    if (this.#changes !== null) this.#changes.count++;
    this.#cache.forget();
  }

  /** It has several names: inodes that are found by them know the same of it. */
  linked(): void {
    const own = this.#cache;
    this.#cache = this.fs.linked.get(this.hostDev, this.hostIno, () => own);
    this.#cache.lent ??= own.lent;
  }

  override namesVersion(): number {
    this.attributes();
    return this.#cache.version;
  }

  override lookup(name: string): Inode | number {
    if (this.type !== S_IFDIR) return -ENOTDIR;
    const { handles, kernel } = this.fs;
    const directory = this.handle();
    if (directory < 0) return directory;
    const fd = handles.openChild(directory, name);
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
    inode.#cache.set(withOwner(kernel, inode, attributes), kernel.nowNs);
    return inode;
  }

  /** The inode of a file that has no name yet, whose descriptor is its handle. */
  adoptNameless(fd: number): GoferInode {
    const { dev, ino, mode } = readStat(this.fs.kernel.native.scratchView);
    const inode = new GoferInode(this.fs, this, `#${ino}`, dev, ino, typeOf(mode));
    inode.becomeNameless(fd);
    return inode;
  }

  becomeNameless(fd: number): void {
    this.nameless = true;
    this.#kept = fd;
    this.opened(fd);
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
    const fd = this.reopen(access);
    if (fd < 0) return fd;
    // What stat says of a file that was just opened is never old.
    this.#cache.opened();
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
