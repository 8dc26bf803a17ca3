// Places for chunks in the guest SAB. A place is used again when no kernel thread can be on its way any more to a slot
// of the chunk that was there (quiescence.ts).
//
// Places are allotted by one kernel thread alone, the supervisor's.

import type { ActiveChunks } from "./active.ts";
import { GUEST_CHUNKS } from "./layout.ts";
import { type Moment, Quiescence } from "./quiescence.ts";

interface Retired {
  readonly place: number;
  readonly since: Moment;
}

const UNUSED = 0;
const USED = 1;
const RETIRED = 2;

export class ChunkPlaces {
  readonly #quiescence: Quiescence;
  readonly #active: ActiveChunks;
  readonly #state = new Uint8Array(GUEST_CHUNKS);
  #used = 0;
  #retired: Retired[] = [];
  #lowestUnused = 0;

  constructor(control: Int32Array, threads: number, active: ActiveChunks) {
    this.#quiescence = new Quiescence(control, threads);
    this.#active = active;
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
   * Gives a place up. Before: all its slots are closed (claims.ts), and no coroutine names it. Its memory
   * may be that of the chunk still, until another one is mapped there.
   */
  retire(place: number): void {
    if (this.#state[place] !== USED) throw new Error(`chunk place ${place} is not in use`);
    this.#state[place] = RETIRED;
    this.#used--;
    this.#retired.push({ place, since: this.#quiescence.now() });
  }

  /** Frees the retired places that every kernel thread has passed. */
  #collect(): void {
    if (this.#retired.length === 0) return;
    const still: Retired[] = [];
    for (const retired of this.#retired) {
      const { place, since } = retired;
      if (!this.#quiescence.hasPassed(since)) {
        still.push(retired);
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
}
