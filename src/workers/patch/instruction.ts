// Lengths of x86-64 instructions (Intel SDM volume 2, chapter 2 and appendix A): right, or UNKNOWN. What is not in the
// tables, what CPUs of different makers read differently, and what only a kernel may do is unknown; whoever asks then
// leaves the code alone. Executes nothing and follows no branch.

export const UNKNOWN = 0;
const LENGTH_MAX = 15;

/** What an instruction does to the flow of control. */
export const Flow = {
  /** Goes on behind it. */
  NEXT: 0,
  /** May go on elsewhere: jumps, calls, returns, loops, xbegin. */
  BRANCH: 1,
  /** Enters a kernel, or traps: syscall, sysenter, int, hlt, ud2. */
  TRAP: 2,
} as const;

/** An instruction, as decode() leaves it: reused from one to the next. */
export class Instruction {
  length = UNKNOWN;
  flow: number = Flow.NEXT;
  /** 0: one byte, 1: 0f, 2: 0f 38, 3: 0f 3a; of VEX and EVEX their map field. */
  map = 0;
  opcode = 0;
  /** VEX or EVEX. */
  isVector = false;
  /** -1: none. */
  modrm = -1;
  /** Place of a 32-bit displacement from the next instruction's address (RIP-relative operand); -1: none. */
  ripDisplacementAt = -1;
  /** Of a direct branch: its place, and its bytes; -1: none. */
  targetAt = -1;
  targetSize = 0;
  rex = 0;
  hasLock = false;
  hasRepeat = false;
  hasOperandSize = false;
  hasAddressSize = false;
  /** Segment override of the fs or gs base: the prefix; 0: none. */
  segment = 0;
}

// Attributes of an opcode.
const MODRM = 1;
const IMM8 = 2;
const IMM16 = 4;
/** 16 or 32 bits, by operand size. */
const IMMZ = 8;
/** As IMMZ, 64 bits with REX.W. */
const IMMV = 16;
/** An address of 64 bits. */
const MOFFS = 32;
const BRANCHES = 64;
const TRAPS = 128;
const NONE = 256;
/** An offset from the next instruction: 8 or 32 bits. */
const REL8 = 512;
const REL32 = 1024;
const REFUSED = 2048;

// Rows of sixteen opcodes; a letter an opcode:
//   .  nothing behind it       M  ModRM                m  ModRM and 8 bits     L  ModRM and 16 or 32 bits
//   b  8 bits                  w  16 bits              z  16 or 32 bits        v  up to 64 bits
//   a  64-bit address          E  16 and 8 bits        j  branch, 8 bits       J  branch, 32 bits
//   r  return and its like     R  return and 16 bits   t  trap                 T  trap and 8 bits
//   p  prefix or escape, which decode() takes first; x refused
const LETTERS: Readonly<Record<string, number>> = {
  ".": NONE,
  M: MODRM,
  m: MODRM | IMM8,
  L: MODRM | IMMZ,
  b: IMM8,
  w: IMM16,
  z: IMMZ,
  v: IMMV,
  a: MOFFS,
  E: IMM16 | IMM8,
  j: BRANCHES | REL8,
  J: BRANCHES | REL32,
  r: BRANCHES | NONE,
  R: BRANCHES | IMM16,
  t: TRAPS | NONE,
  T: TRAPS | IMM8,
  p: REFUSED,
  x: REFUSED,
};

function table(rows: readonly string[]): Uint16Array {
  return Uint16Array.from(rows.join("").replaceAll(" ", ""), (letter) => LETTERS[letter]!);
}

// biome-ignore format: a table
const ONE_BYTE = table([
  "MMMM bzxx MMMM bzxp", // 00
  "MMMM bzxx MMMM bzxx",
  "MMMM bzpx MMMM bzpx",
  "MMMM bzpx MMMM bzpx",
  "pppp pppp pppp pppp", // 40
  ".... .... .... ....",
  "xxpM pppp zLbm xxxx",
  "jjjj jjjj jjjj jjjj",
  "mLxm MMMM MMMM xMxM", // 80
  ".... .... ..x. ....",
  "aaaa .... bz.. ....",
  "bbbb bbbb vvvv vvvv",
  "mmRr ppmL E.Rr tTxr", // c0
  "MMMM xxx. MMMM MMMM",
  "jjjj xxxx JJxj xxxx",
  "ptpp t.MM ..xx ..MM",
]);

