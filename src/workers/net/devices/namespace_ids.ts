// The numbers by which a network namespace knows others (RTM_NEWNSID of rtnetlink(7)).

import type { Namespace } from "./namespace.ts";

const NONE = -1;

export class NamespaceIds {
  readonly #ids = new Map<Namespace, number>();

  /** -1: it has none. */
  of(other: Namespace): number {
    return this.#ids.get(other) ?? NONE;
  }

  has(id: number): boolean {
    for (const known of this.#ids.values()) if (known === id) return true;
    return false;
  }

  all(): number[] {
    return [...this.#ids.values()].sort((a, b) => a - b);
  }

  /** Gives it this number, which nobody has; a negative one: the least that is free. */
  set(other: Namespace, wanted: number): number {
    let id = Math.max(0, wanted);
    if (wanted < 0) while (this.has(id)) id++;
    this.#ids.set(other, id);
    return id;
  }

  /** The number of one that is told of, which gets one. */
  give(other: Namespace): number {
    const known = this.of(other);
    return known === NONE ? this.set(other, NONE) : known;
  }

  forget(other: Namespace): void {
    this.#ids.delete(other);
  }
}
