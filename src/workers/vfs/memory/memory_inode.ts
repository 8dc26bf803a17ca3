// A node of a memory file system: its own, or one that stands for a lower file and keeps what changed
// (memory_fs.ts). Here is what all nodes have, and all there is of symlinks, devices, FIFOs and sockets;
// memory_regular.ts and memory_directory.ts add contents and names. Whatever can fail comes before the first
// change, so that a call is done or not begun.

import {
  FS_NOATIME_FL,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
} from "../../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../../call/asked.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { PAGE_SIZE } from "../../mem/vma.ts";
import { isStale, keepsAccessTimes } from "../access_time.ts";
import { ACL_ACCESS, ACL_DEFAULT, withMode } from "../acl.ts";
import { isBefore, now } from "../clock.ts";
import { openDevice } from "../devices.ts";
import type { OpenFile } from "../file.ts";
import { type AttributeChanges, type Attributes, type Creation, Inode, type Time } from "../inode.ts";
import type { Path } from "../path.ts";
import { openFifo } from "../pipe.ts";
import type { LinkTarget } from "./link_target.ts";
import type { MemoryFs } from "./memory_fs.ts";
import { Xattrs } from "./xattrs.ts";

/** What a node's own attributes are, once they differ from the lower file's. */
export interface Meta {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  atime: Time;
  mtime: Time;
  ctime: Time;
  btime: Time | null;
}

/** Which node: its place in the file system, and what it begins as. */
export interface NodeInit {
  readonly fs: MemoryFs;
  /** S_IF* */
  readonly type: number;
  readonly dev: number;
  readonly ino: number;
  /** The lower file that it stands for, or null for a node of the file system's own. */
  readonly lower: Inode | null;
  /** Of a node of the file system's own. */
  readonly creation: Creation | null;
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
  rdev = 0;
  /** Of a symlink of the file system's own. */
  linkTarget: LinkTarget | null = null;
  /** A file without a name that may get one (O_TMPFILE). */
  linkable = false;
  #meta: Meta | null;
  #xattrs: Xattrs | null = null;
  /** Open files and other holders: what has no name any more goes with the last of them. */
  #holders = 0;
  #freed = false;
  /** FS_*_FL */
  #fileFlags = 0;
  /** The access list among the extended attributes. */
  #acl: Buffer | null = null;
  /** What was last shown, and what of the lower file it shows where the node has no changes. */
  #shown: Attributes | null = null;
  #lowerSeen: Attributes | null = null;

  constructor({ fs, type, dev, ino, lower, creation }: NodeInit) {
    super(fs);
    this.fs = fs;
    this.type = type;
    this.dev = dev;
    this.ino = ino;
    this.lower = lower;
    this.#meta = creation === null ? null : this.#newMeta(creation);
    if (creation?.acl !== undefined) this.#inherit(ACL_ACCESS, creation.acl);
    if (creation?.defaultAcl !== undefined) this.#inherit(ACL_DEFAULT, creation.defaultAcl);
  }

  // Where there is no room for a list, nobody gets what it would have limited.
  #inherit(name: string, acl: Buffer): void {
    this.#xattrs ??= new Xattrs(this.fs);
    if (this.#xattrs.set(name, acl.toString("latin1"), 0) < 0) this.#meta!.mode &= ~0o077;
    this.#acl = this.#xattrs.raw(ACL_ACCESS);
  }

