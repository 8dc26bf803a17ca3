// Expressions that work on registers alone: immediate, cmp, range, bitwise and byteorder.

import { EINVAL, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import type { Evaluation } from "../evaluation.ts";
import { type Attributes, attribute, number32 } from "./attributes.ts";
import { Expression, type MakeExpression, NEXT } from "./expression.ts";
import type { NftChain } from "./model.ts";
import { NFT_REG_VERDICT } from "./registers.ts";
import { dataOf, type Verdict, verdictOf } from "./verdict.ts";

/** NFTA_IMMEDIATE_*, NFTA_CMP_*, NFTA_RANGE_*, NFTA_BITWISE_*, NFTA_BYTEORDER_* */
const IMMEDIATE = { DREG: 1, DATA: 2 } as const;
const CMP = { SREG: 1, OP: 2, DATA: 3 } as const;
const RANGE = { SREG: 1, OP: 2, FROM: 3, TO: 4 } as const;
const BITWISE = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5, OP: 6, DATA: 7 } as const;
const BYTEORDER = { SREG: 1, DREG: 2, OP: 3, LEN: 4, SIZE: 5 } as const;

/** The value of an attribute that holds data; null: it has none, or one that is too long. */
export function valueIn(attributes: Attributes, type: number): Buffer | null {
  const value = attributes.nested(type)?.bytes(A.DATA.VALUE);
  if (value === undefined || value.length === 0 || value.length > A.NFT_DATA_VALUE_MAXLEN) return null;
  return Buffer.from(value);
}

// ---- immediate ----

class Decide extends Expression {
  readonly #verdict: Verdict;

  constructor(verdict: Verdict) {
    super();
    this.#verdict = verdict;
  }

  override run({ registers }: Evaluation): number {
    registers.jumpTo = this.#verdict.chain;
    return this.#verdict.code;
  }

