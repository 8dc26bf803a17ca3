// The arrays that scoreboards lie in: one that is empty has none but short ones, and what one has given back is the next one's.

/** Arrays of that many entries are kept for the next, so many of each size. */
const KEPT_SIZE_MAX = 4096;
const KEPT_MAX = 64;

/** The arrays of a scoreboard. */
export class Entries {
  readonly seq: Int32Array;
  readonly flags: Uint8Array;
  readonly sentUs: Float64Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;

  constructor(size: number) {
    this.seq = new Int32Array(size);
    this.flags = new Uint8Array(size);
    this.sentUs = new Float64Array(size);
    this.next = new Int32Array(size);
    this.previous = new Int32Array(size);
  }
}

export const NO_ENTRIES = new Entries(0);

/** Arrays that no scoreboard uses now. */
export class EntriesPool {
  readonly #bySize = new Map<number, Entries[]>();

  take(size: number): Entries {
    return this.#bySize.get(size)?.pop() ?? new Entries(size);
  }

  put(entries: Entries): void {
    const size = entries.seq.length;
    if (size === 0 || size > KEPT_SIZE_MAX) return;
    const kept = this.#bySize.get(size);
    if (kept === undefined) this.#bySize.set(size, [entries]);
    else if (kept.length < KEPT_MAX) kept.push(entries);
  }
}
