// The frame of a signal, as the kernel has put it on the stack (struct rt_sigframe): its handler returns to code that makes
// rt_sigreturn. Where nothing is said of that code the frame is known by itself: by what stands in each, at its place.

import { TWO_32 } from "../../shared/abi/struct.ts";
import { DW_RSP, type Row, Rule } from "./row.ts";

/** struct ucontext, to which the stack pointer points in that code; struct sigcontext lies in it (asm/sigcontext.h). */
const LINK = 8;
const CONTEXT = 40;
const FLAGS = CONTEXT + 136;
/** Behind the flags, whose upper half is 0: the code segment, and gs, which is 0 there. A word further on there would be ss. */
const SEGMENTS = CONTEXT + 140;
/** UC_... */
const KNOWN_FLAGS = 7;
/** A flag of the CPU that is always set. */
const ALWAYS_SET = 2;
/** The code segment of programs of 64 bits, behind the upper half of the flags. */
const CODE_SEGMENT = 0x33 * TWO_32;
/** DWARF's numbers of the registers that the context begins with. */
const ORDER = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, DW_RSP, 16];

export const signalFrame: Row = {
  register: DW_RSP,
  offset: 0,
  expression: null,
  rules: ORDER.map((register, i) => ({
    register,
    rule: Rule.SAVED,
    value: CONTEXT + 8 * i,
    expression: null,
  })),
  isSignal: true,
};

/** Whether the context of a signal lies there. */
export function isSignalFrame(stack: number, readWord: (address: number) => number): boolean {
  if (readWord(stack + SEGMENTS) !== CODE_SEGMENT) return false;
  const flags = readWord(stack + FLAGS);
  return (
    flags >= 0 &&
    flags < TWO_32 &&
    (flags & ALWAYS_SET) !== 0 &&
    readWord(stack) <= KNOWN_FLAGS &&
    readWord(stack + LINK) === 0
  );
}
