// Looking at something again and again, at intervals, for as long as there is something to look at: nothing of it
// is left in an idle sandbox.

import type { Kernel } from "../kernel.ts";

export class Looks {
  readonly #kernel: Kernel;
  readonly #intervalNs: number;
  /** Says whether there is more to come. */
  readonly #look: () => boolean;
  #armed = false;

  constructor(kernel: Kernel, intervalNs: number, look: () => boolean) {
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
