// What thread 0 gives up while other kernel threads may be on the way to it: a descriptor of the host's, memory that is
// mapped, a number. It goes when each of them has passed its loop top, or sleeps (ring/quiescence.ts).

import { type Moment, Quiescence } from "../../shared/ring/quiescence.ts";
import { SUPERVISOR } from "../../shared/thread_plan.ts";
import type { Timers } from "../call/timers.ts";
import type { Counters } from "../counters.ts";

/**
 * How often it is looked whether they have. Who is awake passes within microseconds, but for a write that the host throttles
 * or a read of what its page cache has lost meanwhile.
 */
const LOOK_NS = 1e6;

interface PassedContext {
  readonly timers: Timers;
  readonly nowNs: number;
  /** A close, or what unmaps memory, is a call to the host (F26). */
  readonly counters: Counters;
  readonly longTurns: { readonly isFull: boolean };
}

export class Passed {
  readonly #kernel: PassedContext;
  readonly #quiescence: Quiescence;
  readonly #waiting: { readonly since: Moment; readonly then: () => void }[] = [];
  #isLooking = false;

  constructor(kernel: PassedContext, control: Int32Array, threads: number) {
    this.#kernel = kernel;
    this.#quiescence = new Quiescence(control, threads, SUPERVISOR);
  }

  /** Calls `then` when nobody is on the way any more to what is given up now; perhaps at once. */
  when(then: () => void): void {
    const since = this.#quiescence.now();
    if (this.#waiting.length === 0 && this.#quiescence.hasPassed(since)) {
      then();
      return;
    }
    this.#waiting.push({ since, then });
    this.#kernel.counters.givenUp++;
    if (!this.#isLooking) this.#lookSoon();
  }

  #lookSoon(): void {
    this.#isLooking = true;
    const { timers, nowNs } = this.#kernel;
    timers.add(nowNs + LOOK_NS, () => {
      this.#isLooking = false;
      this.#look();
      if (this.#waiting.length > 0) this.#lookSoon();
    });
  }

  #look(): void {
    const { longTurns } = this.#kernel;
    while (!longTurns.isFull) {
      const first = this.#waiting[0];
      if (first === undefined || !this.#quiescence.hasPassed(first.since)) return;
      this.#waiting.shift();
      this.#kernel.counters.givenUp--;
      first.then();
    }
  }
}
