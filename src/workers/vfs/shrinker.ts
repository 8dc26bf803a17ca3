// What open files hold in the kernel's memory that can be made again (Linux's shrinkers): listings of
// directories, records of generated files. It is bounded over all of them: the oldest has to give up what it
// holds, and makes it again when it is read on.

import type { Counters } from "../counters.ts";

export interface Shrinkable {
  /** Gives up what it holds, by remove(). */
  shrink(): void;
}

export class Shrinker {
  readonly #counters: Counters;
  readonly #name: "listed" | "generatedText";
  readonly #limit: number;
  /** What each holds, in order of age. */
  readonly #held = new Map<Shrinkable, number>();

  /** `name`: the counter of all that is held. */
  constructor(counters: Counters, name: "listed" | "generatedText", limit: number) {
    this.#counters = counters;
    this.#name = name;
    this.#limit = limit;
  }

  add(holder: Shrinkable, amount: number): void {
    for (const other of this.#held.keys()) {
      if (this.#counters[this.#name] + amount <= this.#limit) break;
      other.shrink();
    }
    this.#held.set(holder, amount);
    this.#counters[this.#name] += amount;
  }

  remove(holder: Shrinkable): void {
    this.#counters[this.#name] -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
