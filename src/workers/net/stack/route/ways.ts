// Ways that were found of late: endpoints whose packets go the same way have one flow in common, which nobody changes any
// more. As many are remembered here as have places; what is remembered no longer is still had by its endpoints.

import { mix, mixAddress } from "../path_mtu.ts";
import { Flow } from "./flow.ts";

/** Each holds 260 bytes of what a network is charged with (heap_budget.ts), whether anybody has its way or not. */
const PLACES = 64;

export class Ways {
  readonly #key: number;
  #places: (Flow | null)[] = [];
  /** To be filled with what is asked for. */
  inHand = new Flow();

  constructor(key: number) {
    this.#key = key;
  }

  #place({ destination0, destination1, destination2, destination3, source3, sourcePort }: Flow): number {
    const hash = mixAddress(this.#key, destination0, destination1, destination2, destination3);
    return mix(mix(hash, source3), sourcePort) & (PLACES - 1);
  }

  /** The way of what is asked for by the flow in hand, if it was found in that generation of the tables. */
  find(generation: number): Flow | null {
    const way = this.#places[this.#place(this.inHand)] ?? null;
    return way !== null && way.generation === generation && way.asksAs(this.inHand) ? way : null;
  }

  /** The flow in hand is a way now, of that generation. */
  take(generation: number, isShared: boolean): Flow {
    const way = this.inHand;
    way.generation = generation;
    this.inHand = new Flow();
    if (!isShared) return way;
    if (this.#places.length === 0) this.#places = new Array<Flow | null>(PLACES).fill(null);
    this.#places[this.#place(way)] = way;
    return way;
  }
}
