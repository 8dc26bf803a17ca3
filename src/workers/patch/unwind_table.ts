// Where functions begin, by the table that ELF files carry for unwinders: .eh_frame_hdr, a sorted list of (start of the
// function, its entry in .eh_frame), and the entries, which say how long the function is (LSB, "Exception Frames").
// What is read is a guest's own: nothing is believed but what both say alike, and the worst that a lie does is to
// have its own code decoded from a wrong start.

const VERSION = 1;
const HEADER_SIZE = 12;
const ROW_SIZE = 8;
/** DW_EH_PE_udata4, and DW_EH_PE_datarel | DW_EH_PE_sdata4: what all linkers write. */
const COUNT_ENCODING = 0x03;
const TABLE_ENCODING = 0x3b;
const FDE_SIZE = 16;
const EXTENDED_LENGTH = 0xffffffff;

export interface UnwindTable {
  /** Address of the header, to which rows are relative. */
  readonly header: number;
  readonly rows: number;
}

export const UNWIND_HEADER_SIZE = HEADER_SIZE;
export const UNWIND_ROW_SIZE = ROW_SIZE;
export const UNWIND_ENTRY_SIZE = FDE_SIZE;

/** Reads the header at an address; null if its form is not the usual one. */
export function readUnwindHeader(bytes: Uint8Array, header: number): UnwindTable | null {
  if (bytes.length < HEADER_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] !== VERSION || bytes[2] !== COUNT_ENCODING || bytes[3] !== TABLE_ENCODING) return null;
  const rows = view.getUint32(8, true);
  return rows === 0 || rows > 0x1000000 ? null : { header, rows };
}

/** Address of a row of the table. */
export function unwindRow(table: UnwindTable, row: number): number {
  return table.header + HEADER_SIZE + row * ROW_SIZE;
}

/** Start of the function that a row is about. */
export function rowStart(table: UnwindTable, view: DataView, at: number): number {
  return table.header + view.getInt32(at, true);
}

/** Address of the row's entry in .eh_frame. */
export function rowEntry(table: UnwindTable, view: DataView, at: number): number {
  return table.header + view.getInt32(at + 4, true);
}

/**
 * Length of the function at `start`, by the entry at `entry`: 0 if it is not the entry of that function in the usual
 * form (start and length as 32-bit numbers, the start from its own place).
 */
export function functionLength(bytes: Uint8Array, entry: number, start: number): number {
  if (bytes.length < FDE_SIZE) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  if (length < FDE_SIZE - 4 || length === EXTENDED_LENGTH || view.getUint32(4, true) === 0) return 0;
  return entry + 8 + view.getInt32(8, true) === start ? view.getUint32(12, true) : 0;
}
