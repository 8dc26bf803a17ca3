// Runs programs of classic BPF over a packet. A load beyond it, and a division by zero, end the program with 0, as in
// Linux: the packet is dropped.

import * as B from "../../shared/abi/bpf.ts";
import { CLASS, isAncillary, MODE, type Program, WORDS } from "./program.ts";

/** What a program looks at. */
export interface Input {
  readonly view: DataView;
  /** The packet's first byte in the view, and its length. */
  readonly start: number;
  readonly length: number;
  /** Where its IP header and its link header are, from the start, which a link header may stand before; -1: there is none. */
  readonly network: number;
  readonly link: number;
  /** SKF_AD_*: what is known of the packet; null: the program ends with 0. */
  known(what: number, a: number, x: number): number | null;
}

const BEYOND = -1;
const NONE = -1;

/** Where so many bytes at an offset of a load are in the view; BEYOND: not all of them are in the packet. */
function place(input: Input, offset: number, size: number): number {
  let at = offset;
  let first = 0;
  if (offset < 0) {
    const isOfNetwork = offset >= B.SKF_NET_OFF;
    const base = isOfNetwork ? input.network : input.link;
    if (offset < B.SKF_LL_OFF || base === NONE) return BEYOND;
    if (base < 0) first = base;
    at = base + offset - (isOfNetwork ? B.SKF_NET_OFF : B.SKF_LL_OFF);
  }
  return at < first || at > input.length - size ? BEYOND : input.start + at;
}

function load(view: DataView, at: number, size: number): number {
  if (size === B.BPF_W) return view.getInt32(at);
  return size === B.BPF_H ? view.getUint16(at) : view.getUint8(at);
}

const SIZES: Readonly<Record<number, number>> = { [B.BPF_W]: 4, [B.BPF_H]: 2, [B.BPF_B]: 1 };
const SIZE = 0x18;
const OPERATION = 0xf0;

const scratch = new Int32Array(B.BPF_MEMWORDS);

/** What it returns: an unsigned number of 32 bits. */
export function runProgram({ words }: Program, input: Input): number {
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const at = pc * WORDS;
    const code = words[at]!;
    const k = words[at + 3]!;
    switch (code & CLASS) {
      case B.BPF_RET:
        return (code === (B.BPF_RET | B.BPF_A) ? a : k) >>> 0;
      case B.BPF_LD: {
        const mode = code & MODE;
        if (mode === B.BPF_IMM) a = k;
        else if (mode === B.BPF_MEM) a = scratch[k]!;
        else if (mode === B.BPF_LEN) a = input.length;
        else if (mode === B.BPF_ABS && isAncillary(k)) {
          const known = input.known(k - B.SKF_AD_OFF, a, x);
          if (known === null) return 0;
          a = known;
        } else {
          const size = code & SIZE;
          const from = place(input, mode === B.BPF_IND ? (x + k) | 0 : k, SIZES[size]!);
          if (from === BEYOND) return 0;
          a = load(input.view, from, size);
        }
        break;
      }
      case B.BPF_LDX: {
        const mode = code & MODE;
        if (mode === B.BPF_IMM) x = k;
        else if (mode === B.BPF_MEM) x = scratch[k]!;
        else if (mode === B.BPF_LEN) x = input.length;
        else {
          const from = place(input, k, 1);
          if (from === BEYOND) return 0;
          x = (input.view.getUint8(from) & 0xf) * 4;
        }
        break;
      }
      case B.BPF_ST:
        scratch[k] = a;
        break;
      case B.BPF_STX:
        scratch[k] = x;
        break;
      case B.BPF_MISC:
        if (code === (B.BPF_MISC | B.BPF_TAX)) x = a;
        else a = x;
        break;
      case B.BPF_ALU: {
        const operand = (code & B.BPF_X) === 0 ? k : x;
        const operation = code & OPERATION;
        if (operand === 0 && (operation === B.BPF_DIV || operation === B.BPF_MOD)) return 0;
        a = compute(operation, a, operand);
        break;
      }
      default:
        if (code === (B.BPF_JMP | B.BPF_JA)) pc += k;
        else pc += words[at + (holds(code & OPERATION, a, (code & B.BPF_X) === 0 ? k : x) ? 1 : 2)]!;
    }
  }
}

function compute(operation: number, a: number, operand: number): number {
  switch (operation) {
    case B.BPF_ADD:
      return (a + operand) | 0;
    case B.BPF_SUB:
      return (a - operand) | 0;
    case B.BPF_MUL:
      return Math.imul(a, operand);
    case B.BPF_DIV:
      return ((a >>> 0) / (operand >>> 0)) | 0;
    case B.BPF_MOD:
      return ((a >>> 0) % (operand >>> 0)) | 0;
    case B.BPF_OR:
      return a | operand;
    case B.BPF_AND:
      return a & operand;
    case B.BPF_XOR:
      return a ^ operand;
    case B.BPF_LSH:
      return a << operand;
    case B.BPF_RSH:
      return (a >>> operand) | 0;
    default: // BPF_NEG
      return -a | 0;
  }
}

function holds(condition: number, a: number, operand: number): boolean {
  switch (condition) {
    case B.BPF_JEQ:
      return a === operand;
    case B.BPF_JGT:
      return a >>> 0 > operand >>> 0;
    case B.BPF_JGE:
      return a >>> 0 >= operand >>> 0;
    default: // BPF_JSET
      return (a & operand) !== 0;
  }
}
