// A routing table: its routes in the order in which Linux tells them, which finds those of a prefix by halving, and the
// longest prefix by asking for one length after the other.

import { AF_INET } from "../../../shared/abi/socket.ts";
import { isWithin, prefixOf, sizeOf } from "./prefixes.ts";
import type { InternetFamily, Route } from "./rows.ts";

/** AF_INET: by address, long prefixes first; AF_INET6: what is in a network comes before it. */
function comparePrefixes(
  family: InternetFamily,
  a: Uint8Array,
  aLength: number,
  b: Uint8Array,
  bLength: number,
): number {
  const isEqual = family === AF_INET ? false : isWithin(a, b, Math.min(aLength, bLength));
  return (isEqual ? 0 : Buffer.compare(a, b)) || bLength - aLength;
}

export class FibTable {
  readonly family: InternetFamily;
  readonly id: number;
  readonly routes: Route[] = [];
  /** How many routes there are of each length. */
  readonly #lengths: number[];

  constructor(family: InternetFamily, id: number) {
    this.family = family;
    this.id = id;
    this.#lengths = new Array(sizeOf(family) * 8 + 1).fill(0);
  }

  /** Where the routes of a prefix begin, or would. */
  #begin(destination: Uint8Array, prefixLength: number): number {
    let [low, high] = [0, this.routes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const route = this.routes[middle]!;
      const order = comparePrefixes(
        this.family,
        route.destination,
        route.prefixLength,
        destination,
        prefixLength,
      );
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The routes of a prefix, in order. */
  ofPrefix(destination: Uint8Array, prefixLength: number): Route[] {
    if (this.#lengths[prefixLength] === 0) return [];
    const first = this.#begin(destination, prefixLength);
    let end = first;
    while (end < this.routes.length) {
      const route = this.routes[end]!;
      if (route.prefixLength !== prefixLength || Buffer.compare(route.destination, destination) !== 0) break;
      end++;
    }
    return this.routes.slice(first, end);
  }

  /** Adds it behind those of its prefix that are as good, or before them. */
  insert(route: Route, isFirst = false): void {
    let at = this.#begin(route.destination, route.prefixLength);
    for (const other of this.ofPrefix(route.destination, route.prefixLength)) {
      const order = route.tos - other.tos || other.metric - route.metric;
      if (order > 0 || (order === 0 && isFirst)) break;
      at++;
    }
    this.routes.splice(at, 0, route);
    this.#lengths[route.prefixLength]!++;
  }

  #indexOf(route: Route): number {
    return this.routes.indexOf(route, this.#begin(route.destination, route.prefixLength));
  }

  replace(old: Route, route: Route): void {
    this.routes[this.#indexOf(old)] = route;
  }

  remove(route: Route): void {
    this.routes.splice(this.#indexOf(route), 1);
    this.#lengths[route.prefixLength]!--;
  }

  /** Removes all that are like that: which they were. */
  removeAll(isGone: (route: Route) => boolean): Route[] {
    const gone: Route[] = [];
    let kept = 0;
    for (const route of this.routes) {
      if (isGone(route)) {
        gone.push(route);
        this.#lengths[route.prefixLength]!--;
      } else this.routes[kept++] = route;
    }
    this.routes.length = kept;
    return gone;
  }

  /** The best route of the longest prefix that has one that is wanted. */
  lookup(address: Uint8Array, isWanted: (route: Route) => boolean): Route | undefined {
    for (let length = this.#lengths.length - 1; length >= 0; length--) {
      if (this.#lengths[length] === 0) continue;
      const found = this.ofPrefix(prefixOf(address, length), length).find(isWanted);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
