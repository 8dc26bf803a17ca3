// The memory file system: tmpfs, and, with a lower file system below it, the overlay with a memory upper.
//
// A node is either wholly the file system's own, or stands for a file of the lower file system, which is
// never changed: what changes is kept in the node (attributes when they change, contents when they are
// written, names as a map of changes with null for "not there any more", which is what whiteouts are).
// So copy-up, whiteouts, opaque directories and renamed directories need no files of their own, and an
// inode keeps its number. Nodes with changes are held for ever; others only while somebody uses them.

import { ENOSPC } from "../../../shared/abi/errno.ts";
import { S_IFDIR, S_IFMT } from "../../../shared/abi/stat.ts";
import type { Kernel } from "../../kernel.ts";
import { FileSystem, type FileSystemStatus, type Inode } from "../inode.ts";
import type { Space } from "./file_data.ts";
import { MemoryInode } from "./memory_inode.ts";

const TMPFS_MAGIC = 0x01021994;
const OVERLAYFS_MAGIC = 0x794c7630;
const PAGE = 4096;
/** A node's own footprint counts against the space, so that empty files are not free. */
const NODE_BYTES = 1024;

export interface MemoryFsOptions {
  /** Bytes of contents and nodes. */
  readonly limit: number;
  /** Mode of the root directory of a file system without a lower one. */
  readonly rootMode?: number;
  readonly lower?: FileSystem;
}

export class MemoryFs extends FileSystem implements Space {
  readonly type: string;
  readonly root: MemoryInode;
  readonly lower: FileSystem | null;
  readonly #limit: number;
  #used = 0;
  #lastIno: number;
  /** Nodes that stand for a lower file, by its device and inode: one for all its names. */
  readonly #standIns = new Map<string, WeakRef<MemoryInode>>();
  /** Those with changes. */
  readonly #changed = new Set<MemoryInode>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#standIns.get(key)?.deref() === undefined) this.#standIns.delete(key);
  });

  constructor(kernel: Kernel, options: MemoryFsOptions) {
    super(kernel);
    this.#limit = options.limit;
    this.lower = options.lower ?? null;
    this.type = this.lower === null ? "tmpfs" : "overlay";
    // New inodes of an overlay get numbers that no host file system is likely to reach.
    this.#lastIno = this.lower === null ? 0 : 2 ** 44;
    if (this.lower !== null) this.root = this.standIn(this.lower.root) as MemoryInode;
    else
      this.root = new MemoryInode(this, S_IFDIR, this.nextIno(), null, {
        mode: S_IFDIR | (options.rootMode ?? 0o755),
        uid: 0,
        gid: 0,
      });
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  /** The node of a lower file. */
  standIn(lower: Inode): MemoryInode | number {
    const attributes = lower.attributes();
    if (typeof attributes === "number") return attributes;
    const key = `${attributes.dev}:${attributes.ino}`;
    const known = this.#standIns.get(key)?.deref();
    if (known !== undefined) return known;
    const node = new MemoryInode(this, attributes.mode & S_IFMT, attributes.ino, lower, null);
    this.#standIns.set(key, new WeakRef(node));
    this.#gone.register(node, key);
    return node;
  }

  /** A node that stands for a lower file has changes from now on. */
  keep(node: MemoryInode): void {
    this.#changed.add(node);
  }

  take(bytes: number): boolean {
    if (bytes > 0 && this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Room for one more node: 0 or -ENOSPC. */
  takeNode(): number {
    return this.take(NODE_BYTES) ? 0 : -ENOSPC;
  }

  giveNode(): void {
    this.take(-NODE_BYTES);
  }

  status(): FileSystemStatus {
    const blocks = Math.floor(this.#limit / PAGE);
    const free = Math.floor((this.#limit - this.#used) / PAGE);
    return {
      type: this.lower === null ? TMPFS_MAGIC : OVERLAYFS_MAGIC,
      bsize: PAGE,
      blocks,
      bfree: free,
      bavail: free,
      files: Math.floor(this.#limit / NODE_BYTES),
      ffree: Math.floor((this.#limit - this.#used) / NODE_BYTES),
      namelen: 255,
    };
  }
}
