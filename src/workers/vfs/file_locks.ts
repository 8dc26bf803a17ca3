// All locks on files: record locks (record_locks.ts) and those of flock(2), by file, with those that wait
// for them, and their release when descriptors are closed and processes end.

import { POLLIN } from "../../shared/abi/poll.ts";
import type { CallContext } from "../call/context.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import type { OpenFile } from "./file.ts";
import { type RecordLock, RecordLocks, TO_END } from "./record_locks.ts";

const EVERYTHING = { start: 0, end: TO_END };
/** As far as a chain of waiting owners is followed (Linux's MAX_DEADLK_ITERATIONS). */
const CHAIN_MAX = 10;

/** The locks of one file, whatever inode object it is known by. */
export class FileLocks {
  readonly key: string;
  readonly records = new RecordLocks();
  /** flock's: open file description -> exclusive. */
  readonly whole = new Map<OpenFile, boolean>();
  readonly waiters = new WaitQueue();
  /** Calls that look at it or wait for it: until they are done it is the file's only one. */
  users = 0;

  constructor(key: string) {
    this.key = key;
  }

  get unused(): boolean {
    return this.users === 0 && this.records.count === 0 && this.whole.size === 0;
  }

  changed(): void {
    this.waiters.wake(POLLIN);
  }

  /** Whether another description's flock forbids this one. */
  wholeConflict(file: OpenFile, exclusive: boolean): boolean {
    for (const [other, isExclusive] of this.whole)
      if (other !== file && (exclusive || isExclusive)) return true;
    return false;
  }
}

export class LockTable {
  readonly #kernel: CallContext;
  readonly #files = new Map<string, FileLocks>();
  /**
   * Files on which an owner (a descriptor table, an open file description) has record locks, or flock's, or has had
   * some: by key, since the locks of a file that nobody has locked for a while are another object when they are back.
   */
  readonly #held = new Map<object, Map<string, FileLocks>>();
  /** Owners that wait, and for whom: to find deadlocks. */
  readonly #waiting = new Map<object, object>();

  constructor(kernel: CallContext) {
    this.#kernel = kernel;
  }

  /** Files with locks, owners that have one, owners that wait: for counters. */
  get size(): number {
    return this.#files.size + this.#held.size + this.#waiting.size;
  }

  /** The locks of a file, or a negative errno. Give them back by put(). */
  of(file: OpenFile): FileLocks | number {
    const attributes = file.attributes();
    if (typeof attributes === "number") return attributes;
    const key = `${attributes.dev}:${attributes.ino}`;
    let locks = this.#files.get(key);
    if (locks === undefined) {
      locks = new FileLocks(key);
      this.#files.set(key, locks);
    }
    locks.users++;
    return locks;
  }

  put(locks: FileLocks): void {
    locks.users--;
    this.#forgetUnused(locks);
  }

  #forgetUnused(locks: FileLocks): void {
    if (locks.unused && this.#files.get(locks.key) === locks) this.#files.delete(locks.key);
  }

  /** There is room for one more change. */
  get full(): boolean {
    return !this.#kernel.heap.hasRoom("fileLocks", RecordLocks.growth);
  }

  setRecord(locks: FileLocks, lock: RecordLock): void {
    const before = locks.records.count;
    locks.records.set(lock);
    this.#kernel.counters.fileLocks += locks.records.count - before;
    this.#hold(lock.owner, locks);
    locks.changed();
  }

  unsetRecords(locks: FileLocks, owner: object, start: number, end: number): void {
    const before = locks.records.count;
    const changed = locks.records.unset(owner, { start, end });
    this.#kernel.counters.fileLocks += locks.records.count - before;
    if (changed) locks.changed();
  }

  setWhole(locks: FileLocks, file: OpenFile, exclusive: boolean): void {
    if (!locks.whole.has(file)) this.#kernel.counters.fileLocks++;
    locks.whole.set(file, exclusive);
    this.#hold(file, locks);
    locks.changed();
  }

  unsetWhole(locks: FileLocks, file: OpenFile): void {
    if (!locks.whole.delete(file)) return;
    this.#kernel.counters.fileLocks--;
    locks.changed();
  }

  #hold(owner: object, locks: FileLocks): void {
    const held = this.#held.get(owner);
    if (held === undefined) this.#held.set(owner, new Map([[locks.key, locks]]));
    else held.set(locks.key, locks);
  }

  // ---- Waiting ----

  /** Whether `owner` would wait for itself if it waited for `holder`. */
  wouldDeadlock(owner: object, holder: object): boolean {
    let at: object | undefined = holder;
    for (let steps = 0; at !== undefined && steps <= CHAIN_MAX; steps++) {
      if (at === owner) return true;
      at = this.#waiting.get(at);
    }
    return false;
  }

  waits(owner: object, holder: object): void {
    this.#waiting.set(owner, holder);
  }

  waitsNoMore(owner: object): void {
    this.#waiting.delete(owner);
  }

  // ---- The end of descriptors ----

  /** A descriptor of the table was closed: its process's record locks on that file are gone (fcntl(2)). */
  descriptorClosed(table: object, file: OpenFile): void {
    const held = this.#held.get(table);
    if (held === undefined) return;
    const locks = this.of(file);
    if (typeof locks === "number") return;
    if (held.delete(locks.key)) this.unsetRecords(locks, table, EVERYTHING.start, EVERYTHING.end);
    if (held.size === 0) this.#held.delete(table);
    this.put(locks);
  }

  /** An open file description is gone, and its locks with it. */
  fileReleased(file: OpenFile): void {
    const held = this.#held.get(file);
    if (held === undefined) return;
    this.#held.delete(file);
    for (const locks of held.values()) {
      this.unsetWhole(locks, file);
      this.unsetRecords(locks, file, EVERYTHING.start, EVERYTHING.end);
      this.#forgetUnused(locks);
    }
  }
}
