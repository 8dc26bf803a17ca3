// A kernel thread's look for requests: its line of records in the active chunks, then the claim. At most
// one request a chunk in one pass, and another chunk and slot first each time, so that a guest with
// many threads cannot keep another from being served.
//
//   scanner.begin();
//   for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) handle(slot, scanner.request);
//
// Records are hostile: a word that differs from what the thread has seen last is a request, once, if its
// slot is with its guest (claims.ts). A look is plain loads: V8 takes no load of shared memory out of a loop,
// and whoever misses a request now meets it in the next pass, or in the last look before it blocks, which
// comes behind a locked instruction (kernel_page.ts).

import type { ActiveChunks } from "./active.ts";
import { type Claims, recordWord } from "./claims.ts";
import { slotNumber } from "./guest_memory.ts";
import { REQUEST_NR } from "./layout.ts";

export class Scanner {
  /** Request word of the slot that next() returned last. */
  request = 0;
  readonly #guest: Int32Array;
  readonly #claims: Claims;
  readonly #active: ActiveChunks;
  readonly #thread: number;
  #pass = 0;
  /** The chunk of which is asked next whether it is active still. */
  #resting = 0;
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
    this.#rest();
    const start = this.#pass % this.#limit;
    this.#firstWord = start >>> 5;
    this.#word = this.#firstWord;
    this.#wordsLeft = (this.#limit + 31) >>> 5;
    const bits = this.#active.bits(this.#word, this.#thread);
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
          this.#bits = this.#active.bits(this.#word, this.#thread);
        }
      }
      const bit = 31 - Math.clz32(this.#bits & -this.#bits);
      this.#bits &= this.#bits - 1;
      const number = this.takeFrom((this.#word << 5) | bit);
      if (number >= 0) return number;
    }
  }

  /** Takes one new request of a chunk: its slot's number, or -1. */
  takeFrom(chunk: number): number {
    const width = this.#active.width(chunk);
    const first = slotNumber(chunk, 0);
    return this.#claims.anyNew(first, width, this.#thread) ? this.#takeFrom(chunk, width) : -1;
  }

  #takeFrom(chunk: number, width: number): number {
    const start = this.#pass % width;
    for (let turn = 0; turn < width; turn++) {
      const number = slotNumber(chunk, (start + turn) % width);
      const request = this.#claims.take(number, this.#thread);
      if (request === 0) {
        if (this.#claims.hasGivenBack) this.#mark(chunk);
        continue;
      }
      this.request = request;
      return number;
    }
    return -1;
  }

  #mark(chunk: number): void {
    this.#claims.hasGivenBack = false;
    this.#active.mark(chunk);
  }

  /** The system call number that came with the request; behind take(), as everything of the request. */
  nr(number: number): number {
    return this.#guest[recordWord(number, this.#thread) + (REQUEST_NR >>> 2)]!;
  }

  /** One chunk each pass, so that none stays active for long in which all are blocked. */
  #rest(): void {
    const chunk = this.#resting < this.#limit ? this.#resting : 0;
    this.#resting = chunk + 1;
    if ((this.#active.bits(chunk >>> 5, this.#thread) & (1 << (chunk & 31))) === 0) return;
    this.#active.rest(chunk, this.#thread);
  }

  /**
   * Whether a request may be waiting for this thread: the last look before it blocks, after it has
   * set its sleeping flag. Goes by the claims, see active.ts.
   */
  anyRequest(): boolean {
    const limit = this.#active.limit();
    for (let chunk = 0; chunk < limit; chunk++) {
      const width = this.#active.width(chunk);
      for (let slot = 0; slot < width; slot++) {
        const number = slotNumber(chunk, slot);
        if (this.#claims.isWithGuest(number) && this.#claims.hasNew(number, this.#thread)) return true;
      }
    }
    return false;
  }
}
