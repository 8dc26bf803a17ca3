// When nobody can be on the way any more to something that was given up (docs/hardening.md, F21): only after every
// kernel thread has passed its loop top once since then. Each counts its passes in the private SAB: even while it runs,
// odd while it sleeps or has not started. A sleeping thread holds nothing from before its sleep.
//
// The count is a plain store, which may be seen before what the thread reads next was read: whoever takes something up that
// may be given up does so behind a locked instruction of the same pass, as the claim of a slot is (claims.ts).

import { CONTROL_PASSES, CONTROL_WORDS } from "./private_sab.ts";

/** A kernel thread's own count of passes. */
export class Passes {
  readonly #control: Int32Array;
  readonly #index: number;

  constructor(control: Int32Array, thread: number) {
    this.#control = control;
    this.#index = thread * CONTROL_WORDS + CONTROL_PASSES;
  }

  /** At the loop top: nothing from the pass before is in use any more. Written by this thread alone. */
  loopTop(): void {
    this.#control[this.#index] = (this.#control[this.#index]! + 2) | 0;
  }

  /** Around a wait, and when the loop is left for good: awake -> asleep -> awake. */
  toggleAsleep(): void {
    Atomics.add(this.#control, this.#index, 1);
  }
}

/** The count of a thread that is on the way to nothing: as if it slept. */
const NOWHERE = 1;

/** The passes of all threads at some moment. */
export type Moment = readonly number[];

export class Quiescence {
  readonly #control: Int32Array;
  readonly #threads: number;
  readonly #asking: number;

  /** `asking`: the thread that asks, where it is on the way to nothing itself; -1: it may be. */
  constructor(control: Int32Array, threads: number, asking = -1) {
    this.#control = control;
    this.#threads = threads;
    this.#asking = asking;
  }

  now(): Moment {
    const moment: number[] = [];
    for (let thread = 0; thread < this.#threads; thread++)
      moment.push(thread === this.#asking ? NOWHERE : this.#passes(thread));
    return moment;
  }

  /** Whether every thread has passed its loop top since, or slept then. */
  hasPassed(since: Moment): boolean {
    return since.every((then, thread) => (then & 1) !== 0 || this.#passes(thread) !== then);
  }

  #passes(thread: number): number {
    return Atomics.load(this.#control, thread * CONTROL_WORDS + CONTROL_PASSES);
  }
}
