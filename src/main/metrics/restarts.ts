// How often containers were made anew. An engine that starts a container again makes another one: under Kubernetes with
// another id, in the same pod and by the same name. So what is counted is what such ones have in common (labels.ts), while
// somebody looks. Where an engine itself says it, by an annotation, that counts.

import type { KnownContainer } from "./discovery.ts";

/** For how long one that is not there is remembered: longer than a kubelet waits until it starts one again. */
const REMEMBERED_MS = 15 * 60_000;
const REMEMBERED_MAX = 8192;

interface Seen {
  container: KnownContainer;
  count: number;
  seenMs: number;
}

export class Restarts {
  readonly #seen = new Map<string, Seen>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  look(containers: readonly KnownContainer[]): void {
    const now = this.#now();
    for (const container of containers) {
      const { lasting } = container.labels;
      const seen = this.#seen.get(lasting);
      if (seen === undefined) {
        if (this.#seen.size < REMEMBERED_MAX) this.#seen.set(lasting, { container, count: 0, seenMs: now });
        continue;
      }
      seen.seenMs = now;
      // Of two that are there at once the later one is it.
      if (seen.container === container || !isLater(container, seen.container)) continue;
      seen.container = container;
      seen.count++;
    }
    for (const [lasting, { seenMs }] of this.#seen)
      if (now - seenMs > REMEMBERED_MS) this.#seen.delete(lasting);
  }

  of({ labels }: KnownContainer): number {
    return labels.restarts ?? this.#seen.get(labels.lasting)?.count ?? 0;
  }
}

function isLater(a: KnownContainer, b: KnownContainer): boolean {
  return a.created === undefined || b.created === undefined || a.created > b.created;
}
