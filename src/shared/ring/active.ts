// Active chunks: in which chunks a request can stand at all, so that a pass over the slots costs
// nothing for processes that are blocked. Private SAB; no stub sees it.
//
//   runnable[chunk]  slots of the chunk whose ball is with the guest: open, and not owned by a
//                    kernel thread. Exact. Raised by the replier before it stores the reply word
//                    (and when a slot is opened), lowered by whoever claims (or closes) the slot.
//   active           one bit a chunk, set while runnable is not zero. A hint: for a moment after
//                    raise() and lower() meet it can be clear although runnable is not zero, and
//                    the thread in lower() is about to set it.
//   limit            one more than the highest chunk that was opened since the last shrink().
//
// Because of that moment a thread may not fall asleep on the word of the bits: its last look goes
// by the counters (Scanner.anyRequest in scan.ts).

export class ActiveChunks {
  readonly #runnable: Int32Array;
  readonly #active: Int32Array;
  readonly #limit: Int32Array;

  /** The views of PrivateSab.runnable, PrivateSab.active and PrivateSab.limit. */
  constructor(runnable: Int32Array, active: Int32Array, limit: Int32Array) {
    this.#runnable = runnable;
    this.#active = active;
    this.#limit = limit;
  }

  /** One more slot of the chunk is with the guest. Before the reply word is stored. */
  raise(chunk: number): void {
    if (Atomics.add(this.#runnable, chunk, 1) === 0) {
      Atomics.or(this.#active, chunk >>> 5, 1 << (chunk & 31));
    }
  }

  /** One slot fewer. The counter is read again after the bit is cleared: a raise may have come between. */
  lower(chunk: number): void {
    if (Atomics.sub(this.#runnable, chunk, 1) === 1) {
      Atomics.and(this.#active, chunk >>> 5, ~(1 << (chunk & 31)));
      if (Atomics.load(this.#runnable, chunk) !== 0) {
        Atomics.or(this.#active, chunk >>> 5, 1 << (chunk & 31));
      }
    }
  }

  runnable(chunk: number): number {
    return Atomics.load(this.#runnable, chunk);
  }

  /** Bits of chunks 32 * word to 32 * word + 31. */
  bits(word: number): number {
    return Atomics.load(this.#active, word);
  }

  limit(): number {
    return Atomics.load(this.#limit, 0);
  }

  /** Before the first slot of a chunk is opened. By the thread that allots places alone. */
  include(chunk: number): void {
    if (Atomics.load(this.#limit, 0) <= chunk) Atomics.store(this.#limit, 0, chunk + 1);
  }

  /** No chunk at or above the limit is in use any more. By the thread that allots places alone. */
  shrink(limit: number): void {
    Atomics.store(this.#limit, 0, limit);
  }
}
