// Credit: a bounded total that several kernel threads use. Of each such thing two words stand in the private SAB: what
// there may be in all, and what of that nobody has drawn. A thread draws in batches by compare-exchange; what it has
// drawn is its own, a plain number, and a thing that it makes costs no look at what others see.
//
// - What is not drawn is one word, so that a draw, a change of the total and what comes back cannot miss each other. It
//   is below zero while more is in use than there may be (a total was made smaller, or something was used that could not
//   be refused): what is in use stays, and no draw succeeds until enough came back, as of memory control groups of Linux.
// - A draw fails only if there was not as much as it needs: where there is less than a batch, it takes less.
// - Who holds more than two batches that it does not use gives all but one back, and who is about to sleep all of them
//   (settle()): a thread that sleeps holds what it uses, and others find the rest.

import { CREDIT_LEFT, CREDIT_LIMIT, CREDIT_WORDS } from "./private_sab.ts";

/** Of what others may draw, a batch is this part at most. */
const SHARE_SHIFT = 2;
export const TOTAL_MAX = 0x7fffffff;

export class Credit {
  readonly #words: Int32Array;
  readonly #limitAt: number;
  readonly #leftAt: number;
  readonly #batch: number;
  /** Units that this thread uses, or may use without asking. */
  drawn: number;

  /** `account`: which of the things; `batch`: units that are drawn beside what is needed. */
  constructor(words: Int32Array, account: number, batch: number, drawn = 0) {
    this.#words = words;
    this.#limitAt = account * CREDIT_WORDS + CREDIT_LIMIT;
    this.#leftAt = account * CREDIT_WORDS + CREDIT_LEFT;
    this.#batch = batch;
    this.drawn = drawn;
  }

  /** Units that all threads may have together. */
  get limit(): number {
    return this.#words[this.#limitAt]!;
  }

  /** One thread alone sets it: the main thread before there is another, and then thread 0. */
  set limit(units: number) {
    const limit = Math.min(units, TOTAL_MAX);
    const change = limit - this.limit;
    this.#words[this.#limitAt] = limit;
    Atomics.add(this.#words, this.#leftAt, change);
  }

  /** Units that nobody has drawn; below zero: so many are used too many. */
  get left(): number {
    return this.#words[this.#leftAt]!;
  }

  /** Whether `drawn` is at least `wanted` afterwards; `reserve` units are left to others. */
  draw(wanted: number, reserve = 0): boolean {
    const needed = wanted - this.drawn;
    for (;;) {
      const left = this.left;
      const spare = left - needed - reserve;
      if (spare < 0) return false;
      const taken = needed + Math.min(this.#batch, spare >> SHARE_SHIFT);
      if (Atomics.compareExchange(this.#words, this.#leftAt, left, left - taken) !== left) continue;
      this.drawn += taken;
      return true;
    }
  }

  /** From time to time, and before the thread sleeps: it uses so many units, some of which it may not have drawn. */
  settle(used: number, isGoingToSleep: boolean): void {
    const unused = this.drawn - used;
    if (unused < 0 || isGoingToSleep) this.#give(unused);
    else if (unused > 2 * this.#batch) this.#give(unused - this.#batch);
  }

  #give(units: number): void {
    if (units === 0) return;
    this.drawn -= units;
    Atomics.add(this.#words, this.#leftAt, units);
  }
}
