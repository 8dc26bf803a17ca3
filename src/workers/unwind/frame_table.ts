// Which entry of .eh_frame is about an address: by the sorted list that a file has of them (.eh_frame_hdr), or one that is made
// in its place where a static program has none. It has rows of two words: where a function begins, and its entry, both as
// distances from an address. A list that is not sorted leads to some row, whose entry says of itself what it is about.

import { rowEntry, rowStart, type UnwindTable } from "../patch/unwind_table.ts";
import type { FrameEntries } from "./frame_entries.ts";

const ROW_SIZE = 8;
/** Functions of a program without a list. */
const ROWS_MAX = 1 << 16;
/** Entries that are looked at in one piece, and rows that are sorted, or written. */
const ENTRIES_PER_PIECE = 1024;
const ROWS_PER_PIECE = 4096;
const REACH = 2 ** 31;
/** Of a longer section a distance and a place in it are no exact number together. */
const SECTION_MAX = 1 << 22;

export class FrameTable {
  readonly #table: UnwindTable;
  readonly #rows: DataView;

  /** `rows`: those of the table, from its first one on. */
  constructor(table: UnwindTable, rows: DataView) {
    this.#table = table;
    this.#rows = rows;
  }

  get size(): number {
    return Math.floor(this.#rows.byteLength / ROW_SIZE);
  }

  /** Address of the entry of a row. */
  entry(row: number): number {
    return rowEntry(this.#table, this.#rows, row * ROW_SIZE);
  }

  /** Address of the entry of the last function that begins at or before an address; -1: there is none. */
  find(address: number): number {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rowStart(this.#table, this.#rows, middle * ROW_SIZE) <= address) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? -1 : this.entry(low - 1);
  }
}

/** Makes the list of a section; null: it is too long. Each yield is the end of a piece. */
export function* listEntries(entries: FrameEntries): Generator<void, FrameTable | null> {
  const { section } = entries;
  const base = section.address;
  // Where a function begins, and its entry, in one number, so that they are sorted at once.
  const pairs = new Float64Array(ROWS_MAX);
  let count = 0;
  const entriesMax = section.view.byteLength;
  if (entriesMax > SECTION_MAX) return null;
  let looks = 0;
  for (let at = 0; at >= 0; at = entries.next(at)) {
    if (++looks % ENTRIES_PER_PIECE === 0) yield;
    const from = entries.fdeAt(at)?.from ?? Number.NaN;
    if (!(Math.abs(from - base) < REACH)) continue;
    if (count >= ROWS_MAX) return null;
    pairs[count++] = (from - base) * entriesMax + at;
  }
  yield;
  const sorted = yield* sort(pairs.subarray(0, count));
  const rows = new DataView(new ArrayBuffer(count * ROW_SIZE));
  for (let row = 0; row < count; row++) {
    const pair = sorted[row]!;
    const from = Math.floor(pair / entriesMax);
    rows.setInt32(row * ROW_SIZE, from, true);
    rows.setInt32(row * ROW_SIZE + 4, pair - from * entriesMax, true);
    if (row % ROWS_PER_PIECE === ROWS_PER_PIECE - 1) yield;
  }
  return new FrameTable({ header: base, rows: count }, rows);
}

/** Numbers in ascending order, for which theirs may be the place: sorted parts are merged. Each yield is the end of a piece. */
function* sort(numbers: Float64Array<ArrayBuffer>): Generator<void, Float64Array> {
  const { length } = numbers;
  for (let at = 0; at < length; at += ROWS_PER_PIECE) {
    numbers.subarray(at, at + ROWS_PER_PIECE).sort();
    yield;
  }
  let [from, to] = [numbers, new Float64Array(length)];
  for (let part = ROWS_PER_PIECE; part < length; part *= 2) {
    let [left, middle, right, end] = [0, 0, 0, 0];
    for (let at = 0; at < length; at++) {
      if (at === end) {
        left = at;
        middle = Math.min(at + part, length);
        right = middle;
        end = Math.min(at + 2 * part, length);
      }
      const isLeft = right === end || (left < middle && from[left]! <= from[right]!);
      to[at] = from[isLeft ? left++ : right++]!;
      if (at % ROWS_PER_PIECE === ROWS_PER_PIECE - 1) yield;
    }
    [from, to] = [to, from];
  }
  return from;
}