  #newMeta({ mode, uid, gid }: Creation): Meta {
    const time = this.now();
    const nlink = this.type === S_IFDIR ? 2 : 1;
    return { mode, uid, gid, nlink, atime: time, mtime: time, ctime: time, btime: time };
  }

  protected now(): Time {
    return now(this.fs.kernel.native);
  }

  override isSame(other: Inode): boolean {
    return this === other;
  }

  override get isSlow(): boolean {
    return this.lower?.isSlow === true;
  }

  override get identity(): object {
    return this;
  }

  // ---- Attributes ----

  /** The node's own attributes, or null while they are the lower file's. */
  get meta(): Meta | null {
    return this.#meta;
  }

  /** The node's own attributes, copied from the lower file the first time; or a negative errno. */
  ownMeta(): Meta | number {
    if (this.#meta !== null) return this.#meta;
    const lower = this.lower!.attributes();
    if (typeof lower === "number") return lower;
    const full = this.fs.keep(this);
    if (full < 0) return full;
    const { mode, uid, gid, nlink, atime, mtime, ctime, btime } = lower;
    this.#meta = { mode, uid, gid, nlink, atime, mtime, ctime, btime };
    return this.#meta;
  }

  /** Size where it is the node's own; -1 while it is the lower file's. */
  protected ownSize(): number {
    return this.lower === null ? (this.linkTarget?.length ?? 0) : -1;
  }

  /** 512-byte blocks, where the size is the node's own. */
  protected ownBlocks(): number {
    return 0;
  }

  override attributes(): Attributes | number {
    const size = this.ownSize();
    const meta = this.#meta;
    if (meta !== null && size >= 0) return this.#show(meta, size, this.ownBlocks(), this.rdev);
    const lower = this.lower!.attributes();
    if (typeof lower === "number") return lower;
    if (size >= 0) return this.#show(meta ?? lower, size, this.ownBlocks(), lower.rdev);
    if (meta !== null) return this.#show(meta, lower.size, lower.blocks, lower.rdev);
    // The lower file system says the same, as the same object, until it has looked again.
    if (lower !== this.#lowerSeen) {
      this.#lowerSeen = lower;
      this.#shown = this.#make(lower, lower.size, lower.blocks, lower.rdev);
    }
    return this.#shown!;
  }

  override believedAttributes(): Attributes | number {
    const lower = this.#meta === null && this.#shown !== null ? this.lower : null;
    if (lower === null || lower.believedAttributes() !== this.#lowerSeen) return this.attributes();
    return this.#shown!;
  }

  // Callers keep what they were shown while they change the file: what has changed since is a new object.
  #show(meta: Meta, size: number, blocks: number, rdev: number): Attributes {
    const shown = this.#shown;
    if (
      shown !== null &&
      shown.size === size &&
      shown.blocks === blocks &&
      shown.mode === meta.mode &&
      shown.uid === meta.uid &&
      shown.gid === meta.gid &&
      shown.nlink === meta.nlink &&
      shown.atime === meta.atime &&
      shown.mtime === meta.mtime &&
      shown.ctime === meta.ctime &&
      shown.btime === meta.btime &&
      shown.rdev === rdev &&
      shown.acl === this.#acl
    )
      return shown;
    const made = this.#make(meta, size, blocks, rdev);
    this.#shown = made;
    this.#lowerSeen = null;
    return made;
  }

  #make(meta: Meta, size: number, blocks: number, rdev: number): Attributes {
    const { mode, nlink, uid, gid, atime, mtime, ctime, btime } = meta;
    const { dev, ino } = this;
    return {
      dev,
      ino,
      mode,
      nlink,
      uid,
      gid,
      rdev,
      size,
      blksize: PAGE_SIZE,
      blocks,
      atime,
      mtime,
      ctime,
      btime,
      acl: this.#acl,
    };
  }

  override setAttributes(changes: AttributeChanges): number {
    const meta = this.ownMeta();
    if (typeof meta === "number") return meta;
    if (changes.size !== undefined) {
      const error = this.truncate(changes.size);
      if (error < 0) return error;
    }
    const time = this.now();
    if (changes.mode !== undefined) {
      meta.mode = this.type | changes.mode;
      if (this.#acl !== null) withMode(this.#acl, changes.mode).copy(this.#acl);
    }
    if (changes.uid !== undefined) meta.uid = changes.uid;
    if (changes.gid !== undefined) meta.gid = changes.gid;
    if (changes.atime !== undefined) meta.atime = changes.atime === "now" ? time : changes.atime;
    if (changes.mtime !== undefined) meta.mtime = changes.mtime === "now" ? time : changes.mtime;
    else if (changes.size !== undefined) meta.mtime = time;
    meta.ctime = time;
    return 0;
  }

  override fileFlags(): number {
    return this.type === S_IFREG || this.type === S_IFDIR ? this.#fileFlags : super.fileFlags();
  }

  override setFileFlags(flags: number): number {
    const meta = this.ownMeta();
    if (typeof meta === "number") return meta;
    this.#fileFlags = flags;
    meta.ctime = this.now();
    return 0;
  }

  protected truncate(_size: number): number {
    return 0;
  }

  // Files that are only read stay the lower file system's.
  override accessed(flags: number, path: Path | null): void {
    const meta = this.#meta;
    if (meta === null || !keepsAccessTimes(flags, path)) return;
    if ((this.#fileFlags & FS_NOATIME_FL) !== 0) return;
    if (isStale(meta.atime, meta.mtime, meta.ctime)) meta.atime = this.now();
  }

  /** It was read, at that time in milliseconds since 1970. */
  protected accessedAt(timeMs: number): void {
    const meta = this.#meta;
    if (meta === null || (this.#fileFlags & FS_NOATIME_FL) !== 0) return;
    const sec = Math.floor(timeMs / 1000);
    const time = { sec, nsec: Math.floor((timeMs - sec * 1000) * 1e6) };
    const { atime, mtime, ctime } = meta;
    const isLater = isBefore(atime, time) && !isBefore(time, mtime) && !isBefore(time, ctime);
    if (isLater && isStale(atime, mtime, ctime)) meta.atime = time;
  }

  override open(flags: number, credentials: Credentials): OpenFile | number {
    if (this.type === S_IFIFO) return openFifo(this.fs.kernel, this, flags, credentials);
    if (this.type !== S_IFCHR && this.type !== S_IFBLK) return super.open(flags, credentials);
    const attributes = this.attributes();
    if (typeof attributes === "number") return attributes;
    return openDevice(this.fs.kernel, attributes.rdev, flags, credentials);
  }

  override readlink(): string | number {
    if (this.type !== S_IFLNK) return super.readlink();
    return this.lower === null ? (this.linkTarget?.text ?? "") : this.lower.readlink();
  }

  // ---- Holders ----

  override hold(): void {
    this.#holders++;
  }

  override letGo(): void {
    this.#holders--;
    this.#freeUnused();
  }

  override get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** One name less; its own attributes are there. */
  unlinked(): void {
    const meta = this.#meta!;
    meta.nlink = this.type === S_IFDIR ? 0 : meta.nlink - 1;
    meta.ctime = this.now();
    if (meta.nlink === 0 && this.lower !== null) this.fs.forget(this);
    this.#freeUnused();
  }

  /** Nobody can reach it any more, by whatever name; with changes, which are given back. */
  dissolved(): void {
    if (this.#meta === null) return;
    this.#meta.nlink = 0;
    if (this.lower !== null) this.fs.forget(this);
    this.#freeUnused();
  }

  #freeUnused(): void {
    if (this.#meta === null || this.#meta.nlink > 0 || this.#holders > 0 || this.#freed) return;
    this.#freed = true;
    this.#xattrs?.release();
    this.linkTarget?.release();
    this.freeContents();
    this.fs.giveNode();
  }

  protected freeContents(): void {}

  // ---- Access control lists ----

  override get defaultAcl(): Buffer | null {
    return this.#xattrs?.raw(ACL_DEFAULT) ?? null;
  }

  override setAcl(name: string, acl: Buffer | null, mode: number | null): number {
    const own = this.#ownXattrs();
    if (typeof own === "number") return own;
    const error = acl === null ? own.remove(name) : own.set(name, acl.toString("latin1"), 0);
    // What is not there need not go.
    if (error < 0 && acl !== null) return error;
    const meta = this.#meta!;
    if (mode !== null) meta.mode = this.type | mode;
    meta.ctime = this.now();
    this.#acl = own.raw(ACL_ACCESS);
    return 0;
  }

  // ---- Extended attributes ----

  /** The node's own, copied from the lower file the first time. */
  #ownXattrs(): Xattrs | number {
    if (this.#xattrs !== null) return this.#xattrs;
    const meta = this.ownMeta();
    if (typeof meta === "number") return meta;
    const own = new Xattrs(this.fs);
    const names = this.lower?.listxattr() ?? [];
    if (typeof names === "number") return names;
    for (const name of names) {
      const value = this.lower!.getxattr(name);
      if (value === NOT_AT_HAND) {
        own.release();
        return value;
      }
      if (typeof value !== "string") continue;
      const error = own.set(name, value, 0);
      if (error < 0) {
        own.release();
        return error;
      }
    }
    this.#xattrs = own;
    this.#acl = own.raw(ACL_ACCESS);
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
    if (error === 0) this.#meta!.ctime = this.now();
    return error;
  }

  override removexattr(name: string): number {
    const own = this.#ownXattrs();
    const error = typeof own === "number" ? own : own.remove(name);
    if (error === 0) this.#meta!.ctime = this.now();
    return error;
  }

  /** Whether the node has extended attributes of its own. */
  protected get hasOwnXattrs(): boolean {
    return this.#xattrs !== null;
  }
}
