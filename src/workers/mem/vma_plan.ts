// A change of a VMA set that is checked and has its room in the limits set aside, but is not made yet:
// it is committed when the stub has reported success, and dropped otherwise.

import type { Vma, VmaChange } from "./vma.ts";
import type { Range, VmaSet } from "./vma_set.ts";

export type Step =
  | { readonly op: "unmap"; readonly start: number; readonly end: number }
  | { readonly op: "map"; readonly vma: Vma }
  | { readonly op: "change"; readonly start: number; readonly end: number; readonly change: VmaChange }
  | { readonly op: "move"; readonly from: Range; readonly to: Range };

const VMAS_AT_ONCE = 256;

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

  /** It is committed in one piece. */
  get isShort(): boolean {
    return this.#set.pieceEnd(this.start, this.end, VMAS_AT_ONCE) >= this.end;
  }

  /** Makes the change. */
  commit(): void {
    this.#close();
    this.#set.apply(this.#step);
  }

  /**
   * As commit, a piece at a time, with `between` after each: the range is locked, and may hold tens of thousands of
   * VMAs. Who looks meanwhile sees a part of the change. Where the caller ends before, the rest is made at once.
   */
  *commitInPieces(between: () => Generator<void, void, void>): Generator<void, void, void> {
    const { op } = this.#step;
    if (op === "move") return this.commit();
    let { start } = this;
    try {
      for (;;) {
        const next = this.#set.pieceEnd(start, this.end, VMAS_AT_ONCE);
        if (next >= this.end) return;
        this.#set.apply(
          op === "change" ? { ...this.#step, start, end: next } : { op: "unmap", start, end: next },
        );
        start = next;
        yield* between();
      }
    } finally {
      this.#close();
      this.#set.apply(op === "map" ? this.#step : { ...this.#step, start });
    }
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
