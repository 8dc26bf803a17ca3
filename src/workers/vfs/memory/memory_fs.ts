// The memory file system: tmpfs, and, with a lower file system below it, the overlay with a memory upper.
//
// A node is either wholly the file system's own, or stands for a file of the lower file system, which is
// never changed: what changes is kept in the node (attributes when they change, contents when they are
// written, names as a directory's NameChanges). So copy-up, whiteouts, opaque and renamed directories need
// no files of their own, and an inode keeps its number. Nodes with changes are held for as long as they have
// names; others only while somebody uses them.

import { ENOSPC } from "../../../shared/abi/errno.ts";
import { S_IFDIR, S_IFREG } from "../../../shared/abi/stat.ts";
import { PAGE_SIZE } from "../../mem/vma.ts";
import type { VfsContext } from "../context.ts";
import { FILE_SYSTEM_TYPES, type FileSystemTypeName } from "../file_system_types.ts";
import {
  type Attributes,
  type Creation,
  FileSystem,
  type FileSystemStatus,
  type Inode,
  typeOf,
} from "../inode.ts";
import type { Space } from "./file_data.ts";
import { MemoryDirectory } from "./memory_directory.ts";
import { MemoryInode, type NodeInit } from "./memory_inode.ts";
import { MemoryRegular } from "./memory_regular.ts";

/** A node's own footprint in the kernel, which counts against the space: empty files are not free. */
const NODE_BYTES = 1024;
/** New inodes of an overlay get numbers that no host file system is likely to reach. */
const OVERLAY_FIRST_INO = 2 ** 44;
const SWEEP_MIN = 4096;

export interface MemoryFsOptions {
  /** Bytes of contents and nodes. */
  readonly limit: number;
  /** Mode of the root directory of a file system without a lower one. */
  readonly rootMode?: number;
  /** Files at most, its root among them; 0: as many as fit. */
  readonly nodes?: number;
  /** What it shows of tmpfs(5)'s options: "size=4k,mode=700". */
  readonly shown?: string;
  /** Root of the tree below: of a file system, or a directory of it. */
  readonly lower?: Inode;
  /** Without a lower tree: what it was mounted as. */
  readonly type?: "tmpfs" | "ramfs";
}

export class MemoryFs extends FileSystem implements Space {
  declare readonly kernel: VfsContext;
  readonly type: FileSystemTypeName;
  readonly root: MemoryInode;
  /** Of an overlay: the root of what is below it. */
  readonly #lower: Inode | null;
  readonly #limit: number;
  readonly #nodesMax: number;
  override readonly options: string;
  #used = 0;
  #nodes = 0;
  #lastIno: number;
  /** Device of a lower file -> the guest's device number for it. */
  readonly #devices = new Map<number, number>();
  /** Nodes that stand for a lower file, by its device and inode: one for all its names. */
  readonly #standIns = new Map<string, WeakRef<MemoryInode>>();
  #sweepAt = SWEEP_MIN;
  /** Those with changes. */
  readonly #changed = new Set<MemoryInode>();

  constructor(kernel: VfsContext, options: MemoryFsOptions) {
    super(kernel);
    this.#limit = options.limit;
    this.#nodesMax = options.nodes ?? 0;
    this.options = options.shown ?? "";
    const { lower } = options;
    this.#lower = lower ?? null;
    this.type = this.#lower !== null ? "overlay" : (options.type ?? "tmpfs");
    this.#lastIno = this.#lower !== null ? OVERLAY_FIRST_INO : 0;
    this.root = lower === undefined ? this.#ownRoot(options.rootMode ?? 0o755) : this.#lowerRoot(lower);
  }

  #ownRoot(mode: number): MemoryInode {
    const creation = { mode: S_IFDIR | mode, uid: 0, gid: 0 };
    return newNode({ fs: this, type: S_IFDIR, dev: this.dev, ino: ++this.#lastIno, lower: null, creation });
  }

  #lowerRoot(lower: Inode): MemoryInode {
    const root = this.standIn(lower);
    if (typeof root === "number") throw new Error(`the lower file system cannot be read: errno ${-root}`);
    return root;
  }

