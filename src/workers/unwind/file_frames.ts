// What a file says of its functions' frames: its .eh_frame with the list of its entries, read as a whole, once, in short pieces, when
// it is first asked for. Until then, and where a file has none, or a larger one than is read, it says nothing.

import { PT_GNU_EH_FRAME, PT_LOAD } from "../../shared/abi/elf.ts";
import { findSections } from "../patch/program_file.ts";
import { readUnwindHeader, UNWIND_HEADER_SIZE, UNWIND_ROW_SIZE } from "../patch/unwind_table.ts";
import { Cursor, type Section } from "./cursor.ts";
import {
  addressAt,
  exact,
  type ReadFile,
  readElfHeader,
  readSegments,
  type Segment,
  segmentAt,
} from "./elf_file.ts";
import { FrameEntries } from "./frame_entries.ts";
import { FrameTable, listEntries } from "./frame_table.ts";
import type { Row } from "./row.ts";
import { rowFor } from "./row_machine.ts";

const FRAMES = ".eh_frame";
const PIECE = 32 << 10;
/** Rows of a list that are looked at in one piece. */
const ROWS_PER_PIECE = 1 << 14;
/** The last entry of a list is not longer. */
const ENTRY_MAX = 64 << 10;
/** Where begins what the first bytes of a header leave out. */
const POINTER_AT = 4;

/** Takes bytes from what files may hold; false: there are not so many left. */
export type TakeBytes = (length: number) => boolean;

interface Frames {
  readonly loaded: readonly Segment[];
  readonly entries: FrameEntries;
  readonly table: FrameTable;
}

export class FileFrames {
  readonly #loading: Generator<void, Frames | null>;
  #frames: Frames | null = null;
  isLoading = true;

  constructor(read: ReadFile, take: TakeBytes) {
    this.#loading = load(read, take);
  }

  /** Does a piece of what is left to read. */
  loadPiece(): void {
    const piece = this.#loading.next();
    if (piece.done !== true) return;
    this.#frames = piece.value;
    this.isLoading = false;
  }

  /** Whether it says anything of any function. */
  get isKnown(): boolean {
    return this.#frames !== null;
  }

  /** The row for a place in the file; null: it says nothing of it. */
  rowAt(offset: number): Row | null {
    if (this.#frames === null) return null;
    const { loaded, entries, table } = this.#frames;
    const address = addressAt(loaded, offset);
    const entry = address < 0 ? -1 : table.find(address);
    if (entry < 0) return null;
    const { section } = entries;
    const fde = entries.fdeAt(entry - section.address);
    return fde === null || address < fde.from || address >= fde.to ? null : rowFor(section, fde, address);
  }
}

function* load(read: ReadFile, take: TakeBytes): Generator<void, Frames | null> {
  const header = readElfHeader(read);
  if (header === null) return null;
  const segments = readSegments(read, header);
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  const list = segments.find(({ type }) => type === PT_GNU_EH_FRAME);
  yield;
  const listed = list === undefined ? null : yield* byList(read, take, loaded, list);
  return listed ?? (yield* bySection(read, take, loaded));
}

/** By the list of a file, which says where its entries are. */
function* byList(
  read: ReadFile,
  take: TakeBytes,
  loaded: readonly Segment[],
  list: Segment,
): Generator<void, Frames | null> {
  const header = yield* readAt(read, take, loaded, list.address, list.address + list.size);
  if (header === null) return null;
  const { view } = header;
  const table = readUnwindHeader(new Uint8Array(view.buffer), list.address);
  const cursor = new Cursor(header, POINTER_AT, view.byteLength);
  const from = cursor.pointer(view.getUint8(1), list.address);
  if (table === null || cursor.failed) return null;
  if (UNWIND_HEADER_SIZE + table.rows * UNWIND_ROW_SIZE > view.byteLength) return null;
  const rows = new DataView(view.buffer, UNWIND_HEADER_SIZE, table.rows * UNWIND_ROW_SIZE);
  const found = new FrameTable(table, rows);
  let last = from;
  for (let row = 0; row < found.size; row++) {
    if (row % ROWS_PER_PIECE === 0) yield;
    last = Math.max(last, found.entry(row));
  }
  const section = yield* readAt(read, take, loaded, from, last + ENTRY_MAX);
  return section === null ? null : { loaded, entries: new FrameEntries(section), table: found };
}

/** By the entries themselves. */
function* bySection(
  read: ReadFile,
  take: TakeBytes,
  loaded: readonly Segment[],
): Generator<void, Frames | null> {
  const found = findSections(
    (offset, length) => {
      const bytes = exact(read, offset, length);
      return bytes === null ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    [FRAMES],
  )?.get(FRAMES);
  if (found === undefined) return null;
  yield;
  const section = yield* readAt(read, take, loaded, found.address, found.address + found.size);
  if (section === null) return null;
  const entries = new FrameEntries(section);
  const table = yield* listEntries(entries);
  return table === null ? null : { loaded, entries, table };
}

/** A copy of what lies from an address up to another one, or up to the end of its segment; null: it cannot be read. */
function* readAt(
  read: ReadFile,
  take: TakeBytes,
  loaded: readonly Segment[],
  from: number,
  to: number,
): Generator<void, Section | null> {
  const segment = segmentAt(loaded, from);
  if (segment === null) return null;
  const size = Math.min(to, segment.address + segment.size) - from;
  if (!(size >= UNWIND_HEADER_SIZE) || !take(size)) return null;
  const start = segment.offset + from - segment.address;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += PIECE) {
    const length = Math.min(PIECE, size - at);
    const piece = exact(read, start + at, length);
    if (piece === null) return null;
    bytes.set(new Uint8Array(piece.buffer, piece.byteOffset, length), at);
    yield;
  }
  return { view: new DataView(bytes.buffer), address: from };
}
