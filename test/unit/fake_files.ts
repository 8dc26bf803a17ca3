// What file systems need of a kernel, without a host: descriptors over plain bytes, a clock that moves at
// every look, and a read-only file system made from a description, to lie below an overlay.

import { EBADF, EINVAL, ENOENT, ENXIO } from "../../src/shared/abi/errno.ts";
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, SEEK_DATA } from "../../src/shared/abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../src/shared/abi/stat.ts";
import { write64 } from "../../src/shared/abi/struct.ts";
import { Counters } from "../../src/workers/counters.ts";
import { initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { UserNamespace } from "../../src/workers/credentials/user_namespace.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import type { Kernel } from "../../src/workers/kernel.ts";
import { MemoryBudget } from "../../src/workers/memory_budget.ts";
import type { Task } from "../../src/workers/process/task.ts";
import { DentryCache } from "../../src/workers/vfs/dentry_cache.ts";
import type { OpenFile } from "../../src/workers/vfs/file.ts";
import {
  type Attributes,
  type DirectoryEntry,
  FileSystem,
  Inode,
  typeOf,
} from "../../src/workers/vfs/inode.ts";
import { SeekableFile } from "../../src/workers/vfs/seekable_file.ts";

const PAGE = 4096;

interface HostFile {
  bytes: Uint8Array;
  /** Pages that hold something. */
  readonly pages: Set<number>;
}

/** Stands for src/workers/native.ts: the entry points that memory files use. */
export class FakeNative {
  readonly scratch = new Uint8Array(65536);
  readonly scratchView = new DataView(this.scratch.buffer);
  readonly files = new Map<number, { file: HostFile; position: number }>();
  /** Memory of the one task. */
  readonly window = new Uint8Array(32768);
  #lastFd = 2;
  #time = 1000;

  clockGettime(): number {
    write64(this.scratchView, 0, ++this.#time);
    write64(this.scratchView, 8, 0);
    return 0;
  }

  open(file: HostFile): number {
    this.files.set(++this.#lastFd, { file, position: 0 });
    return this.#lastFd;
  }

  memfdFile(): number {
    return this.open({ bytes: new Uint8Array(0), pages: new Set() });
  }

  reopen(_proc: number, fd: number): number {
    return this.open(this.files.get(fd)!.file);
  }

  close(fd: number): number {
    return this.files.delete(fd) ? 0 : -EBADF;
  }

  fstat(fd: number): number {
    write64(this.scratchView, 64, (this.files.get(fd)!.file.pages.size * PAGE) / 512);
    return 0;
  }

  #grow(file: HostFile, size: number): void {
    if (size <= file.bytes.length) return;
    const bytes = new Uint8Array(size);
    bytes.set(file.bytes);
    file.bytes = bytes;
  }

  #put(file: HostFile, bytes: Uint8Array, position: number): number {
    this.#grow(file, position + bytes.length);
    file.bytes.set(bytes, position);
    for (let at = position; at < position + bytes.length; at++) file.pages.add(Math.floor(at / PAGE));
    return bytes.length;
  }

  preadScratch(fd: number, offset: number, length: number, position: number): number {
    const part = this.files.get(fd)!.file.bytes.subarray(position, position + length);
    this.scratch.set(part, offset);
    return part.length;
  }

  pwriteScratch(fd: number, length: number, position: number): number {
    return this.#put(this.files.get(fd)!.file, this.scratch.slice(0, length), position);
  }

  pread(fd: number, _chunk: number, offset: number, length: number, position: number): number {
    const part = this.files.get(fd)!.file.bytes.subarray(position, position + length);
    this.window.set(part, offset);
    return part.length;
  }

  pwrite(fd: number, _chunk: number, offset: number, length: number, position: number): number {
    return this.#put(this.files.get(fd)!.file, this.window.slice(offset, offset + length), position);
  }

  ftruncate(fd: number, size: number): number {
    const { file } = this.files.get(fd)!;
    for (const page of file.pages) if (page * PAGE >= size) file.pages.delete(page);
    if (size < file.bytes.length) file.bytes = file.bytes.slice(0, size);
    else this.#grow(file, size);
    return 0;
  }

  fallocate(fd: number, mode: number, position: number, length: number): number {
    const { file } = this.files.get(fd)!;
    const end = position + length;
    if ((mode & FALLOC_FL_KEEP_SIZE) === 0) this.#grow(file, end);
    const punches = (mode & FALLOC_FL_PUNCH_HOLE) !== 0;
    if (punches) file.bytes.fill(0, position, Math.min(end, file.bytes.length));
    for (let page = Math.floor(position / PAGE); page * PAGE < end; page++) {
      if (!punches) file.pages.add(page);
      else if (page * PAGE >= position && (page + 1) * PAGE <= end) file.pages.delete(page);
    }
    return 0;
  }

  seek(fd: number, offset: number, whence: number): number {
    const open = this.files.get(fd)!;
    const { file } = open;
    if (whence === 0) {
      open.position = offset;
      return offset;
    }
    if (offset >= file.bytes.length) return -ENXIO;
    const wanted = whence === SEEK_DATA;
    for (let at = offset; at < file.bytes.length; at = (Math.floor(at / PAGE) + 1) * PAGE)
      if (file.pages.has(Math.floor(at / PAGE)) === wanted) return at;
    return wanted ? -ENXIO : file.bytes.length;
  }

  copyBytes(from: number, position: number, to: number, length: number): number {
    const target = this.files.get(to)!;
    const part = this.files.get(from)!.file.bytes.slice(position, position + length);
    const n = this.#put(target.file, part, target.position);
    target.position += n;
    return n;
  }
}

export interface FakeKernel {
  readonly kernel: Kernel;
  readonly native: FakeNative;
  readonly task: Task;
}

/** As much of a kernel, and of a task of root, as file systems look at. */
export function fakeKernel(memoryNodes = 1000): FakeKernel {
  const native = new FakeNative();
  let devices = 0;
  const users = new UserNamespace(null);
  const rootCredentials = initialCredentials(0, 0, [], users);
  const counters = new Counters();
  const limits = { memoryNodes, memoryFiles: 1000 };
  const kernel = {
    native,
    users,
    rootCredentials,
    counters,
    limits,
    heap: new HeapBudget(counters, limits, Number.POSITIVE_INFINITY),
    commonMemory: new MemoryBudget(counters, Number.POSITIVE_INFINITY),
    descriptors: { proc: 0 },
    nextDevice: () => ++devices,
    listings: { add() {}, remove() {} },
    fileEvents: { unmounted() {} },
    steps: {
      run(piece: () => boolean) {
        while (!piece());
      },
    },
    nextMappedId: () => 1,
  } as unknown as Kernel;
  const task = {
    kernel,
    call: { chunk: 0, base: 0, bytes: native.window },
    credentials: rootCredentials,
    limit: () => Number.POSITIVE_INFINITY,
  } as unknown as Task;
  return { kernel, native, task };
}

/** A lower tree: text is a regular file, "-> x" a symlink; the same object twice is a file with two names. */
export interface LowerTree {
  readonly [name: string]: LowerTree | LowerFile | string;
}

export class LowerFile {
  readonly text: string;
  names = 0;
  constructor(text: string) {
    this.text = text;
  }
}

export class LowerFs extends FileSystem {
  readonly type = "gofer";
  readonly root: LowerInode;
  readonly native: FakeNative;
  /** Numbers begin where another file system's may be: they are unique within a device alone. */
  #lastIno = 1;

  constructor({ kernel, native }: FakeKernel, tree: LowerTree) {
    super(kernel);
    this.native = native;
    this.root = new LowerInode(this, tree, new Map());
  }

  nextIno(): number {
    return ++this.#lastIno;
  }

  status(): number {
    return -EINVAL;
  }
}

const LOWER_DEV = 77;

class LowerInode extends Inode {
  override readonly fs: LowerFs;
  readonly ino: number;
  readonly type: number;
  readonly text: string;
  readonly children = new Map<string, LowerInode>();
  nlink: number;

  constructor(fs: LowerFs, what: LowerTree | LowerFile | string, linked: Map<LowerFile, LowerInode>) {
    super(fs);
    this.fs = fs;
    this.ino = fs.nextIno();
    const text = typeof what === "string" ? what : what instanceof LowerFile ? what.text : "";
    const isLink = typeof what === "string" && what.startsWith("-> ");
    const isDirectory = typeof what === "object" && !(what instanceof LowerFile);
    this.type = isDirectory ? S_IFDIR : isLink ? S_IFLNK : S_IFREG;
    this.text = isLink ? text.slice(3) : text;
    this.nlink = isDirectory ? 2 : 1;
    if (!isDirectory) return;
    for (const [name, child] of Object.entries(what)) {
      const known = child instanceof LowerFile ? linked.get(child) : undefined;
      const inode = known ?? new LowerInode(fs, child, linked);
      if (known !== undefined) known.nlink++;
      if (child instanceof LowerFile) linked.set(child, inode);
      if (inode.isDirectory) this.nlink++;
      this.children.set(name, inode);
    }
  }

  attributes(): Attributes {
    const time = { sec: 1, nsec: 0 };
    return {
      dev: LOWER_DEV,
      ino: this.ino,
      mode: this.type | 0o755,
      nlink: this.nlink,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: this.text.length,
      blksize: PAGE,
      blocks: 8,
      atime: time,
      mtime: time,
      ctime: time,
      btime: null,
      acl: null,
    };
  }

  override lookup(name: string): Inode | number {
    return this.children.get(name) ?? -ENOENT;
  }

  override entries(): readonly DirectoryEntry[] {
    return [...this.children].map(([name, { ino, type }]) => ({ name, ino, type: typeOf(type) >>> 12 }));
  }

  override readlink(): string {
    return this.text;
  }

  override open(flags: number): OpenFile {
    return new LowerOpenFile(this, flags);
  }
}

class LowerOpenFile extends SeekableFile {
  override pread(task: Task, offset: number, length: number, position: number): number {
    const part = Buffer.from((this.inode as LowerInode).text, "latin1").subarray(position, position + length);
    task.call.bytes.set(part, task.call.base + offset);
    return part.length;
  }

  override map() {
    const { fs, text, ino } = this.inode as LowerInode;
    const bytes = Uint8Array.from(Buffer.from(text, "latin1"));
    const pages = new Set(Array.from({ length: Math.ceil(bytes.length / PAGE) }, (_, i) => i));
    return {
      backing: { id: 1, path: "", dev: LOWER_DEV, ino },
      hostFd: fs.native.open({ bytes, pages }),
      offset: 0,
    };
  }

  release(): void {}
}

/** A dentry cache of its own, for so many unused names. */
export function dentryCache(limit?: number): DentryCache {
  const counters = new Counters();
  return new DentryCache(counters, new HeapBudget(counters, {}, Number.POSITIVE_INFINITY), limit);
}
