// Memory that the kernel has made in an address space to patch it: pools, and copies of pages of text. The guest has
// not asked for it and no limit of its own counts it, so it is charged to what no process owns (memory_budget.ts).
// Forked children share it until the last one gives it back.

import type { Counters } from "../counters.ts";

export class HeldPages {
  readonly #counters: Counters;
  readonly #count: number;
  #holders = 1;

  constructor(counters: Counters, count: number) {
    this.#counters = counters;
    this.#count = count;
    counters.patchPages += count;
  }

  /** For one more address space. */
  share(): this {
    this.#holders++;
    return this;
  }

  /** Of one of its address spaces, once. */
  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#counters.patchPages -= this.#count;
  }
}
