// Places for chunks in the guest SAB, and when a place may be used again (docs/hardening.md, F21): only
// after every kernel thread has passed its loop top once since the chunk was retired, for until
// then one of them may still be on its way to a slot of the old chunk.
//
// Each kernel thread counts its passes in the private SAB: even while it runs, odd while it sleeps
// or has not started. A sleeping thread holds no slot number from before its sleep.
//
// Places are allotted by one kernel thread alone, the supervisor's.

import type { ActiveChunks } from "./active.ts";
import { GUEST_CHUNKS } from "./layout.ts";
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

const UNUSED = 0;
const USED = 1;
const RETIRED = 2;

export class ChunkPlaces {
  readonly #control: Int32Array;
  readonly #threads: number;
  readonly #active: ActiveChunks;
  readonly #state = new Uint8Array(GUEST_CHUNKS);
  /** Passes of each thread when a retired place was given up. */
  readonly #passesAt: Int32Array;
  #used = 0;
  #retired: number[] = [];
  #lowestUnused = 0;

  constructor(control: Int32Array, threads: number, active: ActiveChunks) {
    this.#control = control;
    this.#threads = threads;
    this.#active = active;
    this.#passesAt = new Int32Array(GUEST_CHUNKS * threads);
  }

  /** Places in use, retired ones not counted. */
  get used(): number {
    return this.#used;
  }

  get retired(): number {
    return this.#retired.length;
  }

  /** The lowest place that is free, or -1: the caller gives its guest EAGAIN. */
  allot(): number {
    this.#collect();
    for (let place = this.#lowestUnused; place < GUEST_CHUNKS; place++) {
      if (this.#state[place] !== UNUSED) continue;
      this.#state[place] = USED;
      this.#lowestUnused = place + 1;
      this.#used++;
      this.#active.include(place);
      return place;
    }
    this.#lowestUnused = GUEST_CHUNKS;
    return -1;
  }

  /**
   * Gives a place up. Before: all its slots are closed (claims.ts), no coroutine names it, and the
   * place is mapped over with anonymous memory.
   */
  retire(place: number): void {
    if (this.#state[place] !== USED) throw new Error(`chunk place ${place} is not in use`);
    this.#state[place] = RETIRED;
    this.#used--;
    for (let thread = 0; thread < this.#threads; thread++) {
      this.#passesAt[place * this.#threads + thread] = this.#passes(thread);
    }
    this.#retired.push(place);
  }

  /** Frees the retired places that every kernel thread has passed. */
  #collect(): void {
    if (this.#retired.length === 0) return;
    const still: number[] = [];
    for (const place of this.#retired) {
      if (!this.#passed(place)) {
        still.push(place);
        continue;
      }
      this.#state[place] = UNUSED;
      if (place < this.#lowestUnused) this.#lowestUnused = place;
    }
    this.#retired = still;
    let limit = this.#active.limit();
    while (limit > 0 && this.#state[limit - 1] === UNUSED) limit--;
    this.#active.shrink(limit);
  }

  #passed(place: number): boolean {
    for (let thread = 0; thread < this.#threads; thread++) {
      const then = this.#passesAt[place * this.#threads + thread]!;
      if ((then & 1) === 0 && this.#passes(thread) === then) return false;
    }
    return true;
  }

  #passes(thread: number): number {
    return Atomics.load(this.#control, thread * CONTROL_WORDS + CONTROL_PASSES);
  }
}
