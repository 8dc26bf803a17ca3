// What is known of a file of a gofer file system: its place on the host, the descriptors that name it, and what the host has
// told of it. It holds no descriptor of its own; open files of it do.

import { ENOENT, ENOTDIR, ESTALE } from "../../shared/abi/errno.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { type Attributes, Inode } from "../vfs/inode.ts";
import type { LentInode } from "../vfs/loan.ts";
import { readStat } from "../vfs/stat.ts";
import { AttributeCache } from "./attribute_cache.ts";
import type { GoferFs } from "./gofer_fs.ts";
import { fileResult, type HandleOwner } from "./handles.ts";
import type { FileChanges } from "./host_files.ts";
import type { HostMount } from "./host_mounts.ts";
import type { Idle } from "./idle_files.ts";
import { type KnownOwner, withOwner } from "./owners.ts";

export abstract class GoferNode extends Inode implements HandleOwner {
  override readonly fs: GoferFs;
  readonly ino: number;
  readonly type: number;
  parentOwner: GoferNode | null;
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
  /** Of changes by this name; those of others are in #changes. */
  #changeCount = 0;
  /** A descriptor for reading that was left (idle_files.ts). */
  idle: Idle | null = null;
  /** A handle of its own, since the name is gone. */
  #kept = -1;

  constructor(
    fs: GoferFs,
    parent: GoferNode | null,
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

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  get hasLostName(): boolean {
    return this.#kept >= 0;
  }

  /** It has no name yet: this is its handle. */
  becomeNameless(fd: number): void {
    this.nameless = true;
    this.#kept = fd;
    this.opened(fd);
  }

  /** It has a new place. */
  moved(parent: GoferNode, name: string): void {
    this.nameless = false;
    this.parentOwner = parent;
    this.hostName = name;
  }

  get changeCount(): number {
    return this.#changeCount + (this.#changes?.count ?? 0);
  }

  /** The host may show another file by its name from now on: its overlay does with the first that is opened for writing. */
  mayDiffer(): void {
    this.fs.kernel.gofer.idle.drop(this);
    this.#changeCount++;
    if (this.#changes !== null) this.#changes.count++;
  }

  /** An open file's descriptor serves as handle from now on. */
  opened(fd: number): void {
    this.#open.push(fd);
  }

  closed(fd: number): void {
    this.#open.splice(this.#open.indexOf(fd), 1);
  }

  override isSame(other: Inode): boolean {
    if (!(other instanceof GoferNode)) return false;
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

  override noteMoved(): void {
    if (this.lent?.takeWritten() === true) this.changed();
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
    kernel.gofer.slow.begin();
    const error = fileResult(this.#askHost());
    kernel.gofer.slow.heed(this.hostDev);
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

  /** An open file of it was made: what stat says of a file that was just opened is never old. */
  protected wasOpened(): void {
    this.#cache.opened();
  }

  /** What was known of it may have changed. */
  changed(): void {
    this.mayDiffer();
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
    return this.fs.kernel.gofer.pinnedVersion(this) ?? this.#cache.version;
  }

  /** For the call in progress, which has asked for some of its names, they stay those of now. */
  pinNames(): void {
    const { transaction } = this.fs.kernel.gofer;
    const { last, version } = this.#cache;
    if (transaction !== null && last !== null && transaction.pin(this) === undefined)
      transaction.setPin(this, last, version);
  }
}
