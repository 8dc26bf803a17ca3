// How durations are spread: counts in buckets, eight to each doubling, so that a bucket is at most an eighth as wide as
// what it holds, and its middle wrong by 6.25 % at most. Adding a value allocates nothing. Two of them can be added up,
// and one crosses from a kernel thread as a list of numbers.

/** Buckets of a doubling: 2^SUB_BITS. */
const SUB_BITS = 3;
const SUB = 1 << SUB_BITS;
/** Nanoseconds from which on all values are in the last bucket: more than an hour. */
const VALUE_BITS = 42;
const BUCKETS = (VALUE_BITS - SUB_BITS + 1) * SUB;
/** Values from here on are divided before their bits are looked at, which JavaScript does with 32 of them. */
const WIDE = 2 ** 31;
const WIDE_BITS = 16;

/** The bucket of a value of at least 0. */
export function bucketOf(value: number): number {
  if (value < SUB) return value | 0;
  if (value >= 2 ** VALUE_BITS) return BUCKETS - 1;
  const wide = value >= WIDE ? WIDE_BITS : 0;
  const part = (wide > 0 ? value / 2 ** WIDE_BITS : value) | 0;
  const shift = 31 - Math.clz32(part) - SUB_BITS;
  return ((shift + wide + 1) << SUB_BITS) + ((part >> shift) & (SUB - 1));
}

/** The lowest value of a bucket; that of the next one is its end. */
export function bucketStart(bucket: number): number {
  const doubling = bucket >> SUB_BITS;
  return doubling === 0 ? bucket : (SUB + (bucket & (SUB - 1))) * 2 ** (doubling - 1);
}

export class DurationHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;

  /** Nanoseconds; less than 0, which clocks of two threads may make of nearly nothing, is 0. */
  add(value: number): void {
    const ns = Math.max(value, 0);
    this.#counts[bucketOf(ns)]!++;
    this.count++;
    this.sum += ns;
    if (ns < this.min) this.min = ns;
    if (ns > this.max) this.max = ns;
  }

  /** What another thread has told (pack). */
  addPacked(packed: readonly number[]): void {
    if (packed.length === 0) return;
    const [sum = 0, min = 0, max = 0] = packed;
    this.sum += sum;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    for (let i = 3; i + 1 < packed.length; i += 2) {
      const bucket = packed[i]!;
      if (bucket >= BUCKETS) continue;
      this.#counts[bucket]! += packed[i + 1]!;
      this.count += packed[i + 1]!;
    }
  }

  /** Sum, minimum, maximum, then bucket and count in turn; empty if nothing was added. */
  pack(): number[] {
    if (this.count === 0) return [];
    const packed = [this.sum, this.min, this.max];
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      if (this.#counts[bucket]! > 0) packed.push(bucket, this.#counts[bucket]!);
    return packed;
  }

  /** The value below or at which that share of all lies: a bucket's middle, within what there was. 0 if there was nothing. */
  quantile(share: number): number {
    if (this.count === 0) return 0;
    let left = Math.max(1, Math.ceil(share * this.count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket]!;
      if (left > 0) continue;
      const middle = (bucketStart(bucket) + bucketStart(bucket + 1)) / 2;
      return Math.min(this.max, Math.max(this.min, middle));
    }
    return this.max;
  }

  /** [from, to, count] of those that hold something, ascending. */
  buckets(): [number, number, number][] {
    const held: [number, number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      if (this.#counts[bucket]! > 0)
        held.push([bucketStart(bucket), bucketStart(bucket + 1), this.#counts[bucket]!]);
    return held;
  }
}
