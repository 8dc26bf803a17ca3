// Trampolines: what a patched site jumps to. A pool of them lies within a jump's reach of its sites:
//
//   first place   the address of the stub's entry (stub_trampoline.S)
//   each other    copies of the replaced instruction and of those up to the syscall
//                 lea  behind-the-site(%rip),%rcx     what the syscall instruction would leave in rcx
//                 jmp  *entry(%rip)
//
// A guest's signal frames and core files show none of this (docs/hardening.md, F9): an address in a trampoline stands
// for the instruction whose copy would be executed next, and behind the copies for the syscall instruction.

import { write64 } from "../../shared/abi/struct.ts";
import { TRAMPOLINE_ENTRY } from "../../shared/ring/layout.ts";
import { JUMP_LENGTH, type Part, type PatchSite, SYSCALL_LENGTH } from "./site.ts";

export const POOL_SIZE = 65536;
export const TRAMPOLINE_SIZE = 64;
/** Trampolines of a pool; place 0 is the entry's address. */
export const POOL_PLACES = POOL_SIZE / TRAMPOLINE_SIZE;

const INT3 = 0xcc;
const LEA_RCX = [0x48, 0x8d, 0x0d];
const JMP_MEMORY = [0xff, 0x25];
const JMP = 0xe9;
const TAIL_LENGTH = 13;
const LONG_CONDITIONAL = 0x0f;
const LONG_CONDITIONAL_CODE = 0x80;
const LONG_CONDITIONAL_LENGTH = 6;
const REACH = 0x7fffffff;
/** So many places are tried for a pool that has to lie at certain distances. */
const BASES = 16;
/** The first distance whose highest byte is a breakpoint. */
const INT3_HIGHEST = INT3 << 24;

/** Whether a jump, or a displacement, reaches from one address to another. */
export function reaches(from: number, to: number): boolean {
  return Math.abs(to - from) < REACH - TRAMPOLINE_SIZE;
}

/** Whether a trampoline may lie there: the jump to it has a breakpoint at the site's border. */
export function suits({ at, border }: PatchSite, trampoline: number): boolean {
  const distance = trampoline - (at + JUMP_LENGTH);
  return border < 0 || ((distance >> (8 * (border - 1))) & 0xff) === INT3;
}

/** Where pools may begin in which at least half of the places suit a site with a border; the nearest first. */
export function basesFor({ at, border }: PatchSite): number[] {
  const behind = at + JUMP_LENGTH;
  const half = BASES / 2;
  const distances = Array.from({ length: BASES }, (_, index) =>
    border === JUMP_LENGTH - 1
      ? INT3_HIGHEST + index * 0x100000
      : (INT3 << 16) + (index < half ? -1 - index : index - half) * 0x1000000,
  );
  return distances.map((distance) => Math.round((behind + distance) / POOL_SIZE) * POOL_SIZE);
}

/** Where behind a trampoline's begin the copy of the site's second instruction stands. */
export function secondCopy({ parts }: PatchSite): number {
  return copyLength(parts[0]!);
}

/** What stands at a pool's start. */
export function poolHeader(): Uint8Array {
  const bytes = new Uint8Array(TRAMPOLINE_SIZE).fill(INT3);
  write64(new DataView(bytes.buffer), 0, TRAMPOLINE_ENTRY);
  return bytes;
}

/** Bytes that the copy of a part takes. */
function copyLength({ length, condition }: Part): number {
  return condition < 0 ? length : LONG_CONDITIONAL_LENGTH;
}

/** The trampoline of a site at an address of the pool at `pool`; null where something is out of reach, or room. */
export function trampolineFor(site: PatchSite, at: number, pool: number): Uint8Array | null {
  const bytes = new Uint8Array(TRAMPOLINE_SIZE).fill(INT3);
  const view = new DataView(bytes.buffer);
  const { original, parts } = site;
  const copies = parts.reduce((sum, part) => sum + copyLength(part), 0);
  if (copies + TAIL_LENGTH > TRAMPOLINE_SIZE || !reaches(site.at, at)) return null;
  let next = 0;
  for (const part of parts) {
    const { at: from, length, ripDisplacementAt, condition, distance } = part;
    const end = next + copyLength(part);
    if (condition >= 0) {
      const moved = site.at + from + length + distance - (at + end);
      if (Math.abs(moved) > REACH) return null;
      bytes[next] = LONG_CONDITIONAL;
      bytes[next + 1] = LONG_CONDITIONAL_CODE | condition;
      view.setInt32(next + 2, moved, true);
    } else {
      bytes.set(original.subarray(from, from + length), next);
      if (ripDisplacementAt >= 0) {
        const place = next + ripDisplacementAt - from;
        const moved = view.getInt32(place, true) + (site.at + from) - (at + next);
        if (Math.abs(moved) > REACH) return null;
        view.setInt32(place, moved, true);
      }
    }
    next = end;
  }
  bytes.set(LEA_RCX, next);
  next += LEA_RCX.length + 4;
  view.setInt32(next - 4, site.syscall + SYSCALL_LENGTH - (at + next), true);
  bytes.set(JMP_MEMORY, next);
  next += JMP_MEMORY.length + 4;
  view.setInt32(next - 4, pool - (at + next), true);
  return bytes;
}

/** What replaces the first bytes of the site's instruction. */
export function jumpTo(site: PatchSite, trampoline: number): Uint8Array {
  const bytes = new Uint8Array(JUMP_LENGTH);
  bytes[0] = JMP;
  new DataView(bytes.buffer).setInt32(1, trampoline - (site.at + JUMP_LENGTH), true);
  return bytes;
}

/** The guest's address for one at `offset` of the site's trampoline. */
export function guestAddress(site: PatchSite, offset: number): number {
  let next = 0;
  for (const part of site.parts) {
    next += copyLength(part);
    if (offset < next) return site.at + part.at;
  }
  return site.syscall;
}
