// What V8's garbage collector took of a thread while it was profiled.

import type { RecordedCollections } from "../../shared/profile_record.ts";

const NS_PER_MS = 1e6;

/** As perf_hooks has it. */
interface Pause {
  readonly duration: number;
  readonly detail: unknown;
}

export class Collections {
  readonly #kinds = new Map<number, RecordedCollections>();
  readonly #observer: { disconnect(): void; takeRecords(): unknown };
  readonly #names: ReadonlyMap<number, string>;

  constructor() {
    // Not imported: Node does not vouch for that module in snapshots.
    const { PerformanceObserver, constants } = process.getBuiltinModule("node:perf_hooks");
    this.#names = new Map([
      [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
      [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
      [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
      [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
    ]);
    const observer = new PerformanceObserver((list) => this.#add(list.getEntries() as unknown as Pause[]));
    observer.observe({ entryTypes: ["gc"] });
    this.#observer = observer;
  }

  #add(entries: readonly Pause[]): void {
    for (const { duration, detail } of entries) {
      const { kind } = detail as { kind: number };
      const name = this.#names.get(kind) ?? "minor";
      const ns = duration * NS_PER_MS;
      const known = this.#kinds.get(kind) ?? { kind: name, count: 0, sumNs: 0, maxNs: 0 };
      this.#kinds.set(kind, {
        kind: name,
        count: known.count + 1,
        sumNs: known.sumNs + ns,
        maxNs: Math.max(known.maxNs, ns),
      });
    }
  }

  stop(): RecordedCollections[] {
    this.#add(this.#observer.takeRecords() as Pause[]);
    this.#observer.disconnect();
    return [...this.#kinds.values()];
  }
}
