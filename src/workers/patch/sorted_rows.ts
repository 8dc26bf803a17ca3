// Search in a sorted list of functions in a guest's memory, as unwinders and Go's runtime have one: by samples, until
// the rest is read at a stretch. A list that is not sorted gives some row of it, or none.

import type { MemCaller } from "../mem/caller.ts";
import { ROUND_MAX, readPieces, readText } from "./guest_text.ts";

/** Bytes of a row. */
export const ROW_SIZE = 8;
/** Rows that are read at once: at a stretch, or as samples. */
const ROWS_AT_ONCE = Math.min(1024, ROUND_MAX / ROW_SIZE);
const SAMPLES = 60;

export interface SortedRows {
  readonly count: number;
  /** Address of the first row. */
  readonly address: number;
  /** Address at which the function of the row at a place in `view` begins. */
  readonly start: (view: DataView, at: number) => number;
}

export interface FoundRow {
  readonly row: number;
  readonly bytes: DataView;
}

/** The last row whose function begins at or before an address, or null. */
export function* rowBefore(
  task: MemCaller,
  rows: SortedRows,
  address: number,
): Generator<void, FoundRow | null> {
  // The row that is sought lies in [low, high).
  let low = 0;
  let high = rows.count;
  const addressOf = (row: number) => rows.address + row * ROW_SIZE;
  while (high - low > ROWS_AT_ONCE) {
    const step = Math.ceil((high - low) / SAMPLES);
    const first = low;
    const some = Array.from({ length: Math.ceil((high - low) / step) }, (_, index) => first + index * step);
    const bytes = yield* readPieces(task, some.map(addressOf), ROW_SIZE);
    const at = bytes === null ? -1 : lastBefore(rows, bytes, address);
    if (at < 0) return null;
    low = some[at]!;
    high = Math.min(high, low + step);
  }
  const bytes = yield* readText(task, addressOf(low), (high - low) * ROW_SIZE);
  const at = bytes === null ? -1 : lastBefore(rows, bytes, address);
  if (bytes === null || at < 0) return null;
  return { row: low + at, bytes: new DataView(bytes.buffer, bytes.byteOffset + at * ROW_SIZE, ROW_SIZE) };
}

/** Index of the last of the rows whose function begins at or before an address, or -1. */
function lastBefore(rows: SortedRows, bytes: Uint8Array, address: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = -1;
  for (let i = 0; (i + 1) * ROW_SIZE <= bytes.length; i++) {
    if (rows.start(view, i * ROW_SIZE) > address) break;
    last = i;
  }
  return last;
}
