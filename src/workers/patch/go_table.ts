// Where functions begin, by the table that Go's programs carry for their own runtime (.gopclntab): a header, and a
// sorted list of functions, each by its distance from the text's begin. Go's programs have it even when everything
// else is stripped, and hand-written assembly stands in it. What is read is a guest's own: nothing is believed but
// what lies in the table, and the worst that a lie does is to have its own code decoded from a wrong start.

import { TWO_32 } from "../../shared/abi/struct.ts";
import type { MemCaller } from "../mem/caller.ts";
import { readText } from "./guest_text.ts";
import type { Section } from "./program_file.ts";
import { ROW_SIZE, rowBefore } from "./sorted_rows.ts";

/** Of Go 1.18 and of Go 1.20 and later; before them all was stored in another form. */
const MAGICS: ReadonlySet<number> = new Set([0xfffffff0, 0xfffffff1]);
const QUANTUM_AT = 6;
const POINTER_SIZE_AT = 7;
const FUNCTIONS_AT = 8;
const TEXT_AT = 24;
const LIST_AT = 64;
const POINTER_SIZE = 8;
const HEADER_SIZE = 72;
/** Bytes of a table that is believed. */
const TABLE_MAX = 256 << 20;

/** Names of its section: of programs at a fixed address, and of those that are placed anywhere. */
export const GO_SECTIONS: readonly string[] = [".gopclntab", ".data.rel.ro.gopclntab"];

export interface GoTable {
  /** Address of the first row. */
  readonly list: number;
  /** Rows, with the last one, which says where the text ends. */
  readonly rows: number;
  /** Address that rows are relative to; 0: that of the text. */
  readonly text: number;
}

/** Reads the header of a table of `size` bytes at an address; null if its form is not known. */
export function readGoHeader(bytes: Uint8Array, address: number, size: number): GoTable | null {
  if (bytes.length < HEADER_SIZE || size > TABLE_MAX) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u64 = (at: number) => view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
  if (!MAGICS.has(view.getUint32(0, true)) || view.getUint16(4, true) !== 0) return null;
  if (bytes[QUANTUM_AT] !== 1 || bytes[POINTER_SIZE_AT] !== POINTER_SIZE) return null;
  const functions = u64(FUNCTIONS_AT);
  const list = u64(LIST_AT);
  if (functions < 1 || list < HEADER_SIZE) return null;
  // Something of each function stands behind the rows.
  if (list + (functions + 1) * ROW_SIZE > size) return null;
  const text = u64(TEXT_AT);
  return text > Number.MAX_SAFE_INTEGER ? null : { list: address + list, rows: functions + 1, text };
}

/**
 * Start of the function around an address, by the table there; -1 if it has none. `text`: where the text begins, for
 * tables that do not say it.
 */
export function* goFunction(
  task: MemCaller,
  { address: at, size }: Section,
  text: number,
  address: number,
): Generator<void, number> {
  const header = yield* readText(task, at, HEADER_SIZE);
  const table = header === null ? null : readGoHeader(header, at, size);
  if (table === null) return -1;
  const base = table.text === 0 ? text : table.text;
  const start = (view: DataView, place: number) => base + view.getUint32(place, true);
  const found = yield* rowBefore(task, { count: table.rows, address: table.list, start }, address);
  // The last row is the text's end.
  return found === null || found.row === table.rows - 1 ? -1 : start(found.bytes, 0);
}
