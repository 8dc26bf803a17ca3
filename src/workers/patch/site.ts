// A call site: whether, and how, an instruction shortly before a `syscall` can become a jump to a trampoline that
// executes a copy of it, and of what stands between. Only code that was decoded from the start of its function on is
// believed, and only kinds of instructions are copied of which it is known that they do the same anywhere.
//
//   mov $number,%eax; syscall                   the number is the one that trapped
//   mov 8(%rsp),%r9; syscall                    any other of five bytes and more that goes on behind itself
//   cmpb $0,at(%rip); je 1f; xor %eax,%eax; syscall      with shorter ones, and conditional jumps, in between
//   mov %rcx,%rsi; mov %rbx,%rdi; syscall       where all are short, two of which the first has three or four bytes
//
// Bytes of one instruction alone are written over: all borders of instructions stay, and all code behind it. Who jumps
// there, stands there or is sent back there goes on as before, and traps. Of two, the second's first byte is one of the
// jump's last two, and becomes a breakpoint: trampolines of such sites lie where that byte of the jump's distance has
// its value. Who comes there, because it was interrupted between the two, goes on in the trampoline, at the second's
// copy (hidden_code.ts).

import { decode, Flow, Instruction, UNKNOWN } from "./instruction.ts";

export const JUMP_LENGTH = 5;
export const SYSCALL_LENGTH = 2;
const SYSCALL_BYTES = 0x050f;
/** By the bytes around it unwinders and debuggers know signal frames. */
const SYS_rt_sigreturn = 15;
const GS_OVERRIDE = 0x65;
/** Instructions that a trampoline has copies of. */
const PARTS_MAX = 8;

/** An instruction that the trampoline has a copy of. */
export interface Part {
  /** Its place, and its length, in the original bytes. */
  readonly at: number;
  readonly length: number;
  /** Place of its displacement from the instruction pointer among them, or -1. */
  readonly ripDisplacementAt: number;
  /** Of a conditional jump: the condition's number, and how far from its end it goes; -1 else. */
  readonly condition: number;
  readonly distance: number;
}

export interface PatchSite {
  /** Address of the instruction whose first bytes become a jump. */
  readonly at: number;
  /** Address of the syscall instruction. */
  readonly syscall: number;
  /** All bytes from the one to the other. */
  readonly original: Uint8Array;
  readonly parts: readonly Part[];
  /** Where in the jump the second instruction begins; -1: the first one is as long. */
  readonly border: number;
}

/** Why a site stays as it is. */
export type Refusal =
  | "its number is rt_sigreturn's"
  | "no function begins before it"
  | "the code before it is not understood"
  | "it is not an instruction of its function"
  | "the instructions before it are too short"
  | "the instruction before it is not one to be moved"
  | "another number than the one before it"
  | "it begins a function"
  | "its function is too long"
  | "it is patched, and entered behind the jump"
  | "it lies across two pages"
  | "its memory is not a private file's"
  | "its file is excluded"
  | "its host may not answer"
  | "its page was written to"
  | "there is no room for a trampoline"
  | "there are too many"
  | "there is no memory for it"
  | "the host refuses to write it";

/**
 * Judges the site at `address`, whose call had the number `nr`. `code` is from the start of the site's function, at
 * `start`, up to the end of the syscall instruction.
 */
export function judgeSite(code: Uint8Array, start: number, address: number, nr: number): PatchSite | Refusal {
  if (nr === SYS_rt_sigreturn) return "its number is rt_sigreturn's";
  const end = address - start;
  if (end === 0) return "it begins a function";
  if (end < 0 || end + SYSCALL_LENGTH > code.length) return "no function begins before it";
  if ((code[end]! | (code[end + 1]! << 8)) !== SYSCALL_BYTES)
    return "it is not an instruction of its function";
  const instruction = new Instruction();
  // Those that were decoded last, as far as they may be copied, and whether the last of them may not.
  let parts: Part[] = [];
  let isCut = false;
  for (let at = 0; at < end; at += instruction.length) {
    if (decode(code, at, code.length, instruction) === UNKNOWN) return "the code before it is not understood";
    if (at + instruction.length > end) return "it is not an instruction of its function";
    const part = partOf(code, at, instruction);
    isCut = part === null;
    if (part === null) parts = [];
    else parts.push(part);
    if (parts.length > PARTS_MAX) parts.shift();
  }
  if (isCut) return "the instruction before it is not one to be moved";
  const long = parts.findLastIndex(({ length, condition }) => length >= JUMP_LENGTH && condition < 0);
  const first = long >= 0 ? long : parts.findLastIndex((part, index) => makePair(part, parts[index + 1]));
  if (first < 0) return "the instructions before it are too short";
  const chain = parts.slice(first);
  const from = chain[0]!.at;
  for (const part of chain) {
    const number = loadedNumber(code, part);
    if (number !== -1 && number !== nr) return "another number than the one before it";
  }
  return {
    at: start + from,
    syscall: address,
    original: code.slice(from, end),
    border: long >= 0 ? -1 : chain[0]!.length,
    parts: chain.map((part) => ({
      ...part,
      at: part.at - from,
      ripDisplacementAt: part.ripDisplacementAt < 0 ? -1 : part.ripDisplacementAt - from,
    })),
  };
}

