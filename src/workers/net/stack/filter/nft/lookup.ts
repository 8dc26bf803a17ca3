// The expression lookup: whether what stands in registers is in a set, and what a map has for it.

import { EINVAL, ENOENT } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import type { Evaluation } from "../evaluation.ts";
import { number32, text } from "./attributes.ts";
import { Expression, type MakeExpression, NEXT } from "./expression.ts";
import type { NftSet } from "./model.ts";
import { NFT_REG_VERDICT } from "./registers.ts";

/** NFTA_LOOKUP_* */
const LOOKUP = { SET: 1, SREG: 2, DREG: 3, SET_ID: 4, FLAGS: 5 } as const;

/** A lookup, in rules' worth. */
const COST = 2;

class Lookup extends Expression {
  readonly #set: NftSet;
  readonly #from: number;
  /** -1: what a map has is not asked for; of a map of verdicts 0. */
  readonly #to: number;
  readonly #isInverted: boolean;
  readonly #head: Buffer;

  constructor(set: NftSet, from: number, to: number, isInverted: boolean, head: Buffer) {
    super();
    this.#set = set;
    this.#from = from;
    this.#to = to;
    this.#isInverted = isInverted;
    this.#head = head;
  }

  override run(at: Evaluation): number {
    at.rulesLeft -= COST;
    const found = this.#set.live.find(at, this.#from);
    if ((found !== null) === this.#isInverted) return NFT_BREAK;
    if (found === null || this.#to < 0) return NEXT;
    const { registers } = at;
    const { verdict, value } = found;
    if (verdict !== null) {
      registers.jumpTo = verdict.chain;
      return verdict.code;
    }
    const { bytes } = registers;
    for (let i = 0; i < value!.length; i++) bytes[this.#to + i] = value![i]!;
    return NEXT;
  }

  // An anonymous set has got a name.
  override data(): Buffer {
    return Buffer.concat([text(LOOKUP.SET, this.#set.name), this.#head]);
  }

  override get set(): NftSet {
    return this.#set;
  }
}

export const lookup: MakeExpression = (attributes, { registers, findSet }) => {
  const name = attributes.text(LOOKUP.SET, A.NFT_NAME_MAXLEN - 1);
  const sourceRegister = attributes.u32(LOOKUP.SREG);
  if (name === undefined || sourceRegister === undefined) return -EINVAL;
  const set = findSet(name, attributes.u32(LOOKUP.SET_ID));
  if (set === null) return -ENOENT;
  const { kind } = set;
  const from = registers.load(sourceRegister, kind.keyLength);
  if (from < 0) return from;
  const flags = attributes.u32(LOOKUP.FLAGS) ?? 0;
  if ((flags & ~A.NFT_LOOKUP_F_INV) !== 0) return -EINVAL;
  const isInverted = flags !== 0;
  const register = attributes.u32(LOOKUP.DREG);
  const isMap = (kind.flags & A.NFT_SET_MAP) !== 0;
  const head = [number32(LOOKUP.SREG, sourceRegister)];
  let to = -1;
  if (register !== undefined) {
    if (isInverted || !isMap) return -EINVAL;
    if (kind.hasVerdicts !== (register === NFT_REG_VERDICT)) return -EINVAL;
    to = kind.hasVerdicts ? 0 : registers.store(register, kind.dataLength);
    if (to < 0) return to;
    head.push(number32(LOOKUP.DREG, register));
  } else if (isMap) return -EINVAL;
  head.push(number32(LOOKUP.FLAGS, flags));
  return new Lookup(set, from, to, isInverted, Buffer.concat(head));
};
