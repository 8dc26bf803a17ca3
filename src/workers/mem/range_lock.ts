// Locks on page ranges of one address space (docs/hardening.md, F4): an operation list holds one from the
// decision until the stub has reported, so that two threads never change the same pages at once and
// the VMA set follows the host's order. Exclusive, first come first served: a request waits behind
// every overlapping one that came earlier, granted or not, so nobody starves. Never blocks: who must
// wait is told later through `onGrant`, and can cancel.
//
// There are at most as many locks as threads in the address space, which may be thousands that all end at once: each
// waiting one counts those that it waits for, so that a lock's end is one look at those that came later (F26).

import type { Range } from "./vma_set.ts";

/** Above every address: [0, WHOLE_SPACE) overlaps all, also locks that are not placed yet. */
export const WHOLE_SPACE = Number.MAX_SAFE_INTEGER;

export type LockState = "waiting" | "held" | "done";

export interface RangeLock<W> {
  readonly start: number;
  readonly end: number;
  readonly state: LockState;
  /** What the holder needs to go on when the lock is granted later. */
  readonly waiter: W;
}

interface Entry<W> extends RangeLock<W> {
  start: number;
  end: number;
  state: LockState;
  /** Earlier locks that overlap it. */
  blockers: number;
}

export class RangeLocks<W> {
  /** In order of arrival: held and waiting ones. */
  readonly #entries: Entry<W>[] = [];
  readonly #onGrant: (lock: RangeLock<W>) => void;

  /** `onGrant` is called for locks that had to wait, from inside release() or cancel(). */
  constructor(onGrant: (lock: RangeLock<W>) => void) {
    this.#onGrant = onGrant;
  }

  /** Asks for [start, end). The result is held already, or waiting: then onGrant follows. */
  request(start: number, end: number, waiter: W): RangeLock<W> {
    const entry: Entry<W> = { start, end, state: "waiting", waiter, blockers: 0 };
    for (const earlier of this.#entries) if (overlap(entry, earlier)) entry.blockers++;
    if (entry.blockers === 0) entry.state = "held";
    this.#entries.push(entry);
    return entry;
  }

  /** fork, exec and exit: everything. */
  requestAll(waiter: W): RangeLock<W> {
    return this.request(0, WHOLE_SPACE, waiter);
  }

  /**
   * For a range that is chosen only when the lock is held, such as mmap's without an address: waits for
   * locks on everything alone. When it is held, choose a range that avoids `busy()`, and place() it.
   */
  requestUnplaced(waiter: W): RangeLock<W> {
    return this.request(0, 0, waiter);
  }

  /** Gives a held, unplaced lock its range, which must not overlap any other lock. */
  place(lock: RangeLock<W>, start: number, end: number): void {
    const entry = lock as Entry<W>;
    this.#indexOf(entry);
    const placed: Entry<W> = { ...entry, start, end };
    if (entry.state !== "held" || entry.end !== 0) throw new Error("only a held, unplaced lock is placed");
    if (
      this.#entries.some((other) => other !== entry && other.end !== WHOLE_SPACE && overlap(placed, other))
    ) {
      throw new Error("the range is locked by another");
    }
    entry.start = start;
    entry.end = end;
  }

  /** Ends a lock, held or waiting (then it is cancelled); whoever can go on is granted. */
  release(lock: RangeLock<W>): void {
    const entry = lock as Entry<W>;
    const index = this.#indexOf(entry);
    this.#entries.splice(index, 1);
    entry.state = "done";
    this.#grant(entry, index);
  }

  /** The ranges that an address selection keeps clear of: all that is held or waited for. */
  busy(): Range[] {
    return this.#entries.filter((entry) => entry.end > entry.start && entry.end !== WHOLE_SPACE);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#firstWaiting() >= 0;
  }

  /** What those need to go on who hold what the first of all that wait waits for; at most so many. */
  *holdersInTheWay(most: number): Generator<W> {
    const index = this.#firstWaiting();
    if (index < 0) return;
    const first = this.#entries[index]!;
    let left = most;
    for (const earlier of this.#entries.slice(0, index)) {
      if (!overlap(earlier, first)) continue;
      if (left-- === 0) return;
      yield earlier.waiter;
    }
  }

  #firstWaiting(): number {
    return this.#entries.findIndex(({ state }) => state === "waiting");
  }

  /** `ended` stood before those from `first` on. */
  #grant(ended: Entry<W>, first: number): void {
    const granted: Entry<W>[] = [];
    for (let i = first; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (overlap(ended, entry) && --entry.blockers === 0) {
        entry.state = "held";
        granted.push(entry);
      }
    }
    // Told afterwards, since whoever is told may release or request. It may even have ended another
    // lock of this list, which then is not told.
    for (const entry of granted) if (entry.state === "held") this.#onGrant(entry);
  }

  #indexOf(entry: Entry<W>): number {
    const index = this.#entries.indexOf(entry);
    if (index < 0) throw new Error("not a lock of this address space, or released twice");
    return index;
  }
}

function overlap(a: Range, b: Range): boolean {
  if (a.end === WHOLE_SPACE || b.end === WHOLE_SPACE) return true;
  return a.start < b.end && b.start < a.end;
}
