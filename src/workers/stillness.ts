// Whether a kernel has done anything since it told its figures: who has asked for them is told when it has, and need not wake
// it meanwhile to hear the same again (`metric-server`). Of a kernel that idles that is nearly always so. Its loop asks for one field,
// where it reads the clock or has slept; nobody watches where nobody asks.

interface StillnessContext {
  owesAnswer: boolean;
}

export class Stillness {
  readonly #kernel: StillnessContext;
  /** Somebody wants to know when it ends. */
  isWatched = false;
  /** Another number each time that somebody begins to watch. */
  #serial = 0;
  #waiting: (() => void)[] = [];

  constructor(kernel: StillnessContext) {
    this.#kernel = kernel;
  }

  /** From now on: a number for `ended`. */
  watch(): number {
    if (!this.isWatched) this.#serial++;
    this.isWatched = true;
    return this.#serial;
  }

  /** Resolves when something has been done since `watch` gave that number. */
  ended(serial: number): Promise<void> {
    if (!this.isWatched || serial !== this.#serial) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Something is done. */
  end(): void {
    if (!this.isWatched) return;
    this.isWatched = false;
    for (const tell of this.#waiting.splice(0)) tell();
    this.#kernel.owesAnswer = true;
  }
}