// biome-ignore format: a table
const TWO_BYTES = table([
  "xMxx xtxx xxxt xMxx", // 00
  "MMMM MMMM MMMM MMMM",
  "xxxx xxxx MMMM MMMM",
  "x.xx txxx pxpx xxxx",
  "MMMM MMMM MMMM MMMM", // 40
  "MMMM MMMM MMMM MMMM",
  "MMMM MMMM MMMM MMMM",
  "mmmm MMM. xxxx MMMM",
  "JJJJ JJJJ JJJJ JJJJ", // 80
  "MMMM MMMM MMMM MMMM",
  "...M mMxx ..xM mMMM",
  "MMMM MMMM MxmM MMMM",
  "MMmM mmmM .... ....", // c0
  "MMMM MMMM MMMM MMMM",
  "MMMM MMMM MMMM MMMM",
  "MMMM MMMM MMMM MMMx",
]);

/** VEX and EVEX, map 1: opcodes with 8 bits behind ModRM; without ModRM there is 77 alone. */
const VECTOR_IMM8: ReadonlySet<number> = new Set([0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6]);
const VZEROUPPER = 0x77;

/** Decodes the instruction at `at` of `code` into `to`: its length, or UNKNOWN. Reads nothing from `end` on. */
export function decode(code: Uint8Array, at: number, end: number, to: Instruction): number {
  to.length = UNKNOWN;
  to.flow = Flow.NEXT;
  to.map = 0;
  to.isVector = false;
  to.modrm = -1;
  to.ripDisplacementAt = -1;
  to.targetAt = -1;
  to.targetSize = 0;
  to.rex = 0;
  to.hasLock = false;
  to.hasRepeat = false;
  to.hasOperandSize = false;
  to.hasAddressSize = false;
  to.segment = 0;
  const limit = Math.min(end, at + LENGTH_MAX);
  let next = at;
  let opcode = -1;
  for (; next < limit; ) {
    const byte = code[next++]!;
    if (!takePrefix(byte, to)) {
      opcode = byte;
      break;
    }
  }
  if (opcode < 0) return UNKNOWN;
  if (opcode === 0xc5 || opcode === 0xc4 || opcode === 0x62) {
    next = takeVector(code, next, limit, opcode, to);
    if (next < 0) return UNKNOWN;
    return finish(code, at, next, limit, vectorAttributes(to), to);
  }
  if (opcode !== 0x0f) {
    to.opcode = opcode;
    return finish(code, at, next, limit, ONE_BYTE[opcode]!, to);
  }
  if (next >= limit) return UNKNOWN;
  opcode = code[next++]!;
  if (opcode === 0x38 || opcode === 0x3a) {
    if (next >= limit) return UNKNOWN;
    to.map = opcode === 0x38 ? 2 : 3;
    to.opcode = code[next++]!;
    return finish(code, at, next, limit, to.map === 2 ? MODRM : MODRM | IMM8, to);
  }
  to.map = 1;
  to.opcode = opcode;
  // popcnt; without the prefix it is another instruction of another architecture.
  if (opcode === 0xb8 && !to.hasRepeat) return UNKNOWN;
  return finish(code, at, next, limit, TWO_BYTES[opcode]!, to);
}

function takePrefix(byte: number, to: Instruction): boolean {
  if ((byte & 0xf0) === 0x40) {
    to.rex = byte;
    return true;
  }
  switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
      break;
    case 0x64:
    case 0x65:
      to.segment = byte;
      break;
    case 0x66:
      to.hasOperandSize = true;
      break;
    case 0x67:
      to.hasAddressSize = true;
      break;
    case 0xf0:
      to.hasLock = true;
      break;
    case 0xf2:
    case 0xf3:
      to.hasRepeat = true;
      break;
    default:
      return false;
  }
  to.rex = 0; // only the one directly before the opcode counts
  return true;
}

