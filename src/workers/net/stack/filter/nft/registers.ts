// The registers of a rule's expressions: sixteen words, which have two sets of names, and beside them where a verdict says
// to go on.

import { EINVAL, ENODATA, ERANGE } from "../../../../../shared/abi/errno.ts";
import type { Expression } from "./expression.ts";

const WORD = 4;
export const REGISTERS_SIZE = 64;
const WORDS = REGISTERS_SIZE / WORD;
/** NFT_REG_1 to NFT_REG_4 have four words, NFT_REG32_00 to NFT_REG32_15 one. */
const [NFT_REG_4, NFT_REG32_00, NFT_REG32_15] = [4, 8, 23];
export const NFT_REG_VERDICT = 0;

/** Rules as packets go through them. */
export interface LiveChain {
  readonly live: readonly LiveRule[];
}

export interface LiveRule {
  readonly expressions: readonly Expression[];
}

export class Registers {
  readonly bytes = new Uint8Array(REGISTERS_SIZE);
  readonly view = new DataView(this.bytes.buffer);
  /** Of a JUMP or GOTO. */
  jumpTo: LiveChain | null = null;

  /** A word in the byte order of the machine, as the kernel's own numbers are. */
  setNumber(at: number, value: number): void {
    this.view.setInt32(at, value | 0, true);
  }

  /** One byte, and zeros behind it. */
  setByte(at: number, value: number): void {
    this.view.setInt32(at, value & 0xff, true);
  }

  /** Two bytes as they stand in a packet, and zeros behind them. */
  setShort(at: number, value: number): void {
    this.view.setInt32(at, (value & 0xffff) << 16, false);
  }
}

/** Where chains go on behind a jump. */
export class Returns {
  readonly chains: (readonly LiveRule[])[] = [];
  readonly indices: number[] = [];
}

/** Where a register stands, in words; a negative errno. */
function wordOf(register: number): number {
  if (register <= NFT_REG_4) return (register - 1) * 4;
  return register >= NFT_REG32_00 && register <= NFT_REG32_15 ? register - NFT_REG32_00 : -ERANGE;
}

/** Which registers hold something, while a rule's expressions are gone through. */
export class RegisterUse {
  #held = 0;

  /** Where so many bytes are to be read (nft_parse_register_load); a negative errno. */
  load(register: number | undefined, length: number): number {
    const word = this.#place(register, length);
    if (word < 0) return word;
    const mask = maskOf(word, length);
    return (this.#held & mask) === mask ? word * WORD : -ENODATA;
  }

  /** Where so many bytes are to be put (nft_parse_register_store). */
  store(register: number | undefined, length: number): number {
    const word = this.#place(register, length);
    if (word < 0) return word;
    this.#held |= maskOf(word, length);
    return word * WORD;
  }

  #place(register: number | undefined, length: number): number {
    if (register === undefined || register === NFT_REG_VERDICT || length === 0) return -EINVAL;
    const word = wordOf(register);
    if (word < 0) return word;
    return word * WORD + length > REGISTERS_SIZE ? -ERANGE : word;
  }
}

function maskOf(word: number, length: number): number {
  const words = Math.min(WORDS, Math.ceil(length / WORD));
  return ((2 ** words - 1) << word) & 0xffff;
}
