// An open directory: getdents64 over the entries that its inode lists at the first read, and again after
// a rewind. Entry n stands at position n: ".", "..", then the list.

import { EFAULT, EINVAL, EISDIR, ENOMEM } from "../../shared/abi/errno.ts";
import { SEEK_CUR, SEEK_SET } from "../../shared/abi/fcntl.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import { DT_DIR } from "../../shared/abi/stat.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { VfsCaller } from "./caller.ts";
import { OpenFile } from "./file.ts";
import type { DirectoryEntry, Inode } from "./inode.ts";

/** What records look like: of getdents64, or of getdents, where the type stands in the last byte. */
export type RecordForm = "linux_dirent64" | "linux_dirent";
/** Bytes of a record beside the name: the NUL and the type are among them. */
const AROUND_NAME = 20;
const NAME_AT: Readonly<Record<RecordForm, number>> = { linux_dirent64: 19, linux_dirent: 18 };
/** What an entry of a listing costs beside its name. */
const ENTRY_BYTES = 96;

function bytesOf(entries: readonly DirectoryEntry[]): number {
  let bytes = 0;
  for (const { name } of entries) bytes += ENTRY_BYTES + name.length;
  return bytes;
}

function recordLength({ name }: DirectoryEntry): number {
  return (AROUND_NAME + name.length + 7) & ~7;
}

export class DirectoryFile extends OpenFile {
  readonly isStream = false;
  #entries: readonly DirectoryEntry[] | null = null;
  #position = 0;

  constructor(inode: Inode, flags: number) {
    super(flags);
    this.inode = inode;
  }

  override get splices(): boolean {
    return false;
  }

  override read(): number {
    return -EISDIR;
  }

  override pread(): number {
    return -EISDIR;
  }

  override seek(offset: number, whence: number): number {
    const target = whence === SEEK_SET ? offset : whence === SEEK_CUR ? this.#position + offset : -1;
    if (target < 0) return -EINVAL;
    if (target === 0) this.shrink();
    this.#position = target;
    return target;
  }

  /** Fills up to `capacity` bytes at `at` of the task's bytes with records; their bytes, 0 at the end. */
  getdents(task: VfsCaller, form: RecordForm, at: number, capacity: number, parentIno: number): number {
    const list = this.#listing();
    if (typeof list === "number") return list;
    this.inode!.accessed(this.flags, this.path);
    let used = 0;
    for (;;) {
      const entry = this.#entry(list, this.#position, parentIno);
      if (entry === null) {
        if (used === 0) this.shrink();
        return used;
      }
      const length = recordLength(entry);
      // A buffer that cannot hold even one record is an error.
      if (used + length > capacity) return used > 0 ? used : -EINVAL;
      this.#position++;
      this.#write(task, form, at + used, entry, length);
      used += length;
    }
  }

  /** The number of the entry that comes next. */
  get position(): number {
    return this.#position;
  }

  /**
   * Of a getdents that began at `from` only so many bytes have arrived: the bytes of its whole records, behind
   * which the next one begins, or -EFAULT.
   */
  takeBack(from: number, arrived: number): number {
    const list = this.#listing();
    this.#position = from;
    let used = 0;
    while (typeof list !== "number") {
      const entry = this.#entry(list, this.#position, 0);
      if (entry === null || used + recordLength(entry) > arrived) break;
      used += recordLength(entry);
      this.#position++;
    }
    return used > 0 ? used : -EFAULT;
  }

  /** What has to come before the next getdents, or null: the listing of a large directory. */
  preparing(task: VfsCaller): Coroutine | null {
    const entries = this.#entries === null ? this.inode!.longListing() : null;
    return entries === null ? null : this.#gather(task, entries);
  }

  *#gather(task: VfsCaller, from: Iterable<readonly DirectoryEntry[] | number>): Coroutine {
    const { heap, listings, counters, longTurns } = task.kernel;
    const entries: DirectoryEntry[] = [];
    let bytes = 0;
    try {
      for (const piece of from) {
        if (typeof piece === "number") return piece;
        const more = bytesOf(piece);
        if (!heap.hasRoom("listed", more)) return -ENOMEM;
        counters.listed += more;
        bytes += more;
        for (const entry of piece) entries.push(entry);
        if (longTurns.isFull) yield* breatheOn(task);
      }
    } finally {
      counters.listed -= bytes;
    }
    if (this.#entries !== null) return 0; // another thread was faster
    if (!heap.hasRoom("listed", bytes)) return -ENOMEM;
    listings.add(this, bytes);
    this.#entries = entries;
    return 0;
  }

  #listing(): readonly DirectoryEntry[] | number {
    if (this.#entries !== null) return this.#entries;
    const entries = this.inode!.entries();
    if (typeof entries === "number") return entries;
    const { heap, listings } = this.inode!.fs.kernel;
    const bytes = bytesOf(entries);
    if (!heap.hasRoom("listed", bytes)) return -ENOMEM;
    listings.add(this, bytes);
    this.#entries = entries;
    return entries;
  }

  /** The next read lists the directory again. */
  shrink(): void {
    if (this.#entries === null) return;
    this.#entries = null;
    this.inode!.fs.kernel.listings.remove(this);
  }

  #entry(list: readonly DirectoryEntry[], index: number, parentIno: number): DirectoryEntry | null {
    if (index === 0) return { name: ".", ino: this.inode!.ino, type: DT_DIR };
    if (index === 1) return { name: "..", ino: parentIno, type: DT_DIR };
    return list[index - 2] ?? null;
  }

  #write(
    task: VfsCaller,
    form: RecordForm,
    at: number,
    { name, ino, type }: DirectoryEntry,
    length: number,
  ): void {
    const { view, bytes } = task.call;
    bytes.fill(0, at, at + length);
    write64(view, at, ino);
    write64(view, at + 8, this.#position);
    view.setUint16(at + 16, length, true);
    bytes[form === "linux_dirent" ? at + length - 1 : at + 18] = type;
    const nameAt = at + NAME_AT[form];
    for (let i = 0; i < name.length; i++) bytes[nameAt + i] = name.charCodeAt(i);
  }

  override sync(): number {
    return 0;
  }

  override get pollable(): boolean {
    return false;
  }

  poll(): number {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }

  release(): void {
    this.shrink();
  }
}
