// Of the calls that trap, and that stubs post to another thread than thread 0, some go by thread 0, which finds out which
// call sites are to be patched. Which ones is chance, so that no rhythm of a program keeps a site from being seen.

const RANDOM_SHIFT = 16;

export class ShownTraps {
  readonly #every: number;
  #random = 1;

  /** Thread 0 is shown one in so many; 0: none. */
  constructor(every: number) {
    this.#every = every;
  }

  /** Whether the next one is. */
  isNext(): boolean {
    if (this.#every === 0) return false;
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0;
    return (this.#random >>> RANDOM_SHIFT) % this.#every === 0;
  }
}
