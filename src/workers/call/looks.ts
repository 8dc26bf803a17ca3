// Looking at something again and again, at intervals, for as long as there is something to look at: nothing of it
// is left in an idle sandbox.

import type { Native } from "../native.ts";
import type { Timers } from "./timers.ts";

interface LooksContext {
  readonly native: Native;
  readonly timers: Timers;
}

export class Looks {
  readonly #kernel: LooksContext;
  readonly #intervalNs: number;
  /** Says whether there is more to come. */
  readonly #look: () => boolean;
  #armed = false;

  constructor(kernel: LooksContext, intervalNs: number, look: () => boolean) {
    this.#kernel = kernel;
    this.#intervalNs = intervalNs;
    this.#look = look;
  }

  /** There is something to look at. */
  begin(): void {
    if (this.#armed) return;
    this.#armed = true;
    const { timers, native } = this.#kernel;
    timers.add(native.monotonicNs() + this.#intervalNs, () => {
      this.#armed = false;
      if (this.#look()) this.begin();
    });
  }
}
