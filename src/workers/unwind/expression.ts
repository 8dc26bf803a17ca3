// Expressions of DWARF (DWARF 5, 2.5), as call frame information has them: of frames of signals, of functions that align their
// stack, of the table of a program's calls to libraries. A machine with a stack, whose program is a guest's: its steps and its
// looks at memory are bounded, and what it cannot do has no value.

import { Cursor } from "./cursor.ts";
import { type Expression, REGISTERS } from "./row.ts";

const STACK_MAX = 32;
const STEPS_MAX = 128;

/** What it looks at: -1 where nothing can be read. */
export type ReadWord = (address: number) => number;

const MASK = (1n << 64n) - 1n;
const bits = (value: bigint) => value & MASK;
const signed = (value: bigint) => BigInt.asIntN(64, value);
const truth = (value: boolean) => (value ? 1n : 0n);

/** Operations on the two values on top, by their numbers: the lower one, and the one on top. */
const BINARY: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
  26: (a, b) => a & b,
  27: (a, b) => (b === 0n ? 0n : signed(a) / signed(b)),
  28: (a, b) => a - b,
  29: (a, b) => (b === 0n ? 0n : a % b),
  30: (a, b) => a * b,
  33: (a, b) => a | b,
  34: (a, b) => a + b,
  // What is shifted farther is not there any more: of a larger number no BigInt is made.
  36: (a, b) => (b >= 64n ? 0n : a << b),
  37: (a, b) => (b >= 64n ? 0n : a >> b),
  38: (a, b) => signed(a) >> (b >= 64n ? 63n : b),
  39: (a, b) => a ^ b,
  41: (a, b) => truth(a === b),
  42: (a, b) => truth(signed(a) >= signed(b)),
  43: (a, b) => truth(signed(a) > signed(b)),
  44: (a, b) => truth(signed(a) <= signed(b)),
  45: (a, b) => truth(signed(a) < signed(b)),
  46: (a, b) => truth(a !== b),
};

const UNARY: Readonly<Record<number, (a: bigint) => bigint>> = {
  25: (a) => (signed(a) < 0n ? -a : a),
  31: (a) => -a,
  32: (a) => ~a,
};

/** Constants, by the numbers of their operations. */
const CONSTANTS: Readonly<Record<number, (cursor: Cursor) => bigint>> = {
  3: (cursor) => cursor.bits64(),
  8: (cursor) => BigInt(cursor.u8()),
  9: (cursor) => BigInt(cursor.s8()),
  10: (cursor) => BigInt(cursor.u16()),
  11: (cursor) => BigInt(cursor.s16()),
  12: (cursor) => BigInt(cursor.u32()),
  13: (cursor) => BigInt(cursor.s32()),
  14: (cursor) => cursor.bits64(),
  15: (cursor) => cursor.bits64(),
  16: (cursor) => BigInt(cursor.uleb()),
  17: (cursor) => BigInt(cursor.sleb()),
};

const DEREF = 6;
const DUP = 18;
const DROP = 19;
const OVER = 20;
const PICK = 21;
const SWAP = 22;
const PLUS_UCONST = 35;
const BRA = 40;
const SKIP = 47;
const LIT0 = 48;
const BREG0 = 112;
const BREGX = 146;
const NOP = 150;
const IN_NUMBER = 32;

/**
 * The value of an expression, as an unsigned number; -1: it has none. `first`: what its stack begins with, or -1. Registers that are
 * not known are NaN.
 */
export function evaluate(
  { section, start, end }: Expression,
  registers: Float64Array,
  readWord: ReadWord,
  first: number,
): number {
  const cursor = new Cursor(section, start, end);
  const stack: bigint[] = first < 0 ? [] : [BigInt(first)];
  for (let steps = 0; !cursor.isAtEnd; steps++) {
    if (steps >= STEPS_MAX || stack.length > STACK_MAX) return -1;
    const operation = cursor.u8();
    const constant = CONSTANTS[operation];
    if (constant !== undefined) stack.push(bits(constant(cursor)));
    else if (operation >= LIT0 && operation < LIT0 + IN_NUMBER) stack.push(BigInt(operation - LIT0));
    else if ((operation >= BREG0 && operation < BREG0 + IN_NUMBER) || operation === BREGX) {
      const number = operation === BREGX ? cursor.uleb() : operation - BREG0;
      const register = number < REGISTERS ? registers[number]! : Number.NaN;
      if (Number.isNaN(register)) return -1;
      stack.push(bits(BigInt(register) + BigInt(cursor.sleb())));
    } else if (operation === SKIP) jump(cursor, start);
    else if (operation !== NOP) {
      // All others take what is there.
      const top = stack.pop();
      if (top === undefined || !onStack(operation, top, stack, cursor, readWord, start)) return -1;
    }
    if (cursor.failed) return -1;
  }
  const value = stack.pop();
  return cursor.failed || value === undefined ? -1 : Number(value);
}

function jump(cursor: Cursor, start: number): void {
  const distance = cursor.s16();
  const to = cursor.at + distance;
  if (to < start || to > cursor.end) cursor.fail();
  else cursor.at = to;
}

/** An operation on the stack, from which `top` was taken; false: it cannot be done. */
function onStack(
  operation: number,
  top: bigint,
  stack: bigint[],
  cursor: Cursor,
  readWord: ReadWord,
  start: number,
): boolean {
  const unary = UNARY[operation];
  if (unary !== undefined) return push(stack, unary(top));
  if (operation === DEREF) {
    const word = readWord(Number(top));
    return word >= 0 && push(stack, BigInt(word));
  }
  if (operation === PLUS_UCONST) return push(stack, top + BigInt(cursor.uleb()));
  if (operation === DROP) return true;
  if (operation === DUP) return push(stack, top) && push(stack, top);
  if (operation === BRA) {
    if (top !== 0n) jump(cursor, start);
    else cursor.take(2);
    return true;
  }
  if (operation === PICK) {
    stack.push(top);
    const picked = stack[stack.length - 1 - cursor.u8()];
    return picked !== undefined && push(stack, picked);
  }
  const below = stack.pop();
  if (below === undefined) return false;
  if (operation === OVER) return push(stack, below) && push(stack, top) && push(stack, below);
  if (operation === SWAP) return push(stack, top) && push(stack, below);
  const binary = BINARY[operation];
  return binary !== undefined && push(stack, binary(below, top));
}

function push(stack: bigint[], value: bigint): boolean {
  stack.push(bits(value));
  return true;
}
