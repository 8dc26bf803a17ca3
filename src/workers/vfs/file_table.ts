// Descriptor table of a group of tasks (CLONE_FILES): descriptor -> open file, with close-on-exec
// bits. VFS alone changes it and the reference counts; the last reference releases the file. A table is as
// long as its highest descriptor, so what all tables together have is bounded.

import { EBADF, EMFILE, ENFILE, ENOMEM } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { leaveSets } from "./anonymous/epoll.ts";
import type { OpenFile } from "./file.ts";
import type { FileContext, FileHolder } from "./file_context.ts";

/** A table that grows by more at once is made anew. */
const JUMP = 1024;
/** How often it is looked, while they are closed, whether the turn is full. */
const CLOSED_PER_LOOK = 16;

export class FileTable {
  readonly #kernel: FileContext;
  #files: (OpenFile | undefined)[] = [];
  #closeOnExec = new Set<number>();
  /** No descriptor below is free. */
  #firstFree = 0;
  /** Tasks that use the table. */
  users = 1;
  /** Some of them had memory of their own, in which what this task closes would stay open (mem/kept_files.ts). */
  isSplit = false;
  /** Of no other table. */
  readonly id: number;

  constructor(kernel: FileContext) {
    this.#kernel = kernel;
    this.id = kernel.nextTableId();
  }

  get(fd: number): OpenFile | undefined {
    return fd >= 0 && fd < this.#files.length ? this.#files[fd] : undefined;
  }

  /** As get, of a file with which there is something to do: a place (O_PATH) is none. */
  usable(fd: number): OpenFile | undefined {
    const file = this.get(fd);
    return file === undefined || (file.flags & O_PATH) !== 0 ? undefined : file;
  }

  /** One more task uses the table (CLONE_FILES). */
  share(sharesMemory: boolean): FileTable {
    this.users++;
    if (!sharesMemory) this.isSplit = true;
    return this;
  }

  /** Whether the kernel's memory allows one more table of this length. */
  get mayBeCopied(): boolean {
    return this.#hasRoom(this.#files.length);
  }