/** Whether the jump has room in both, and the border between them lies in one of its last two bytes. */
function makePair(first: Part, second: Part | undefined): boolean {
  if (second === undefined || first.condition >= 0 || first.length >= JUMP_LENGTH) return false;
  return first.length >= JUMP_LENGTH - 2 && first.length + second.length >= JUMP_LENGTH;
}

/** What is needed to copy an instruction; null if it is not one to be copied. */
function partOf(code: Uint8Array, at: number, instruction: Instruction): Part | null {
  const { length, ripDisplacementAt } = instruction;
  const condition = conditionOf(instruction);
  if (condition >= 0) {
    const view = new DataView(code.buffer, code.byteOffset + instruction.targetAt);
    const distance = instruction.targetSize === 1 ? view.getInt8(0) : view.getInt32(0, true);
    return { at, length, ripDisplacementAt: -1, condition, distance };
  }
  return isMovable(instruction) ? { at, length, ripDisplacementAt, condition: -1, distance: 0 } : null;
}

/** Number of the condition of a conditional jump (its opcode's lower half), or -1. */
function conditionOf({ map, opcode, isVector, flow, hasAddressSize }: Instruction): number {
  if (flow !== Flow.BRANCH || isVector || hasAddressSize) return -1;
  const isShort = map === 0 && (opcode & 0xf0) === 0x70;
  const isLong = map === 1 && (opcode & 0xf0) === 0x80;
  return isShort || isLong ? opcode & 0xf : -1;
}

/** The constant that the instruction loads into rax, or -1. */
function loadedNumber(code: Uint8Array, { at, length }: Part): number {
  const view = new DataView(code.buffer, code.byteOffset + at, length);
  const isMov = length === 5 && code[at] === 0xb8;
  const isLongMov = length === 7 && code[at] === 0x48 && code[at + 1] === 0xc7 && code[at + 2] === 0xc0;
  return isMov || isLongMov ? view.getUint32(length - 4, true) : -1;
}

// Kinds that do the same at another address, once a displacement from the instruction pointer was corrected: moves and
// arithmetic between registers, memory and constants.
const MOVABLE_ONE_BYTE: ReadonlySet<number> = new Set([
  ...opcodes(0x00, 0x3d, (opcode) => (opcode & 7) < 6),
  0x63,
  0x68,
  0x69,
  0x6a,
  0x6b,
  0x80,
  0x81,
  0x83,
  0x84,
  0x85,
  0x86,
  0x87,
  0x88,
  0x89,
  0x8a,
  0x8b,
  0x8d,
  0xa0,
  0xa1,
  0xa2,
  0xa3,
  0xa8,
  0xa9,
  ...opcodes(0xb0, 0xbf),
  0xc0,
  0xc1,
  0xc6,
  0xc7,
  0xd0,
  0xd1,
  0xd2,
  0xd3,
  0xf6,
  0xf7,
  0xfe,
  0xff,
]);
const MOVABLE_TWO_BYTES: ReadonlySet<number> = new Set([
  0x10,
  0x11,
  0x12,
  0x13,
  0x14,
  0x16,
  0x17,
  0x1f,
  0x28,
  0x29,
  ...opcodes(0x40, 0x4f),
  0x54,
  0x55,
  0x56,
  0x57,
  0x6c,
  0x6e,
  0x6f,
  0x7e,
  0x7f,
  ...opcodes(0x90, 0x9f),
  0xa3,
  0xab,
  0xaf,
  0xb3,
  0xb6,
  0xb7,
  0xba,
  0xbb,
  0xbc,
  0xbd,
  0xbe,
  0xbf,
  0xc6,
  0xd6,
  0xd4,
  0xeb,
  0xef,
]);

function opcodes(first: number, last: number, fits: (opcode: number) => boolean = () => true): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(fits);
}

function isMovable(instruction: Instruction): boolean {
  if (instruction.flow !== Flow.NEXT || instruction.hasLock) return false;
  // The gs base is the stub's; with 32-bit addresses a displacement wraps at 4 GiB.
  if (instruction.segment === GS_OVERRIDE || instruction.hasAddressSize) return false;
  switch (instruction.map) {
    case 0:
      return MOVABLE_ONE_BYTE.has(instruction.opcode);
    case 1:
      return MOVABLE_TWO_BYTES.has(instruction.opcode);
    default:
      return false;
  }
}
