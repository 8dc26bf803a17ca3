// Which of many keys come most often, in bounded memory (Space-Saving: Metwally, Agrawal, El Abbadi 2005). While there is
// room every key is counted exactly. Then a new key takes the place of the one with the fewest, and its count with it as
// what may be wrong: a key that comes more often than all / places is among them, and no count is too low.

import type { RecordedHeavy } from "../../shared/profile_record.ts";
import { kept } from "./names.ts";

class Entry {
  name: string;
  count: number;
  readonly error: number;
  sumNs = 0;
  bytes = 0;

  constructor(name: string, error: number) {
    this.name = name;
    this.count = error;
    this.error = error;
  }
}

/** Names have one char a byte. */
export class HeavyHitters {
  readonly #places: number;
  readonly #entries = new Map<string, Entry>();
  /** Entries that had the fewest when it was last looked, the next to go last. */
  #least: Entry[] = [];
  #fewest = 0;

  constructor(places: number) {
    this.#places = places;
  }

  add(name: string, ns: number, bytes: number): void {
    const entry = this.#entries.get(name) ?? this.#enter(name);
    entry.count++;
    entry.sumNs += ns;
    entry.bytes += bytes;
  }

  #enter(name: string): Entry {
    let error = 0;
    if (this.#entries.size >= this.#places) {
      const least = this.#takeLeast();
      error = least.count;
      this.#entries.delete(least.name);
    }
    const entry = new Entry(kept(name), error);
    this.#entries.set(entry.name, entry);
    return entry;
  }

  /** One with the fewest: all are looked at once for many that go. */
  #takeLeast(): Entry {
    for (;;) {
      const least = this.#least.pop();
      if (least !== undefined && least.count === this.#fewest) return least;
      if (least !== undefined) continue;
      const entries = [...this.#entries.values()];
      this.#fewest = entries.reduce((fewest, { count }) => Math.min(fewest, count), Number.POSITIVE_INFINITY);
      this.#least = entries.filter(({ count }) => count === this.#fewest);
    }
  }

  /** The heaviest first. */
  most(count: number): RecordedHeavy[] {
    return [...this.#entries.values()]
      .sort((a, b) => b.count - a.count)
      .slice(0, count)
      .map(({ name, count: times, error, sumNs, bytes }) => ({ name, count: times, error, sumNs, bytes }));
  }
}
