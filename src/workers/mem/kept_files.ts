// Host descriptors that a stub keeps: of a file that its guest has mapped, or reads in bulk, for as long as the guest has
// it open. While one is there, the stub maps and reads the file by itself, and nothing has to be told first. It is the
// guest's, as the file is (F1): with no more access than the guest's own, open no longer than the guest has it open,
// and what a fork copies of them is what it copies of the guest's.
//
// So there are none in memory that several tasks share, which may have several tables of files, and one of which may close what
// another one is about to map; none where the table is shared with other memory; and none where a filter takes from the guest what could be done by them: before there is a second task, or such a filter, the
// stub has closed all. Then nothing happens
// to what is kept but in calls of the one task, which follow each other.

import { nr } from "../../shared/abi/syscalls.ts";
import { type OperationList, SYS_close } from "../call/operation_list.ts";
import type { Donations } from "./donations.ts";

/** Of one stub: a fork has a list that closes all of them. */
const KEPT_MAX = 24;
/** An open file, as it is known here. */
export interface KeepableFile {
  /** Stubs that keep a descriptor of it; null: none ever has. */
  keptIn: Set<KeptFiles> | null;
  /**
   * What a descriptor of it for reading reads: it is another one where the file's contents have come to stand elsewhere.
   * null: no stub is to keep one.
   */
  readonly keepable: object | null;
}

interface KeepingStub {
  readonly tasks: readonly { readonly seccomp: { allows(nr: number): boolean } | null }[];
}

/** What its guest can do by a descriptor that it keeps: it is to be allowed all of that (seccomp(2)). */
const CALLS = ["mmap", "pread64", "fsync", "fdatasync"].map(nr);

interface Kept {
  /** In the stub. */
  readonly fd: number;
  /** Of the table that its guest has the file in. */
  readonly table: number;
  readonly source: object;
  /** The list that gives it has ended. */
  isThere: boolean;
  /** It is due as soon as it is there. */
  isGone: boolean;
}

export class KeptFiles {
  readonly #donations: Donations;
  readonly #files = new Map<KeepableFile, Kept>();
  /** Numbers that the stub is to close. */
  #due: number[] = [];

  readonly #stub: KeepingStub;

  constructor(donations: Donations, stub: KeepingStub) {
    this.#donations = donations;
    this.#stub = stub;
  }

  /** Whether the stub may keep any. */
  get isAllowed(): boolean {
    const { tasks } = this.#stub;
    if (tasks.length !== 1) return false;
    const { seccomp } = tasks[0]!;
    return seccomp === null || CALLS.every((call) => seccomp.allows(call));
  }

  /** The stub is to close some. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /** The number by which the stub has the file as it is now; -1: it has not. */
  find(file: KeepableFile): number {
    const kept = this.#files.get(file);
    if (kept === undefined || !kept.isThere) return -1;
    if (kept.source === file.keepable) return kept.fd;
    this.#drop(file, kept);
    return -1;
  }

  /** Whether one more may be kept, of a file that is not. */
  hasRoomFor(file: KeepableFile): boolean {
    return this.isAllowed && this.#files.size + this.#due.length < KEPT_MAX && !this.#files.has(file);
  }

  /** A list is about to give the stub the file under this number, by the caller's lock. */
  begin(file: KeepableFile, fd: number, source: object, table: number): void {
    this.#files.set(file, { fd, source, table, isThere: false, isGone: false });
    file.keptIn ??= new Set();
    file.keptIn.add(this);
  }

  /** The list has ended; without success it may be there all the same, and is due. */
  end(file: KeepableFile, isThere: boolean): void {
    const kept = this.#files.get(file)!;
    kept.isThere = isThere;
    if (!isThere || kept.isGone) this.#drop(file, kept);
  }

  /** A table has let the file go: the guest may have it under another number there, and is given it anew. */
  closed(file: KeepableFile, table: number): void {
    const kept = this.#files.get(file);
    if (kept === undefined || kept.table !== table) return;
    if (kept.isThere) this.#drop(file, kept);
    else kept.isGone = true;
  }

  #drop(file: KeepableFile, { fd }: Kept): void {
    this.#files.delete(file);
    file.keptIn?.delete(this);
    this.#due.push(fd);
  }

  /** None is kept any more. */
  dropAll(): void {
    for (const [file, { table }] of [...this.#files]) this.closed(file, table);
  }

  /** Has a list of the stub's close what is due: their numbers, for closedIn() afterwards. */
  closeIn(list: OperationList): number[] {
    const due = this.#due;
    this.#due = [];
    for (const fd of due) list.tell(SYS_close, fd);
    return due;
  }

  /** The list that closes them has ended. */
  closedIn(due: readonly number[]): void {
    for (const fd of due) this.#donations.end(fd);
  }

  /** Of a forked child, which has what its parent had when it was made, and that table; the caller has locked all of that. */
  copyFrom(parent: KeptFiles, table: number): void {
    for (const [file, { fd, source }] of parent.#files) {
      this.#donations.take(fd);
      this.begin(file, fd, source, table);
      this.end(file, true);
    }
  }

  /** The stub has ended, or there will be none. */
  clear(): void {
    for (const file of this.#files.keys()) file.keptIn?.delete(this);
    this.#files.clear();
    this.#due.length = 0;
  }
}