  // A chain may be called something else since.
  override data(): Buffer {
    return Buffer.concat([
      number32(IMMEDIATE.DREG, NFT_REG_VERDICT),
      attribute(IMMEDIATE.DATA, dataOf(this.#verdict)),
    ]);
  }

  override get chain(): NftChain | null {
    return this.#verdict.chain;
  }
}

class Load extends Expression {
  readonly #to: number;
  readonly #value: Uint8Array;

  constructor(to: number, value: Uint8Array) {
    super();
    this.#to = to;
    this.#value = value;
  }

  override run({ registers }: Evaluation): number {
    const { bytes } = registers;
    const value = this.#value;
    for (let i = 0; i < value.length; i++) bytes[this.#to + i] = value[i]!;
    return NEXT;
  }
}

/** A value, filled up with zeros to whole registers. */
function inWords(value: Buffer): Uint8Array {
  const bytes = new Uint8Array((value.length + 3) & ~3);
  bytes.set(value);
  return bytes;
}

const immediate: MakeExpression = (attributes, place) => {
  const register = attributes.u32(IMMEDIATE.DREG);
  const data = attributes.nested(IMMEDIATE.DATA);
  if (register === undefined || data === undefined) return -EINVAL;
  if (register === NFT_REG_VERDICT) {
    const verdict = verdictOf(data.nested(A.DATA.VERDICT), place);
    return typeof verdict === "number" ? verdict : new Decide(verdict);
  }
  const value = valueIn(attributes, IMMEDIATE.DATA);
  if (value === null) return -EINVAL;
  const to = place.registers.store(register, value.length);
  return to < 0 ? to : new Load(to, inWords(value));
};

// ---- cmp, range ----

const [EQ, NEQ, LT, LTE, GT, GTE] = [0, 1, 2, 3, 4, 5];

function compare(bytes: Uint8Array, at: number, value: Uint8Array): number {
  for (let i = 0; i < value.length; i++) {
    const difference = bytes[at + i]! - value[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

class Compare extends Expression {
  readonly #from: number;
  readonly #op: number;
  readonly #value: Uint8Array;

  constructor(from: number, op: number, value: Uint8Array) {
    super();
    this.#from = from;
    this.#op = op;
    this.#value = value;
  }

  override run({ registers }: Evaluation): number {
    const order = compare(registers.bytes, this.#from, this.#value);
    switch (this.#op) {
      case EQ:
        return order === 0 ? NEXT : NFT_BREAK;
      case NEQ:
        return order !== 0 ? NEXT : NFT_BREAK;
      case LT:
        return order < 0 ? NEXT : NFT_BREAK;
      case LTE:
        return order <= 0 ? NEXT : NFT_BREAK;
      case GT:
        return order > 0 ? NEXT : NFT_BREAK;
      default:
        return order >= 0 ? NEXT : NFT_BREAK;
    }
  }
}

const cmp: MakeExpression = (attributes, { registers }) => {
  const op = attributes.u32(CMP.OP);
  const value = valueIn(attributes, CMP.DATA);
  if (op === undefined || op > GTE || value === null) return -EINVAL;
  const from = registers.load(attributes.u32(CMP.SREG), value.length);
  return from < 0 ? from : new Compare(from, op, value);
};

class Range extends Expression {
  readonly #from: number;
  readonly #isInverted: boolean;
  readonly #min: Uint8Array;
  readonly #max: Uint8Array;

  constructor(from: number, isInverted: boolean, min: Uint8Array, max: Uint8Array) {
    super();
    this.#from = from;
    this.#isInverted = isInverted;
    this.#min = min;
    this.#max = max;
  }

  override run({ registers }: Evaluation): number {
    const { bytes } = registers;
    const isIn = compare(bytes, this.#from, this.#min) >= 0 && compare(bytes, this.#from, this.#max) <= 0;
    return isIn !== this.#isInverted ? NEXT : NFT_BREAK;
  }
}

const range: MakeExpression = (attributes, { registers }) => {
  const op = attributes.u32(RANGE.OP);
  const min = valueIn(attributes, RANGE.FROM);
  const max = valueIn(attributes, RANGE.TO);
  if (op === undefined || op > NEQ || min === null || max === null || min.length !== max.length)
    return -EINVAL;
  const from = registers.load(attributes.u32(RANGE.SREG), min.length);
  return from < 0 ? from : new Range(from, op === NEQ, min, max);
};

// ---- bitwise ----

const [MASK_XOR, LSHIFT, RSHIFT] = [0, 1, 2];

class Mask extends Expression {
  readonly #from: number;
  readonly #to: number;
  readonly #mask: Uint8Array;
  readonly #xor: Uint8Array;

  constructor(from: number, to: number, mask: Uint8Array, xor: Uint8Array) {
    super();
    this.#from = from;
    this.#to = to;
    this.#mask = mask;
    this.#xor = xor;
  }

  override run({ registers }: Evaluation): number {
    const { bytes } = registers;
    const [mask, xor] = [this.#mask, this.#xor];
    for (let i = 0; i < mask.length; i++) bytes[this.#to + i] = (bytes[this.#from + i]! & mask[i]!) ^ xor[i]!;
    return NEXT;
  }
}

/** Of the kernel's own words, the first of which is the highest. */
class Shift extends Expression {
  readonly #from: number;
  readonly #to: number;
  readonly #words: number;
  readonly #bits: number;
  readonly #isLeft: boolean;

  constructor(from: number, to: number, length: number, bits: number, isLeft: boolean) {
    super();
    this.#from = from;
    this.#to = to;
    this.#words = (length + 3) >> 2;
    this.#bits = bits;
    this.#isLeft = isLeft;
  }

  override run({ registers: { view } }: Evaluation): number {
    const bits = this.#bits;
    let carry = 0;
    for (let i = 0; i < this.#words; i++) {
      const at = (this.#isLeft ? this.#words - 1 - i : i) * 4;
      const word = view.getUint32(this.#from + at, true);
      const shifted = this.#isLeft ? word << bits : word >>> bits;
      view.setInt32(this.#to + at, shifted | carry, true);
      if (bits !== 0) carry = this.#isLeft ? word >>> (32 - bits) : word << (32 - bits);
    }
    return NEXT;
  }
}

const bitwise: MakeExpression = (attributes, { registers }) => {
  const length = attributes.u32(BITWISE.LEN);
  const op = attributes.u32(BITWISE.OP) ?? MASK_XOR;
  if (length === undefined || length > A.NFT_DATA_VALUE_MAXLEN) return -EINVAL;
  const from = registers.load(attributes.u32(BITWISE.SREG), length);
  if (from < 0) return from;
  const to = registers.store(attributes.u32(BITWISE.DREG), length);
  if (to < 0) return to;
  if (op === MASK_XOR) {
    const mask = valueIn(attributes, BITWISE.MASK);
    const xor = valueIn(attributes, BITWISE.XOR);
    if (attributes.has(BITWISE.DATA) || mask?.length !== length || xor?.length !== length) return -EINVAL;
    return new Mask(from, to, mask, xor);
  }
  if (op !== LSHIFT && op !== RSHIFT) return -EOPNOTSUPP;
  const bits = valueIn(attributes, BITWISE.DATA);
  if (attributes.has(BITWISE.MASK) || attributes.has(BITWISE.XOR)) return -EINVAL;
  if (bits === null || bits.length !== 4 || bits.readUInt32LE() >= 32) return -EINVAL;
  return new Shift(from, to, length, bits.readUInt32LE(), op === LSHIFT);
};

// ---- byteorder ----

class Swap extends Expression {
  readonly #from: number;
  readonly #to: number;
  readonly #length: number;
  readonly #size: number;

  constructor(from: number, to: number, length: number, size: number) {
    super();
    this.#from = from;
    this.#to = to;
    this.#length = length;
    this.#size = size;
  }

  override run({ registers: { bytes } }: Evaluation): number {
    const size = this.#size;
    for (let unit = 0; unit < this.#length; unit += size)
      for (let i = 0; i < size / 2; i++) {
        const low = bytes[this.#from + unit + i]!;
        bytes[this.#to + unit + i] = bytes[this.#from + unit + size - 1 - i]!;
        bytes[this.#to + unit + size - 1 - i] = low;
      }
    return NEXT;
  }
}

const byteorder: MakeExpression = (attributes, { registers }) => {
  const [op, length, size] = [BYTEORDER.OP, BYTEORDER.LEN, BYTEORDER.SIZE].map((type) =>
    attributes.u32(type),
  );
  if (op === undefined || op > 1 || length === undefined || length > A.NFT_DATA_VALUE_MAXLEN) return -EINVAL;
  if ((size !== 2 && size !== 4 && size !== 8) || length % size !== 0) return -EINVAL;
  const from = registers.load(attributes.u32(BYTEORDER.SREG), length);
  if (from < 0) return from;
  const to = registers.store(attributes.u32(BYTEORDER.DREG), length);
  return to < 0 ? to : new Swap(from, to, length, size);
};

export const VALUES: Readonly<Record<string, MakeExpression>> = { immediate, cmp, range, bitwise, byteorder };
