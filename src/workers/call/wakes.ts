// Wake-ups of stubs that sleep on their reply words. Where all threads are on one CPU (TOGETHER in cpu_placement.ts) the host
// lets a stub that is woken run at once, and comes back to the kernel thread when that has posted its next request. Two that are
// woken by one host call run one after the other before it does: three switches of threads for two replies, not four. So
// there one wake-up is held back while requests are served, for one more of them, and for the steps behind them.

import type { Native } from "../native.ts";

/** Requests that are begun while a wake-up is held back. */
const REQUESTS_HELD = 1;

export class Wakes {
  readonly #native: Pick<Native, "futexWake" | "futexWakeTwo">;
  #isHolding = false;
  /** Chunk and offset of the word of the one that is held back; -1: there is none. */
  #chunk = -1;
  #offset = 0;
  #requests = 0;

  constructor(native: Pick<Native, "futexWake" | "futexWakeTwo">) {
    this.#native = native;
  }

  wake(chunk: number, offset: number): void {
    if (!this.#isHolding) this.#native.futexWake(chunk, offset);
    else if (this.#chunk < 0) {
      this.#chunk = chunk;
      this.#offset = offset;
      this.#requests = 0;
    } else {
      const held = this.#chunk;
      this.#chunk = -1;
      this.#native.futexWakeTwo(held, this.#offset, chunk, offset);
    }
  }

  /** From now on one may be held back, until letGo(). */
  hold(): void {
    this.#isHolding = true;
  }

  /** Another request is about to be served. */
  next(): void {
    if (this.#chunk >= 0 && this.#requests++ >= REQUESTS_HELD) this.#wakeHeld();
  }

  letGo(): void {
    this.#isHolding = false;
    if (this.#chunk >= 0) this.#wakeHeld();
  }

  #wakeHeld(): void {
    const chunk = this.#chunk;
    this.#chunk = -1;
    this.#native.futexWake(chunk, this.#offset);
  }
}
