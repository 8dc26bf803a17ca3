// A program of classic BPF, checked: what runs it need not doubt it. Jumps go forward only, and not beyond the end; the
// last instruction returns; nothing is read from scratch memory that no way there has written; so a program ends after as
// many steps as it has instructions, at most.

import * as B from "../../shared/abi/bpf.ts";

/** Words of an instruction: code, jt, jf, k. */
export const WORDS = 4;

const ARITHMETIC = [
  B.BPF_ADD,
  B.BPF_SUB,
  B.BPF_MUL,
  B.BPF_DIV,
  B.BPF_MOD,
  B.BPF_AND,
  B.BPF_OR,
  B.BPF_XOR,
  B.BPF_LSH,
  B.BPF_RSH,
];
const CONDITIONS = [B.BPF_JEQ, B.BPF_JGE, B.BPF_JGT, B.BPF_JSET];

/** Every code that there is. */
const CODES: ReadonlySet<number> = new Set([
  ...ARITHMETIC.flatMap((operation) => [B.BPF_ALU | operation | B.BPF_K, B.BPF_ALU | operation | B.BPF_X]),
  B.BPF_ALU | B.BPF_NEG,
  ...[B.BPF_W, B.BPF_H, B.BPF_B].flatMap((size) => [
    B.BPF_LD | size | B.BPF_ABS,
    B.BPF_LD | size | B.BPF_IND,
  ]),
  B.BPF_LD | B.BPF_W | B.BPF_LEN,
  B.BPF_LD | B.BPF_IMM,
  B.BPF_LD | B.BPF_MEM,
  B.BPF_LDX | B.BPF_W | B.BPF_LEN,
  B.BPF_LDX | B.BPF_B | B.BPF_MSH,
  B.BPF_LDX | B.BPF_IMM,
  B.BPF_LDX | B.BPF_MEM,
  B.BPF_ST,
  B.BPF_STX,
  B.BPF_MISC | B.BPF_TAX,
  B.BPF_MISC | B.BPF_TXA,
  B.BPF_RET | B.BPF_K,
  B.BPF_RET | B.BPF_A,
  B.BPF_JMP | B.BPF_JA,
  ...CONDITIONS.flatMap((condition) => [B.BPF_JMP | condition | B.BPF_K, B.BPF_JMP | condition | B.BPF_X]),
]);

/** Of a code: its class, and of loads how they address. */
export const CLASS = 0x07;
export const MODE = 0xe0;
const ALL_WRITTEN = 0xffff;

export interface Program {
  /** Four words for each instruction. */
  readonly words: Int32Array;
  readonly length: number;
}

/** Whether an absolute load is of something that is known of packets, rather than of their bytes. */
export function isAncillary(k: number): boolean {
  return k >= B.SKF_AD_OFF && k < B.SKF_AD_OFF + B.SKF_AD_MAX && (k & 3) === 0;
}

/** The program in an array of struct sock_filter; null: it is none (EINVAL). As Linux's bpf_check_classic. */
export function readProgram(bytes: Uint8Array): Program | null {
  const length = bytes.length / B.SOCK_FILTER_SIZE;
  if (!Number.isInteger(length) || length === 0 || length > B.BPF_MAXINSNS) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Int32Array(length * WORDS);
  for (let pc = 0; pc < length; pc++) {
    const at = pc * B.SOCK_FILTER_SIZE;
    words[pc * WORDS] = view.getUint16(at, true);
    words[pc * WORDS + 1] = view.getUint8(at + 2);
    words[pc * WORDS + 2] = view.getUint8(at + 3);
    words[pc * WORDS + 3] = view.getInt32(at + 4, true);
  }
  const program = { words, length };
  return isValid(program) && readsWhatWasWritten(program) ? program : null;
}

function isValid({ words, length }: Program): boolean {
  for (let pc = 0; pc < length; pc++) {
    const code = words[pc * WORDS]!;
    const k = words[pc * WORDS + 3]!;
    if (!CODES.has(code) || !hasValidOperand(code, k)) return false;
    if ((code & CLASS) !== B.BPF_JMP) continue;
    const left = length - pc - 1;
    if (code === (B.BPF_JMP | B.BPF_JA)) {
      if (k >>> 0 >= left) return false;
    } else if (words[pc * WORDS + 1]! >= left || words[pc * WORDS + 2]! >= left) return false;
  }
  return (words[(length - 1) * WORDS]! & CLASS) === B.BPF_RET;
}

function hasValidOperand(code: number, k: number): boolean {
  switch (code) {
    case B.BPF_ALU | B.BPF_DIV | B.BPF_K:
    case B.BPF_ALU | B.BPF_MOD | B.BPF_K:
      return k !== 0;
    case B.BPF_ALU | B.BPF_LSH | B.BPF_K:
    case B.BPF_ALU | B.BPF_RSH | B.BPF_K:
      return k >>> 0 < 32;
    case B.BPF_LD | B.BPF_MEM:
    case B.BPF_LDX | B.BPF_MEM:
    case B.BPF_ST:
    case B.BPF_STX:
      return k >>> 0 < B.BPF_MEMWORDS;
  }
  const isAbsolute = (code & CLASS) === B.BPF_LD && (code & MODE) === B.BPF_ABS;
  return !isAbsolute || k >= 0 || k < B.SKF_AD_OFF || isAncillary(k);
}

/** Every way to a load of a scratch word has a store to it: one bit for each, what all ways have written. */
function readsWhatWasWritten({ words, length }: Program): boolean {
  const onArrival = new Uint16Array(length).fill(ALL_WRITTEN);
  let written = 0;
  for (let pc = 0; pc < length; pc++) {
    written &= onArrival[pc]!;
    const code = words[pc * WORDS]!;
    const k = words[pc * WORDS + 3]!;
    const next = pc + 1;
    if (code === B.BPF_ST || code === B.BPF_STX) written |= 1 << k;
    else if (code === (B.BPF_LD | B.BPF_MEM) || code === (B.BPF_LDX | B.BPF_MEM)) {
      if ((written & (1 << k)) === 0) return false;
    } else if (code === (B.BPF_JMP | B.BPF_JA)) {
      onArrival[next + k]! &= written;
      written = ALL_WRITTEN;
    } else if ((code & CLASS) === B.BPF_JMP) {
      onArrival[next + words[pc * WORDS + 1]!]! &= written;
      onArrival[next + words[pc * WORDS + 2]!]! &= written;
      written = ALL_WRITTEN;
    }
  }
  return true;
}
