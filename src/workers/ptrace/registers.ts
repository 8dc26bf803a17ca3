// Registers of a standing thread in the forms that tracers know (struct user, struct user_regs_struct, user_fpregs_struct; the
// XSAVE area as PTRACE_GETREGSET gives it), and what of them a tracer may set. Nothing that a tracer sets here reaches the
// stub's own: segments stay what they are, the gs base is the stub's, flags are those that a guest can load by itself.

import { EINVAL, EIO } from "../../shared/abi/errno.ts";
import * as L from "../../shared/ring/layout.ts";
import { TASK_SIZE } from "../../shared/ring/layout.ts";
import type { Frame } from "../../shared/ring/slot.ts";
import { EFLAGS_FIXED } from "../signals/registers.ts";

export const REGISTERS_SIZE = L.FRAME_SIZE;
/** struct user, and what of it there is behind the registers. */
export const USER_SIZE = 928;
export const DEBUG_AT = 848;
export const FP_LEGACY_SIZE = 512;

/** CF PF AF ZF SF TF DF OF NT RF AC (Linux's FLAG_MASK). */
const FLAGS_SETTABLE = 0x54dd5;
const USER_CS = 0x33;
const USER_SS = 0x2b;
const DS = L.GS_BASE + 8;

/** One register, at its offset in struct user: 0 or -EIO. */
export function setRegister(frame: Frame, offset: number, low: number, high: number): number {
  const register = L.FRAME + offset;
  const value = (high >>> 0) * 0x100000000 + (low >>> 0);
  switch (register) {
    case L.CS:
      return value === USER_CS ? 0 : -EIO;
    case L.SS:
      return value === USER_SS ? 0 : -EIO;
    case L.FS_BASE:
      if (value >= TASK_SIZE) return -EIO;
      break;
    case L.GS_BASE:
      return value === 0 ? 0 : -EIO;
    case L.EFLAGS:
      frame.set(L.EFLAGS, (low & FLAGS_SETTABLE) | EFLAGS_FIXED, 0);
      return 0;
    default:
      if (register >= DS) return value === 0 ? 0 : -EIO;
  }
  frame.set(register, low, high);
  return 0;
}

/** All of them, or the first ones: 0, or the error of the first that may not be set; those before are set. */
export function setRegisters(frame: Frame, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 8) {
    const error = setRegister(frame, at, view.getInt32(at, true), view.getInt32(at + 4, true));
    if (error < 0) return error;
  }
  return 0;
}

export function registerBytes({ words }: Frame): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice();
}

// ---- Floating-point state: as a signal frame has it (struct _xstate) ----

const SW_AT = 464;
const SW_SIZE = 48;
const SW_MAGIC1 = 0x46505853;
const SW_FEATURES = 8;
const MAGIC2_SIZE = 4;
const MXCSR_AT = 24;
const MXCSR_MASK = 0xffff;
const HEADER_AT = 512;
const HEADER_SIZE = 64;
const XCOMP_AT = HEADER_AT + 8;

/** What the stub has saved, without what says how long it is. */
export class FpState {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isExtended: boolean;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isExtended =
      bytes.length > HEADER_AT + HEADER_SIZE && this.#view.getUint32(SW_AT, true) === SW_MAGIC1;
  }

  /** user_fpregs_struct. */
  legacy(): Uint8Array {
    const out = this.bytes.slice(0, FP_LEGACY_SIZE);
    out.fill(0, SW_AT, SW_AT + SW_SIZE);
    return out;
  }

  /** NT_X86_XSTATE; null: the host has none. */
  extended(): Uint8Array | null {
    if (!this.#isExtended) return null;
    const out = this.bytes.slice(0, this.bytes.length - MAGIC2_SIZE);
    out.fill(0, SW_AT, SW_AT + SW_SIZE);
    out.set(this.bytes.subarray(SW_AT + SW_FEATURES, SW_AT + SW_FEATURES + 8), SW_AT);
    return out;
  }

  /** 0 or -EINVAL: the host would not load it. */
  setLegacy(given: Uint8Array): number {
    const view = new DataView(given.buffer, given.byteOffset, given.byteLength);
    if (given.length >= MXCSR_AT + 4 && (view.getUint32(MXCSR_AT, true) & ~MXCSR_MASK) !== 0) return -EINVAL;
    this.bytes.set(given.subarray(0, Math.min(given.length, SW_AT)));
    // x87 and SSE are what they are, also where they were as a program begins.
    if (this.#isExtended) this.bytes[HEADER_AT]! |= 3;
    return 0;
  }

  setExtended(given: Uint8Array): number {
    if (!this.#isExtended || given.length !== this.bytes.length - MAGIC2_SIZE) return -EINVAL;
    const view = new DataView(given.buffer, given.byteOffset, given.byteLength);
    const isUnknown = [0, 4].some(
      (at) =>
        (view.getUint32(HEADER_AT + at, true) & ~this.#view.getUint32(SW_AT + SW_FEATURES + at, true)) !== 0,
    );
    const hasMore = given.subarray(XCOMP_AT, HEADER_AT + HEADER_SIZE).some((byte) => byte !== 0);
    if (isUnknown || hasMore || (view.getUint32(MXCSR_AT, true) & ~MXCSR_MASK) !== 0) return -EINVAL;
    this.bytes.set(given.subarray(0, SW_AT));
    this.bytes.set(given.subarray(HEADER_AT), HEADER_AT);
    return 0;
  }
}