  #hasRoom(slots: number): boolean {
    return slots <= 0 || this.#kernel.heap.hasRoom("descriptorSlots", slots);
  }

  #growTo(length: number): void {
    this.#kernel.counters.descriptorSlots += Math.max(0, length - this.#files.length);
    if (length - this.#files.length > JUMP) {
      // An array that only gets a greater length becomes a hash table.
      const grown = new Array<OpenFile | undefined>(length);
      for (let fd = 0; fd < this.#files.length; fd++) grown[fd] = this.#files[fd];
      this.#files = grown;
    } else while (this.#files.length < length) this.#files.push(undefined);
  }

  /** Of a forked child: the same files. Its caller has asked mayBeCopied. */
  copy(): FileTable {
    const copy = new FileTable(this.#kernel);
    copy.#files = this.#files.slice();
    copy.#closeOnExec = new Set(this.#closeOnExec);
    for (let fd = 0; fd < this.#files.length; fd++) {
      const file = this.#files[fd];
      if (file !== undefined) file.references++;
    }
    this.#kernel.counters.descriptorSlots += this.#files.length;
    return copy;
  }

  /** What a program that execs goes on with: a table of its own, without close-on-exec files. */
  forExec(): FileTable {
    const table = this.unshare();
    for (const fd of [...table.#closeOnExec]) table.close(fd);
    return table;
  }

  closesOnExec(fd: number): boolean {
    return this.#closeOnExec.has(fd);
  }

  /** What install() would answer to one more file: 0 or a negative errno. */
  checkRoom(limit: number): number {
    let fd = this.#firstFree;
    while (this.#files[fd] !== undefined) fd++;
    if (fd >= limit) return -EMFILE;
    if (!this.#kernel.heap.hasRoom("openFiles")) return -ENFILE;
    return this.#hasRoom(fd + 1 - this.#files.length) ? 0 : -ENOMEM;
  }

  /** Installs a file at the lowest free descriptor from `from` on; -EMFILE, -ENFILE or -ENOMEM at the limits. */
  install(file: OpenFile, from: number, limit: number, closeOnExec = false): number {
    let fd = Math.max(from, this.#firstFree);
    while (this.#files[fd] !== undefined) fd++;
    if (fd >= limit) return -EMFILE;
    if (file.references === 0 && !this.#kernel.heap.hasRoom("openFiles")) return -ENFILE;
    if (!this.#hasRoom(fd + 1 - this.#files.length)) return -ENOMEM;
    if (from <= this.#firstFree) this.#firstFree = fd + 1;
    this.installAt(fd, file, closeOnExec);
    return fd;
  }

  /** Installs a file at a descriptor of its caller's choice, closing what was there; or -ENOMEM. */
  replace(fd: number, file: OpenFile, closeOnExec: boolean): number {
    if (!this.#hasRoom(fd + 1 - this.#files.length)) return -ENOMEM;
    this.installAt(fd, file, closeOnExec);
    return fd;
  }

  /** As replace, where there is room for certain. */
  installAt(fd: number, file: OpenFile, closeOnExec = false): void {
    file.references++;
    const before = this.#files[fd];
    this.#growTo(fd + 1);
    this.#files[fd] = file;
    if (closeOnExec) this.#closeOnExec.add(fd);
    else this.#closeOnExec.delete(fd);
    if (file.references === 1) this.#kernel.counters.openFiles++;
    if (before !== undefined) this.#closed(before, fd);
  }

  #closed(file: OpenFile, fd: number): void {
    file.descriptorGone(this.id, fd);
    if (file.keptIn !== null) for (const kept of file.keptIn) kept.closed(file, this.id);
    this.#kernel.locks.descriptorClosed(this, file);
    putFile(this.#kernel, file);
  }

  setCloseOnExec(fd: number, value: boolean): void {
    if (value) this.#closeOnExec.add(fd);
    else this.#closeOnExec.delete(fd);
  }

  /** Whether unshare() may be called: it makes a copy if the table is shared. */
  get mayBeUnshared(): boolean {
    return this.users === 1 || this.mayBeCopied;
  }

  /** A table of the caller's own, if it is shared. */
  unshare(): FileTable {
    if (this.users === 1) return this;
    const copy = this.copy();
    this.release();
    return copy;
  }

  /** Closes, or marks, a range; `between` comes after each piece. */
  *closeRange(
    first: number,
    last: number,
    onlyMark: boolean,
    between: () => Generator<void, void, void>,
  ): Generator<void, void, void> {
    for (let fd = first; ; ) {
      fd = this.#closePiece(fd, last, onlyMark);
      if (fd > last || fd >= this.#files.length) return;
      yield* between();
    }
  }

  /** A file that could not be installed. */
  discard(file: OpenFile): void {
    file.references++;
    this.#kernel.counters.openFiles++;
    putFile(this.#kernel, file);
  }

  /** As holding(). */
  holding<T>(file: OpenFile, step: Generator<void, T, void>): Generator<void, T, void> {
    return holding({ kernel: this.#kernel }, file, step);
  }

  /** Descriptors that the table has room for without growing, as Linux sizes it. */
  get room(): number {
    const { length } = this.#files;
    return length <= 64 ? 64 : 128 * 2 ** Math.ceil(Math.log2(Math.floor((length - 1) / 128) + 1));
  }

  /** Descriptors in use, in order. */
  *descriptors(): Generator<[number, OpenFile]> {
    for (const [fd, file] of this.#files.entries()) if (file !== undefined) yield [fd, file];
  }

  close(fd: number): number {
    const file = this.get(fd);
    if (file === undefined) return -EBADF;
    this.#files[fd] = undefined;
    this.#closeOnExec.delete(fd);
    if (fd < this.#firstFree) this.#firstFree = fd;
    this.#closed(file, fd);
    return 0;
  }

  /**
   * A task that used the table is gone; the last one closes everything: a few files at once, however full the turn is, as
   * whoever waits for a process expects closed what it had open.
   */
  release(): void {
    if (--this.users > 0) return;
    let fd = 0;
    this.#kernel.steps.begin(() => {
      fd = this.#closePiece(fd, this.#files.length - 1, false);
      if (fd < this.#files.length) return false;
      this.#kernel.counters.descriptorSlots -= this.#files.length;
      this.#files.length = 0;
      this.#kernel.lending?.tableGone(this.id);
      return true;
    });
  }

  /** Closes descriptors from `fd` up to `last`, or some of them: the next one to go on with. */
  #closePiece(fd: number, last: number, onlyMark: boolean): number {
    const end = Math.min(last + 1, this.#files.length);
    while (fd < end) {
      if (this.#files[fd] === undefined) {
        fd++;
        continue;
      }
      if (onlyMark) this.#closeOnExec.add(fd);
      else this.close(fd);
      if (++fd % CLOSED_PER_LOOK === 0 && this.#kernel.longTurns.isFull) return fd;
    }
    return end;
  }
}

/** One holder of the file less; the last one releases it. */
export function putFile(kernel: FileHolder, file: OpenFile): void {
  if (--file.references > 0) return;
  kernel.counters.openFiles--;
  kernel.fileEvents.closed(file);
  leaveSets(file, kernel.steps);
  file.asyncSignals?.disable();
  kernel.locks.fileReleased(file);
  file.release();
  if (file.hasWriteAccess) file.held?.putWriteAccess();
  file.held?.letGo();
  if (file.path !== null) {
    file.path.dentry.unpin();
    file.path.mount.letGo();
  }
  if (file.held !== null) kernel.fileEvents.letGo(file.held);
}

/** Goes on with `step` while the file is held: a thread that closes it meanwhile does not end it. */
export function* holding<T>(
  { kernel }: { kernel: FileContext },
  file: OpenFile,
  step: Generator<void, T, void>,
): Generator<void, T, void> {
  file.references++;
  try {
    return yield* step;
  } finally {
    putFile(kernel, file);
  }
}
