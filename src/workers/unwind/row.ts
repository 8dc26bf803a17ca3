// How the caller's registers are found at one place of a function: a row of the table that call frame information describes (DWARF 5,
// 6.4.1).

import type { Section } from "./cursor.ts";

/** DWARF's numbers (System V ABI for AMD64, 3.6.2): 0 to 15, and the return address, which stands for rip. */
export const REGISTERS = 17;
export const DW_RBP = 6;
export const DW_RSP = 7;
export const DW_RIP = 16;

/** What becomes of a register. */
export const Rule = {
  /** It has the caller's value. */
  SAME: 0,
  /** It is lost; of the return address: there is no caller. */
  UNDEFINED: 1,
  /** It stands so far from the frame's address. */
  SAVED: 2,
  /** It is the frame's address and so much. */
  OFFSET: 3,
  /** It is in another register. */
  REGISTER: 4,
  /** It stands where an expression says. */
  SAVED_BY: 5,
  /** It is what an expression says. */
  VALUE_OF: 6,
} as const;

/** Instructions of DWARF: bytes of a section (expression.ts). */
export interface Expression {
  readonly section: Section;
  readonly start: number;
  readonly end: number;
}

export interface RegisterRule {
  readonly register: number;
  readonly rule: number;
  /** A distance, or a register. */
  readonly value: number;
  readonly expression: Expression | null;
}

export interface Row {
  /** The frame's address (CFA): a register and so much, or else an expression. */
  readonly register: number;
  readonly offset: number;
  readonly expression: Expression | null;
  /** Of those registers alone that do not stay the same. */
  readonly rules: readonly RegisterRule[];
  readonly isSignal: boolean;
}
