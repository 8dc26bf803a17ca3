// A regular file of a memory file system: the lower file's contents until somebody writes, then its own.

import { F_SEAL_SEAL } from "../../../shared/abi/fcntl.ts";
import { CAPABILITY_XATTR } from "../../../shared/abi/xattr.ts";
import { NOT_AT_HAND, numberAnswered, untilAnswered } from "../../call/asked.ts";
import { breatheOn } from "../../call/breathe.ts";
import type { Coroutine } from "../../call/call.ts";
import type { Mapped } from "../../mem/vma.ts";
import type { VfsCaller } from "../caller.ts";
import type { OpenFile } from "../file.ts";
import type { AttributeChanges, Attributes } from "../inode.ts";
import type { LentInode } from "../loan.ts";
import { withoutPrivileges } from "../permission.ts";
import { CopyUp } from "./copy_up.ts";
import { COPY_INLINE, FileData } from "./file_data.ts";
import { MemoryFile } from "./memory_file.ts";
import { MemoryInode, type NodeInit } from "./memory_inode.ts";
import { sealedMode, sealedTruncate } from "./seals.ts";

const BLOCK = 512;

export class MemoryRegular extends MemoryInode {
  #data: FileData | null;
  #mapped: Mapped | null = null;
  #mappedLower: Mapped | null = null;
  #lent: LentInode | null = null;
  /** Open files of it whose bytes other kernel threads move. */
  readonly lentFiles = new Set<MemoryFile>();
  /** F_SEAL_*: none may be added to an ordinary file. */
  seals = F_SEAL_SEAL;

  constructor(init: NodeInit) {
    super(init);
    this.#data = init.lower === null ? new FileData(init.fs.kernel, init.fs) : null;
  }

  /** The node's own contents, or null while they are the lower file's. */
  get data(): FileData | null {
    return this.#data;
  }

