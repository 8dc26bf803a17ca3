// Locks on ranges of a file (fcntl(2), F_SETLK and F_OFD_SETLK): each owner's ranges, split and merged,
// and what stands in the way of a new one. An owner is a descriptor table, or an open file description.

import type { PidNumbers } from "../call/pid.ts";

/** The last byte of a lock that goes to the end of the file, however far that moves. */
export const TO_END = Number.POSITIVE_INFINITY;

/** Bytes from `start` to `end`, both included. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface RecordLock extends Range {
  readonly owner: object;
  readonly write: boolean;
  /** Who set it, as F_GETLK tells; null: an open file description has it. */
  readonly process: PidNumbers | null;
}

function overlaps(a: Range, b: Range): boolean {
  return a.start <= b.end && b.start <= a.end;
}

/** The locks of one file. */
export class RecordLocks {
  /** An owner's locks stand together, in order of their places; owners in the order of their first lock. */
  #locks: RecordLock[] = [];

  get count(): number {
    return this.#locks.length;
  }

  [Symbol.iterator](): Iterator<RecordLock> {
    return this.#locks[Symbol.iterator]();
  }

  /** The first lock of another owner that forbids this one. */
  conflict(wanted: RecordLock): RecordLock | null {
    for (const lock of this.#locks) {
      if (lock.owner === wanted.owner || !overlaps(lock, wanted)) continue;
      if (lock.write || wanted.write) return lock;
    }
    return null;
  }

  /** How many locks there would be more, at most, after a change. */
  static readonly growth = 2;

  /** Sets a lock that nothing forbids: it takes the place of what the owner has there. */
  set(wanted: RecordLock): void {
    let { start, end } = wanted;
    const rest = this.#without(wanted, wanted);
    // Neighbours of the same kind become one.
    const others = rest.filter((lock) => {
      const same = lock.owner === wanted.owner && lock.write === wanted.write;
      if (!same || lock.start > end + 1 || lock.end + 1 < start) return true;
      start = Math.min(start, lock.start);
      end = Math.max(end, lock.end);
      return false;
    });
    const merged = { ...wanted, start, end };
    const last = others.findLastIndex((lock) => lock.owner === wanted.owner);
    const first = others.findIndex((lock) => lock.owner === wanted.owner && lock.start > start);
    if (first >= 0) others.splice(first, 0, merged);
    else others.splice(last < 0 ? this.#placeOf(wanted.owner, others) : last + 1, 0, merged);
    this.#locks = others;
  }

  // Where the owner's only lock stood before it was taken out: behind the owners that came before it.
  #placeOf(owner: object, others: readonly RecordLock[]): number {
    const before = this.#locks.findIndex((lock) => lock.owner === owner);
    return before < 0 ? others.length : Math.min(before, others.length);
  }

  /** Takes an owner's locks out of a range; whether anything changed. */
  unset(owner: object, range: Range): boolean {
    const rest = this.#without({ owner }, range);
    const changed = rest.length !== this.#locks.length || rest.some((lock, i) => lock !== this.#locks[i]);
    this.#locks = rest;
    return changed;
  }

  #without({ owner }: { owner: object }, range: Range): RecordLock[] {
    const rest: RecordLock[] = [];
    for (const lock of this.#locks) {
      if (lock.owner !== owner || !overlaps(lock, range)) {
        rest.push(lock);
        continue;
      }
      if (lock.start < range.start) rest.push({ ...lock, end: range.start - 1 });
      if (lock.end > range.end) rest.push({ ...lock, start: range.end + 1 });
    }
    return rest;
  }
}
