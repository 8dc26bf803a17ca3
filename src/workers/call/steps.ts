// Work that may be long, done in pieces: what is not done at once goes on in later turns of the kernel thread
// (docs/hardening.md, F26).

import type { Native } from "../native.ts";
import type { LongTurns } from "./long_turns.ts";
import type { Timers } from "./timers.ts";

/** Does a piece of its work, and says whether that was the last. */
export type Piece = () => boolean;

const TURN_NS = 1_000_000;

interface StepsContext {
  readonly native: Native;
  readonly longTurns: LongTurns;
  readonly timers: Timers;
}

export class Steps {
  readonly #kernel: StepsContext;
  readonly #pieces: Piece[] = [];
  #armed = false;
  #isBusy = false;

  constructor(kernel: StepsContext) {
    this.#kernel = kernel;
  }

  /** Pieces of work that are to come: for counters. */
  get size(): number {
    return this.#pieces.length;
  }

  /** Does the first piece now, if the turn has time for it; what a piece gives rise to comes later. */
  run(piece: Piece): void {
    if (this.#isBusy || this.#kernel.longTurns.isFull || !this.#do(piece)) this.later(piece);
  }

  /** Does the first piece now in any turn: it is short by itself. */
  begin(piece: Piece): void {
    if (this.#isBusy || !this.#do(piece)) this.later(piece);
  }

  #do(piece: Piece): boolean {
    this.#isBusy = true;
    try {
      return piece();
    } finally {
      this.#isBusy = false;
    }
  }

  later(piece: Piece): void {
    this.#pieces.push(piece);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const { native, timers } = this.#kernel;
    timers.add(native.monotonicNs(), () => this.#turn());
  }

  // One piece of each in turn, for about a millisecond.
  #turn(): void {
    const { native, longTurns } = this.#kernel;
    const endNs = native.monotonicNs() + TURN_NS;
    this.#armed = false;
    try {
      do {
        const piece = this.#pieces.shift();
        if (piece === undefined) return;
        if (!this.#do(piece)) this.#pieces.push(piece);
        longTurns.end("piece", piece);
      } while (native.monotonicNs() < endNs);
    } finally {
      // One that throws is given up, and holds up none of the others.
      if (this.#pieces.length > 0) this.#arm();
    }
  }
}
