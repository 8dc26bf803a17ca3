// Active chunks: in which chunks a request can stand at all, and in how many of their slots, so that a
// pass over the slots costs nothing for processes that are blocked. Private SAB; no stub sees it.
//
//   active[thread]   one bit a chunk: that kernel thread looks into it. Set for all of them by who gives a slot
//                    to its guest, cleared by the thread itself when the claims say that no slot is with its guest
//                    (rest). So a slot that is with its guest is marked, or about to be: the mark follows the
//                    reply word, since it is set already as a rule, and a stub need not wait for it.
//   widths[chunk]    one more than the highest slot that was opened since the place was allotted
//   limit            one more than the highest chunk that was opened since the last shrink().
//
// Because of the moment between reply word and mark a thread may not fall asleep on the word of the
// bits: its last look goes by the claims (Scanner.anyRequest in scan.ts).
//
// With one kernel thread all of this is that thread's own. With several the bits are changed by
// Atomics, and mark() needs a locked instruction between the claim's store and its look: the reply word's exchange, or
// letGo()'s own.

import type { Claims } from "./claims.ts";
import { chunkOfSlot, slotInChunk, slotNumber } from "./guest_memory.ts";
import { ACTIVE_WORDS } from "./private_sab.ts";

export class ActiveChunks {
  readonly #claims: Claims;
  readonly #active: Int32Array;
  readonly #widths: Int32Array;
  readonly #limit: Int32Array;
  readonly #threads: number;

  /** The views of PrivateSab.active, PrivateSab.widths and PrivateSab.limit; how many kernel threads there are. */
  constructor(claims: Claims, active: Int32Array, widths: Int32Array, limit: Int32Array, threads: number) {
    this.#claims = claims;
    this.#active = active;
    this.#widths = widths;
    this.#limit = limit;
    this.#threads = threads;
  }

  /** A slot has been opened. By the thread that allots places alone. */
  opened(number: number): void {
    const chunk = chunkOfSlot(number);
    if (this.#widths[chunk]! <= slotInChunk(number)) {
      // Locked, as mark()'s look comes behind it: who rests by the old width clears what that finds set.
      Atomics.store(this.#widths, chunk, slotInChunk(number) + 1);
    }
    this.mark(chunk);
  }

  /** A slot of the chunk has gone to its guest, and its reply word is stored. */
  mark(chunk: number): void {
    const bit = 1 << (chunk & 31);
    let word = chunk >>> 5;
    if (this.#threads === 1) {
      this.#active[word] = this.#active[word]! | bit;
      return;
    }
    for (let thread = 0; thread < this.#threads; thread++, word += ACTIVE_WORDS) {
      if ((this.#active[word]! & bit) === 0) Atomics.or(this.#active, word, bit);
    }
  }

  /**
   * The kernel thread looks into the chunk no more, if no slot is with its guest. The claims are read again
   * after the bit is cleared: a slot may have been released before, whose mark found the bit still set.
   */
  rest(chunk: number, thread: number): void {
    if (this.#anyWithGuest(chunk)) return;
    const word = thread * ACTIVE_WORDS + (chunk >>> 5);
    const bit = 1 << (chunk & 31);
    if (this.#threads === 1) {
      this.#active[word] = this.#active[word]! & ~bit;
      return;
    }
    Atomics.and(this.#active, word, ~bit);
    if (this.#anyWithGuest(chunk)) Atomics.or(this.#active, word, bit);
  }

  #anyWithGuest(chunk: number): boolean {
    const width = this.#widths[chunk]!;
    for (let slot = 0; slot < width; slot++) {
      if (this.#claims.isWithGuest(slotNumber(chunk, slot))) return true;
    }
    return false;
  }

  /** Bits of chunks 32 * word to 32 * word + 31, for a kernel thread. */
  bits(word: number, thread: number): number {
    return this.#active[thread * ACTIVE_WORDS + word]!;
  }

  /** In how many slots of the chunk a request can stand. */
  width(chunk: number): number {
    return this.#widths[chunk]!;
  }

  limit(): number {
    return this.#limit[0]!;
  }

  /** Before the first slot of a chunk is opened. By the thread that allots places alone. */
  include(chunk: number): void {
    this.#widths[chunk] = 0;
    if (this.#limit[0]! <= chunk) Atomics.store(this.#limit, 0, chunk + 1);
  }

  /** No chunk at or above the limit is in use any more. By the thread that allots places alone. */
  shrink(limit: number): void {
    Atomics.store(this.#limit, 0, limit);
  }
}
