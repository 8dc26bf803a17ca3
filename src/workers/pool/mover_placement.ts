// How long a data thread polls for the next call. It serves what thread 0 could serve as well, so it does that only where
// a CPU is left for it: where stubs go to sleep over their calls, they have the same CPU as it, and each call takes two
// switches of threads. Then it sleeps at once, stubs post to thread 0, and that wakes it again more and more seldom
// (lender.ts).

import type { LoopPlacement } from "../loop.ts";

/** It has a CPU of its own. */
const POLL_NS = 50e3;
/** Requests that say how it is; a stub that was woken by something else may have slept over a few of them. */
const WINDOW = 16;
const SHARING_SHARE = 0.3;

interface MoverContext {
  readonly counters: { readonly requests: number };
  /** Replies so far that had to wake their stub. */
  readonly slots: { readonly wakes: number };
}

export class MoverPlacement implements LoopPlacement {
  readonly #kernel: MoverContext;
  #isSharing = false;
  #requests = 0;
  #wakes = 0;

  constructor(kernel: MoverContext) {
    this.#kernel = kernel;
  }

  get pollNs(): number {
    return this.#isSharing ? 0 : POLL_NS;
  }

  get sleepsAtOnce(): boolean {
    return this.#isSharing;
  }

  readonly isGathered = false;

  look(): void {
    const { counters, slots } = this.#kernel;
    const requests = counters.requests - this.#requests;
    if (requests < WINDOW) return;
    this.#isSharing = slots.wakes - this.#wakes >= requests * SHARING_SHARE;
    this.#begin();
  }

  boundSleep(timeoutNs: number): number {
    return timeoutNs;
  }

  /** Whoever wakes it again thinks that it is worth while. */
  slept(): void {
    this.#isSharing = false;
    this.#begin();
  }

  #begin(): void {
    const { counters, slots } = this.#kernel;
    this.#requests = counters.requests;
    this.#wakes = slots.wakes;
  }
}