  /** A node of the file system's own, or -ENOSPC. */
  makeNode(creation: Creation, dev: number): MemoryInode | number {
    const full = this.takeNode();
    if (full < 0) return full;
    const type = typeOf(creation.mode);
    return newNode({ fs: this, type, dev, ino: ++this.#lastIno, lower: null, creation });
  }

  // ---- Lower files ----

  /** The node of a lower file, or a negative errno. */
  standIn(lower: Inode): MemoryInode | number {
    const attributes = lower.attributes();
    if (typeof attributes === "number") return attributes;
    const key = keyOf(attributes);
    const known = this.#standIns.get(key)?.deref();
    if (known !== undefined) return known;
    const dev = this.#deviceOf(attributes.dev);
    const { mode, ino } = attributes;
    const node = newNode({ fs: this, type: typeOf(mode), dev, ino, lower, creation: null });
    node.lowerKey = key;
    if (this.#standIns.size >= this.#sweepAt) this.#sweep();
    this.#standIns.set(key, new WeakRef(node));
    return node;
  }

  // The host's mounts below the root stay told apart: inode numbers are unique within a device alone.
  #deviceOf(lower: number): number {
    const known = this.#devices.get(lower);
    if (known !== undefined) return known;
    const dev = this.#devices.size === 0 ? this.dev : this.kernel.nextDevice();
    this.#devices.set(lower, dev);
    return dev;
  }

  #sweep(): void {
    for (const [key, node] of this.#standIns) if (node.deref() === undefined) this.#standIns.delete(key);
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#standIns.size);
  }

  /** A node that stands for a lower file has changes from now on: 0 or -ENOSPC. */
  keep(node: MemoryInode): number {
    const full = this.takeNode();
    if (full === 0) this.#changed.add(node);
    return full;
  }

  /** Such a node has no name any more; met by a name that nobody knew of, the lower file is seen as it is. */
  forget(node: MemoryInode): void {
    this.#changed.delete(node);
    this.#standIns.delete(node.lowerKey);
  }

  // What is still open lives on until it is closed; the rest is given back.
  override unmounted(): void {
    super.unmounted();
    const below = this.#lower?.fs;
    // What a mount covers and shows (tmpcopyup) may be mounted itself.
    if (below?.mounts === 0) below.unmounted();
    if (this.root instanceof MemoryDirectory) this.kernel.steps.run(this.root.dissolving(this.#changed));
  }

  // ---- Space ----

  take(bytes: number): boolean {
    if (bytes > 0 && (this.#used + bytes > this.#limit || !this.kernel.commonMemory.hasRoomForFiles(bytes)))
      return false;
    this.charge(bytes);
    return true;
  }

  charge(bytes: number): void {
    this.#used += bytes;
    this.kernel.counters.memoryFileBytes += bytes;
  }

  /** Room for one more node: 0 or -ENOSPC. */
  takeNode(): number {
    const { counters, heap } = this.kernel;
    if (this.#nodesMax > 0 && this.#nodes + 1 >= this.#nodesMax) return -ENOSPC;
    if (!heap.hasRoom("memoryNodes") || !this.take(NODE_BYTES)) return -ENOSPC;
    counters.memoryNodes++;
    this.#nodes++;
    return 0;
  }

  giveNode(): void {
    this.take(-NODE_BYTES);
    this.kernel.counters.memoryNodes--;
    this.#nodes--;
  }

  status(): FileSystemStatus {
    const left = Math.min(this.#limit - this.#used, this.kernel.commonMemory.leftToFiles);
    const free = Math.max(0, Math.floor(left / PAGE_SIZE));
    // Its root is one of them.
    const files = this.#nodesMax > 0 ? this.#nodesMax : this.kernel.limits.memoryNodes;
    return {
      type: FILE_SYSTEM_TYPES[this.type].magic,
      bsize: PAGE_SIZE,
      blocks: Math.floor(this.#limit / PAGE_SIZE),
      bfree: free,
      bavail: free,
      files,
      ffree: Math.max(0, files - this.#nodes - 1),
      namelen: 255,
    };
  }
}

function keyOf({ dev, ino }: Attributes): string {
  return `${dev}:${ino}`;
}

function newNode(init: NodeInit): MemoryInode {
  if (init.type === S_IFREG) return new MemoryRegular(init);
  return init.type === S_IFDIR ? new MemoryDirectory(init) : new MemoryInode(init);
}
