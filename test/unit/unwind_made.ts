// Call frame information made by hand, for tests of what reads it.

import { type Expression, REGISTERS } from "../../src/workers/unwind/row.ts";

/** Where a section lies that a test makes. */
export const SECTION = 0x10000;
/** A function of 256 bytes. */
export const FUNCTION = 0x8000;
export const FUNCTION_SIZE = 0x100;

export function uleb(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left % 128) + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes;
}

export function sleb(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left >>= 7) {
    const isLast = (left >> 7 === 0 && (left & 0x40) === 0) || (left >> 7 === -1 && (left & 0x40) !== 0);
    bytes.push((left & 0x7f) | (isLast ? 0 : 0x80));
    if (isLast) return bytes;
  }
}

export function le32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

function entry(bytes: readonly number[]): number[] {
  const padded = [...bytes, ...Array((4 - (bytes.length % 4)) % 4).fill(0)];
  return [...le32(padded.length), ...padded];
}

interface Cie {
  readonly version?: number;
  readonly augmentation?: string;
  /** Behind the augmentation's length. */
  readonly data?: readonly number[];
  readonly register?: number;
  readonly instructions?: readonly number[];
}

/** rsp+8, and the return address in its last word. */
export const USUAL = [0x0c, 7, 8, 0x90, 1];

export function cie({
  version = 1,
  augmentation = "zR",
  data = [0x1b],
  register = 16,
  instructions = USUAL,
}: Cie = {}): number[] {
  return entry([
    ...le32(0),
    version,
    ...Buffer.from(`${augmentation}\0`, "latin1"),
    ...uleb(1),
    ...sleb(-8),
    register,
    ...(augmentation.startsWith("z") ? uleb(data.length) : []),
    ...data,
    ...instructions,
  ]);
}

/** A section of a CIE, and the FDE of a function. */
export function section(common: readonly number[], instructions: readonly number[], lsda: number[] = []) {
  const at = common.length;
  const bytes = Uint8Array.from([
    ...common,
    ...entry([
      ...le32(at + 4),
      ...le32(FUNCTION - (SECTION + at + 8)),
      ...le32(FUNCTION_SIZE),
      ...uleb(lsda.length),
      ...lsda,
      ...instructions,
    ]),
    ...le32(0),
  ]);
  return { section: { view: new DataView(bytes.buffer), address: SECTION }, fde: at };
}

export function expression(bytes: readonly number[]): Expression {
  const all = Uint8Array.from(bytes);
  return { section: { view: new DataView(all.buffer), address: 0 }, start: 0, end: all.length };
}

/** Registers that have their numbers, and a thousand. */
export const NUMBERED = Float64Array.from({ length: REGISTERS }, (_none, i) => 1000 + i);