/** Reads a VEX or EVEX prefix and its opcode: where ModRM is, or -1. */
function takeVector(code: Uint8Array, at: number, limit: number, first: number, to: Instruction): number {
  // Such prefixes before it make it invalid.
  if (to.rex !== 0 || to.hasOperandSize || to.hasLock || to.hasRepeat) return -1;
  const size = first === 0xc5 ? 1 : first === 0xc4 ? 2 : 3;
  if (at + size >= limit) return -1;
  to.isVector = true;
  if (first === 0xc5) to.map = 1;
  else if (first === 0xc4) to.map = code[at]! & 0x1f;
  else {
    // Bits that are fixed but for extensions which are not known here.
    if ((code[at]! & 8) !== 0 || (code[at + 1]! & 4) === 0) return -1;
    to.map = code[at]! & 7;
  }
  const known = first === 0x62 ? to.map === 5 || to.map === 6 : false;
  if (!known && (to.map < 1 || to.map > 3)) return -1;
  to.opcode = code[at + size]!;
  return at + size + 1;
}

function vectorAttributes({ map, opcode }: Instruction): number {
  if (map === 1 && opcode === VZEROUPPER) return NONE;
  return map === 3 || (map === 1 && VECTOR_IMM8.has(opcode)) ? MODRM | IMM8 : MODRM;
}

function finish(
  code: Uint8Array,
  at: number,
  from: number,
  limit: number,
  attributes: number,
  to: Instruction,
): number {
  if ((attributes & REFUSED) !== 0) return UNKNOWN;
  let next = from;
  let immediate = 0;
  const wide = (to.rex & 8) !== 0;
  const sizeZ = to.hasOperandSize && !wide ? 2 : 4;
  if ((attributes & IMM8) !== 0) immediate += 1;
  if ((attributes & IMM16) !== 0) immediate += 2;
  if ((attributes & IMMZ) !== 0) immediate += sizeZ;
  if ((attributes & IMMV) !== 0) immediate += wide ? 8 : sizeZ;
  if ((attributes & MOFFS) !== 0) immediate += to.hasAddressSize ? 4 : 8;
  if ((attributes & BRANCHES) !== 0) to.flow = Flow.BRANCH;
  if ((attributes & TRAPS) !== 0) to.flow = Flow.TRAP;
  if ((attributes & (REL8 | REL32)) !== 0) {
    // CPUs of different makers read a near branch with an operand size prefix differently.
    if (to.hasOperandSize) return UNKNOWN;
    to.targetSize = (attributes & REL8) !== 0 ? 1 : 4;
    to.targetAt = next;
    immediate = to.targetSize;
  }
  if ((attributes & MODRM) !== 0) {
    if (next >= limit) return UNKNOWN;
    const modrm = code[next++]!;
    to.modrm = modrm;
    const mod = modrm >> 6;
    const rm = modrm & 7;
    if (mod !== 3) {
      let displacement = mod === 1 ? 1 : mod === 2 ? 4 : 0;
      if (rm === 4) {
        if (next >= limit) return UNKNOWN;
        if (mod === 0 && (code[next]! & 7) === 5) displacement = 4;
        next++;
      } else if (mod === 0 && rm === 5) {
        displacement = 4;
        to.ripDisplacementAt = next;
      }
      next += displacement;
    }
    const group = to.isVector || to.map !== 0 ? 0 : groupAttributes(to);
    if (group < 0) return UNKNOWN;
    if (group === IMM8) immediate += 1;
    else if (group === IMMZ) immediate += sizeZ;
    else if (group === REL32) immediate = 4; // xbegin, whose immediate is where it aborts to
  }
  next += immediate;
  if (next > limit) return UNKNOWN;
  to.length = next - at;
  return to.length;
}

/** What the reg field of ModRM says of an opcode of the one-byte map: more attributes, or -1 for UNKNOWN. */
function groupAttributes(to: Instruction): number {
  const reg = (to.modrm >> 3) & 7;
  switch (to.opcode) {
    case 0xf6:
      return reg < 2 ? IMM8 : 0;
    case 0xf7:
      return reg < 2 ? IMMZ : 0;
    case 0x8f: // XOP otherwise
      return reg === 0 ? 0 : -1;
    case 0xc6:
      return reg === 0 ? 0 : -1;
    case 0xc7:
      if (reg === 0) return 0;
      if (to.modrm !== 0xf8 || to.hasOperandSize) return -1;
      to.flow = Flow.BRANCH;
      return REL32;
    case 0xfe:
      return reg < 2 ? 0 : -1;
    case 0xff:
      if (reg === 7) return -1;
      if (reg >= 2 && reg <= 5) to.flow = Flow.BRANCH;
      return 0;
    default:
      return 0;
  }
}
