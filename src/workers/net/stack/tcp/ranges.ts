// A set of sequence numbers as ranges, in order, that neither overlap nor touch: what came out of order, what a peer has
// told that it has. It holds a bounded number of ranges; a search takes a few steps, and a change moves at most a few
// kilobytes, whatever a peer sends.

import { after, before } from "./sequence.ts";

export class SequenceRanges {
  readonly #max: number;
  #starts: Int32Array;
  #ends: Int32Array;
  count = 0;

  constructor(max: number) {
    this.#max = max;
    this.#starts = new Int32Array(Math.min(8, max));
    this.#ends = new Int32Array(Math.min(8, max));
  }

  startOf(index: number): number {
    return this.#starts[index]!;
  }

  endOf(index: number): number {
    return this.#ends[index]!;
  }

  clear(): void {
    this.count = 0;
  }

  /** The first range that ends behind that number; `count`: there is none. */
  find(seq: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (after(this.#ends[middle]!, seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  has(seq: number): boolean {
    const index = this.find(seq);
    return index < this.count && !before(seq, this.#starts[index]!);
  }

  /** Whether all from one number to before another is in it. */
  covers(start: number, end: number): boolean {
    const index = this.find(start);
    return index < this.count && !before(start, this.#starts[index]!) && !after(end, this.#ends[index]!);
  }

  /** Whether add() would find room. */
  hasRoomFor(start: number, end: number): boolean {
    if (this.count < this.#max) return true;
    const index = this.find((start - 1) | 0);
    return index < this.count && !after(this.#starts[index]!, end);
  }

  /** Adds what lies between two numbers: the place of the range that it is in then; -1: there are too many. */
  add(start: number, end: number): number {
    // Ranges that it overlaps or touches become one with it.
    const first = this.find((start - 1) | 0);
    let last = first;
    while (last < this.count && !after(this.#starts[last]!, end)) last++;
    if (last > first) {
      if (before(start, this.#starts[first]!)) this.#starts[first] = start;
      const furthest = this.#ends[last - 1]!;
      this.#ends[first] = after(end, furthest) ? end : furthest;
      if (last > first + 1) this.#move(first + 1, last);
      return first;
    }
    if (this.count >= this.#max) return -1;
    if (this.count === this.#starts.length) this.#grow();
    this.#starts.copyWithin(first + 1, first, this.count);
    this.#ends.copyWithin(first + 1, first, this.count);
    this.#starts[first] = start;
    this.#ends[first] = end;
    this.count++;
    return first;
  }

  #grow(): void {
    const size = Math.min(this.#max, this.#starts.length * 2);
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }

  // Ranges from `from` on stand from `to` on.
  #move(to: number, from: number): void {
    this.#starts.copyWithin(to, from, this.count);
    this.#ends.copyWithin(to, from, this.count);
    this.count -= from - to;
  }

  /** What lies before that number is in it no more. */
  trim(seq: number): void {
    const index = this.find(seq);
    if (index > 0) this.#move(0, index);
    if (this.count > 0 && before(this.#starts[0]!, seq)) this.#starts[0] = seq;
  }
}
