// A change of a VMA set that is checked and has its room in the limits set aside, but is not made yet:
// it is committed when the stub has reported success, and dropped otherwise.

import type { Vma, VmaChange } from "./vma.ts";
import type { Range, VmaSet } from "./vma_set.ts";

export type Step =
  | { readonly op: "unmap"; readonly start: number; readonly end: number }
  | { readonly op: "map"; readonly vma: Vma }
  | { readonly op: "change"; readonly start: number; readonly end: number; readonly change: VmaChange }
  | { readonly op: "move"; readonly from: Range; readonly to: Range };

/** A checked change that is not made yet. Exactly one of commit and drop must be called, once. */
export class VmaPlan {
  /**
   * The negative errno that the call ends with after the commit, or 0. mprotect and mlock change what
   * lies below a hole or a forbidden page and then fail; `end` says how far they come.
   */
  readonly error: number;
  readonly start: number;
  readonly end: number;
  readonly #set: VmaSet;
  readonly #step: Step;
  readonly #maps: number;
  readonly #bytes: number;
  #open = true;

  constructor(set: VmaSet, step: Step, range: Range, maps: number, bytes: number, error: number) {
    this.#set = set;
    this.#step = step;
    this.start = range.start;
    this.end = range.end;
    this.#maps = maps;
    this.#bytes = bytes;
    this.error = error;
    set.reserve(maps, bytes);
  }

  /** Makes the change. */
  commit(): void {
    this.#close();
    this.#set.apply(this.#step);
  }

  /** Gives back what the plan had set aside; nothing changes. */
  drop(): void {
    this.#close();
  }

  #close(): void {
    if (!this.#open) throw new Error("a plan is committed or dropped once");
    this.#open = false;
    this.#set.reserve(-this.#maps, -this.#bytes);
  }
}