  #setData(data: FileData): void {
    this.#data = data;
    for (const file of this.lentFiles) file.offerAnew();
  }

  override get lent(): LentInode | null {
    return this.#lent;
  }

  override set lent(lent: LentInode | null) {
    this.#lent = lent;
  }

  /** What was read elsewhere counts as what was read here. */
  override noteMoved(): void {
    const readMs = this.#lent?.takeReadAt() ?? 0;
    if (readMs > 0) this.accessedAt(readMs);
  }

  override attributes(): Attributes | number {
    if (this.#lent !== null) this.noteMoved();
    return super.attributes();
  }

  protected override ownSize(): number {
    return this.#data === null ? -1 : this.#data.size;
  }

  protected override ownBlocks(): number {
    return this.#data === null ? 0 : this.#data.allocated / BLOCK;
  }

  override open(flags: number): OpenFile | number {
    const file = new MemoryFile(this, flags);
    const error = file.begin();
    return error < 0 ? error : file;
  }

  /** The contents as the node's own: copied from the lower file the first time. */
  ownData(): FileData | number {
    if (this.#data !== null) return this.#data;
    const copy = this.beginCopy();
    if (typeof copy === "number") return copy;
    let error = 1;
    while (error > 0) error = copy.round();
    if (error === NOT_AT_HAND) copy.giveUp();
    return error < 0 ? error : this.#data!;
  }

  /** Begins to copy the lower file's contents, which become the node's own at the end; or a negative errno. */
  beginCopy(): CopyUp | number {
    const error = this.#dropCapability();
    if (error < 0) return error;
    const lower = this.lower!.attributes();
    if (typeof lower === "number") return lower;
    const { kernel } = this.fs;
    const file = this.lower!.open(0, kernel.rootCredentials);
    if (typeof file === "number") return file;
    const source = file.map(false);
    file.release();
    if (typeof source === "number") return source;
    return new CopyUp(new FileData(kernel, this.fs), kernel.native, source, lower.size, (data) => {
      if (this.#data === null) this.#setData(data);
      else data.release(); // somebody else was faster
    });
  }

  // A large lower file is copied before the first write, so that nobody waits for it all at once.
  override beforeWriting(task: VfsCaller): Coroutine | null {
    if (this.#data !== null) return null;
    const lower = this.lower!.attributes();
    const isShort = typeof lower === "number" || (lower.size <= COPY_INLINE && !this.lower!.isSlow);
    return isShort ? null : this.#copyUp(task);
  }

  override beforeTruncating(task: VfsCaller, length: number): Coroutine | null {
    const data = this.#data;
    if (data === null) return length === 0 ? null : this.beforeWriting(task);
    return data.size <= length || data.nextTruncation(length) === length
      ? null
      : this.#shorten(task, data, length);
  }

  // Not to the length itself: the call does that. A reader sees the file shrink.
  *#shorten(task: VfsCaller, data: FileData, length: number): Coroutine {
    while (data.size > length && sealedTruncate(this.seals, data.size, length) === 0) {
      const next = Math.floor(data.nextTruncation(length));
      if (next <= length) return 0;
      const error = data.truncate(next);
      if (error < 0) return error;
      yield* breatheOn(task);
    }
    return 0;
  }

  *#copyUp(task: VfsCaller): Coroutine {
    const copy = yield* untilAnswered(task, () => this.beginCopy());
    if (typeof copy === "number") return copy;
    try {
      for (;;) {
        yield* copy.warm(task);
        if (this.#data !== null) return 0; // somebody else was faster
        const left = yield* numberAnswered(task, () => copy.round());
        if (left <= 0) return left;
      }
    } finally {
      copy.giveUp();
    }
  }

  // The lower file's privileges are not those of what is about to be written.
  #dropCapability(): number {
    const meta = this.ownMeta();
    if (typeof meta === "number") return meta;
    const capability = this.getxattr(CAPABILITY_XATTR);
    if (typeof capability === "number") return capability === NOT_AT_HAND ? capability : 0;
    return this.removexattr(CAPABILITY_XATTR);
  }

  /** What mappings of the file's own contents, or of the lower file's, have in common. */
  mapped(path: string): Mapped {
    const kind = this.#data === null ? this.#mappedLower : this.#mapped;
    if (kind !== null) return kind;
    // Pages of the lower file are its host's.
    const isSlow = this.#data === null && this.isSlow;
    const made = { id: this.fs.kernel.nextMappedId(), path, dev: this.dev, ino: this.ino, isSlow };
    if (this.#data === null) this.#mappedLower = made;
    else this.#mapped = made;
    return made;
  }

  isBacking(backing: object): boolean {
    return backing === this.#mapped;
  }

  /** Whether it can have seals at all: those of an overlay cannot. */
  get isSealable(): boolean {
    return this.fs.type === "tmpfs";
  }

  override setAttributes(changes: AttributeChanges): number {
    const { uid, gid, size } = changes;
    // Neither a new owner nor new contents keep a program's capabilities.
    const kept = uid === undefined && gid === undefined && size === undefined ? 0 : this.#dropCapability();
    if (kept < 0) return kept;
    const { seals, meta } = this;
    if (seals !== F_SEAL_SEAL && meta !== null) {
      const { mode = meta.mode, size = this.#data!.size } = changes;
      const error = Math.min(
        sealedMode(seals, meta.mode, mode),
        sealedTruncate(seals, this.#data!.size, size),
      );
      if (error < 0) return error;
    }
    return super.setAttributes(changes);
  }

  /** Contents were written: the times tell, and a program's privileges do not survive it. */
  written(task: VfsCaller): void {
    const meta = this.ownMeta();
    if (typeof meta === "number") return;
    meta.mtime = this.now();
    meta.ctime = meta.mtime;
    meta.mode = withoutPrivileges(task, meta);
    if (this.hasOwnXattrs) this.removexattr(CAPABILITY_XATTR);
  }

  protected override truncate(size: number): number {
    if (size === 0 && this.#data === null) {
      this.#setData(new FileData(this.fs.kernel, this.fs));
      return 0;
    }
    const data = this.ownData();
    return typeof data === "number" ? data : data.truncate(size);
  }

  protected override freeContents(): void {
    this.#data?.release();
  }
}
