// A kernel thread's look for requests: pending words of the active chunks, then the claim. At most
// one request a chunk in one pass, and another chunk and slot first each time, so that a guest with
// many threads cannot keep another from being served.
//
//   scanner.begin();
//   for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) handle(slot, scanner.request);
//
// Pending words are hostile: a bit for a slot that has no new request is cleared and forgotten.

import type { ActiveChunks } from "./active.ts";
import type { Claims } from "./claims.ts";
import { chunkWord, slotNumber } from "./guest_memory.ts";
import { CHUNK_SLOTS, PENDING, PENDING_STRIDE } from "./layout.ts";

const SLOT_BITS = (1 << CHUNK_SLOTS) - 1;

export class Scanner {
  /** Request word of the slot that next() returned last. */
  request = 0;
  readonly #guest: Int32Array;
  readonly #claims: Claims;
  readonly #active: ActiveChunks;
  readonly #thread: number;
  readonly #pendingOffset: number;
  #pass = 0;
  #limit = 0;
  #firstWord = 0;
  #word = 0;
  #bits = 0;
  #restBits = 0;
  #wordsLeft = 0;

  constructor(guestWords: Int32Array, claims: Claims, active: ActiveChunks, thread: number) {
    this.#guest = guestWords;
    this.#claims = claims;
    this.#active = active;
    this.#thread = thread;
    this.#pendingOffset = (PENDING + thread * PENDING_STRIDE) >>> 2;
  }

  /** Starts a pass one place further than the last one. */
  begin(): void {
    this.#pass = (this.#pass + 1) & 0x3fffffff;
    this.#limit = this.#active.limit();
    if (this.#limit === 0) {
      this.#wordsLeft = 0;
      this.#bits = 0;
      this.#restBits = 0;
      return;
    }
    const start = this.#pass % this.#limit;
    this.#firstWord = start >>> 5;
    this.#word = this.#firstWord;
    this.#wordsLeft = (this.#limit + 31) >>> 5;
    const bits = this.#active.bits(this.#word);
    const before = (1 << (start & 31)) - 1;
    this.#bits = bits & ~before;
    this.#restBits = bits & before; // of the first word; they come last
  }

  /** Number of a slot (guest_memory.ts) that this thread owns from now on, or -1 at the end of the pass. */
  next(): number {
    for (;;) {
      while (this.#bits === 0) {
        if (this.#wordsLeft === 0) return -1;
        if (--this.#wordsLeft === 0) {
          this.#word = this.#firstWord;
          this.#bits = this.#restBits;
        } else {
          this.#word = this.#word + 1 === (this.#limit + 31) >>> 5 ? 0 : this.#word + 1;
          this.#bits = this.#active.bits(this.#word);
        }
      }
      const bit = 31 - Math.clz32(this.#bits & -this.#bits);
      this.#bits &= this.#bits - 1;
      const number = this.takeFrom((this.#word << 5) | bit);
      if (number >= 0) return number;
    }
  }

  /** Takes one request that is pending in a chunk: its slot's number, or -1. */
  takeFrom(chunk: number): number {
    const index = chunkWord(chunk) + this.#pendingOffset;
    const pending = Atomics.load(this.#guest, index) & SLOT_BITS;
    if (pending === 0) return -1;
    const first = this.#pass & (CHUNK_SLOTS - 1);
    const later = pending & (-1 << first);
    const choice = later !== 0 ? later : pending;
    const slot = 31 - Math.clz32(choice & -choice);
    Atomics.and(this.#guest, index, ~(1 << slot));
    const number = slotNumber(chunk, slot);
    const request = this.#claims.take(number, this.#thread);
    if (request === 0) return -1;
    this.#active.lower(chunk);
    this.request = request;
    return number;
  }

  /**
   * Whether a request may be waiting for this thread: the last look before it blocks, after it has
   * set its sleeping flag. Goes by the counters, see active.ts.
   */
  anyRequest(): boolean {
    const limit = this.#active.limit();
    for (let chunk = 0; chunk < limit; chunk++) {
      if (this.#active.runnable(chunk) === 0) continue;
      if ((Atomics.load(this.#guest, chunkWord(chunk) + this.#pendingOffset) & SLOT_BITS) !== 0) return true;
    }
    return false;
  }
}
