// Stub processes that were told to leave, as the answer to the last call of their last thread: that costs the host nothing
// where the stub waits awake, and a signal to another CPU costs it tens of microseconds. Who does not leave is killed.

import { Looks } from "../call/looks.ts";
import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";

const LOOK_NS = 50e6;
/** Processes that one look kills (F26). */
const KILLS_A_LOOK = 64;

interface Leaver {
  kill(): void;
}

export class Departures {
  /** Whether it was there at the last look already. */
  readonly #leaving = new Map<Leaver, boolean>();
  readonly #looks: Looks;

  constructor(kernel: { readonly native: Native; readonly timers: Timers }) {
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** It is told to leave now, and has the time from one look to the next but one. */
  expect(stub: Leaver): void {
    this.#leaving.set(stub, false);
    this.#looks.begin();
  }

  left(stub: Leaver): void {
    this.#leaving.delete(stub);
  }

  #look(): boolean {
    let left = KILLS_A_LOOK;
    for (const [stub, isLate] of this.#leaving) {
      if (!isLate) this.#leaving.set(stub, true);
      else if (left > 0) {
        left--;
        this.#leaving.delete(stub);
        stub.kill();
      }
    }
    return this.#leaving.size > 0;
  }
}
