// Requests of ptrace(2) about registers: general ones are the kernel's copy (tracee.ts), floating-point state the thread's own
// stub saves and loads.

import { EINVAL, EIO, ESRCH } from "../../shared/abi/errno.ts";
import { ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_FS } from "../../shared/abi/prctl.ts";
import * as P from "../../shared/abi/ptrace.ts";
import { readU64, write64 } from "../../shared/abi/struct.ts";
import * as L from "../../shared/ring/layout.ts";
import { highWord } from "../../shared/ring/slot.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import type { Coroutine } from "../call/call.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import type { Task } from "../process/task.ts";
import { DEBUG_REGISTERS, DebugRegisters } from "./debug_registers.ts";
import { wait } from "./memory.ts";
import * as N from "./registers.ts";
import { type Request, WORD } from "./request.ts";
import type { Tracee } from "./tracee.ts";

const IOVEC_SIZE = 16;

function isInUser(address: number): boolean {
  return address % WORD === 0 && address < N.USER_SIZE;
}

function debugRegister(address: number): number {
  const index = (address - N.DEBUG_AT) / WORD;
  return index >= 0 && index < DEBUG_REGISTERS ? index : -1;
}

function debugOf(tracee: Tracee<Task>): DebugRegisters {
  tracee.debug ??= new DebugRegisters();
  return tracee.debug;
}

export function* peekUser({ tracer, tracee, address, data }: Request): Coroutine {
  if (!isInUser(address)) return -EIO;
  const bytes = new Uint8Array(WORD);
  if (address < N.REGISTERS_SIZE) bytes.set(N.registerBytes(tracee.frame).subarray(address, address + WORD));
  else if (debugRegister(address) >= 0)
    write64(new DataView(bytes.buffer), 0, debugOf(tracee).get(debugRegister(address)));
  return yield* writeGuest(tracer, data, bytes);
}

export function pokeUser({ tracee, address, data, low, high }: Request): number {
  if (!isInUser(address)) return -EIO;
  if (address < N.REGISTERS_SIZE) {
    tracee.areRegistersChanged = true;
    return N.setRegister(tracee.frame, address, low, high);
  }
  const index = debugRegister(address);
  if (index < 0) return -EIO;
  return debugOf(tracee).set(index, data);
}

export function* getRegisters({ tracer, tracee, data }: Request): Coroutine {
  return yield* writeGuest(tracer, data, N.registerBytes(tracee.frame));
}

export function* setRegisters({ tracer, tracee, data }: Request): Coroutine {
  const bytes = yield* readGuest(tracer, data, N.REGISTERS_SIZE);
  if (typeof bytes === "number") return bytes;
  tracee.areRegistersChanged = true;
  return N.setRegisters(tracee.frame, bytes);
}

/** The state that the thread's stub has for it; a negative errno. */
function* fpOf(tracer: Task, tracee: Tracee<Task>): Generator<void, N.FpState | number, void> {
  if (!(yield* wait(tracer, tracee, ({ call }) => call.copyRound(Reply.SAVE_FP)))) return -ESRCH;
  const { call, kernel } = tracee.task;
  const size = Math.min(kernel.slots.word(call.slot, L.REQ_FP_SIZE) >>> 0, L.FP_SIZE);
  if (size < N.FP_LEGACY_SIZE) return -EIO;
  const at = call.base + L.FP;
  return new N.FpState(call.bytes.slice(at, at + size));
}

function* putFp(tracer: Task, tracee: Tracee<Task>, { bytes }: N.FpState): Coroutine {
  const isDone = yield* wait(tracer, tracee, ({ call }) => {
    call.bytes.set(bytes, call.base + L.FP);
    call.copyRound(Reply.LOAD_FP);
  });
  return isDone ? 0 : -ESRCH;
}

export function* getFp({ tracer, tracee, data }: Request): Coroutine {
  const fp = yield* fpOf(tracer, tracee);
  return typeof fp === "number" ? fp : yield* writeGuest(tracer, data, fp.legacy());
}

export function* setFp({ tracer, tracee, data }: Request): Coroutine {
  const bytes = yield* readGuest(tracer, data, N.FP_LEGACY_SIZE);
  if (typeof bytes === "number") return bytes;
  const fp = yield* fpOf(tracer, tracee);
  if (typeof fp === "number") return fp;
  const error = fp.setLegacy(bytes);
  return error < 0 ? error : yield* putFp(tracer, tracee, fp);
}

/** A kind of register set: all of its bytes, or a negative errno; and what is made of bytes that are set, its first ones. */
interface RegisterSet {
  get(tracer: Task, tracee: Tracee<Task>): Generator<void, Uint8Array | number, void>;
  set(tracer: Task, tracee: Tracee<Task>, bytes: Uint8Array): Coroutine;
}

const GENERAL: RegisterSet = {
  // biome-ignore lint/correctness/useYield: others wait for the stub
  *get(_tracer, tracee) {
    return N.registerBytes(tracee.frame);
  },
  // biome-ignore lint/correctness/useYield: others wait for the stub
  *set(_tracer, tracee, bytes) {
    tracee.areRegistersChanged = true;
    return N.setRegisters(tracee.frame, bytes);
  },
};

const LEGACY_FP: RegisterSet = {
  *get(tracer, tracee) {
    const fp = yield* fpOf(tracer, tracee);
    return typeof fp === "number" ? fp : fp.legacy();
  },
  *set(tracer, tracee, bytes) {
    const fp = yield* fpOf(tracer, tracee);
    if (typeof fp === "number") return fp;
    const error = fp.setLegacy(bytes);
    return error < 0 ? error : yield* putFp(tracer, tracee, fp);
  },
};

const EXTENDED_FP: RegisterSet = {
  *get(tracer, tracee) {
    const fp = yield* fpOf(tracer, tracee);
    return typeof fp === "number" ? fp : (fp.extended() ?? -EINVAL);
  },
  *set(tracer, tracee, bytes) {
    const fp = yield* fpOf(tracer, tracee);
    if (typeof fp === "number") return fp;
    const error = fp.setExtended(bytes);
    return error < 0 ? error : yield* putFp(tracer, tracee, fp);
  },
};

const SETS: Readonly<Record<number, RegisterSet>> = {
  [P.NT_PRSTATUS]: GENERAL,
  [P.NT_PRFPREG]: LEGACY_FP,
  [P.NT_X86_XSTATE]: EXTENDED_FP,
};

/** Bytes that a struct iovec names, of which as many are meant as the set has. */
const SET_MAX = L.FP_SIZE;

function* withSet(
  { tracer, tracee, address, data }: Request,
  transfer: (set: RegisterSet, base: number, length: number) => Generator<void, number, void>,
): Coroutine {
  const iovec = yield* readGuest(tracer, data, IOVEC_SIZE);
  if (typeof iovec === "number") return iovec;
  const set = SETS[address];
  const view = new DataView(iovec.buffer, iovec.byteOffset, IOVEC_SIZE);
  const base = readU64(view, 0);
  const length = readU64(view, WORD);
  if (set === undefined || length % WORD !== 0) return -EINVAL;
  const n = yield* transfer(set, base, Math.min(length, SET_MAX));
  if (n < 0 || !tracee.isTrapped) return n < 0 ? n : -ESRCH;
  const told = new Uint8Array(WORD);
  write64(new DataView(told.buffer), 0, n);
  return yield* writeGuest(tracer, data + WORD, told);
}

export function* getSet(request: Request): Coroutine {
  const { tracer, tracee } = request;
  return yield* withSet(request, function* (set, base, length) {
    const all = yield* set.get(tracer, tracee);
    if (typeof all === "number") return all;
    const part = all.subarray(0, length);
    const error = yield* writeGuest(tracer, base, part);
    return error < 0 ? error : part.length;
  });
}

export function* setSet(request: Request): Coroutine {
  const { tracer, tracee } = request;
  return yield* withSet(request, function* (set, base, length) {
    const all = yield* set.get(tracer, tracee);
    if (typeof all === "number") return all;
    const bytes = yield* readGuest(tracer, base, Math.min(length, all.length));
    if (typeof bytes === "number") return bytes;
    const error = yield* set.set(tracer, tracee, bytes);
    return error < 0 ? error : bytes.length;
  });
}

export function* archPrctl({ tracer, tracee, address, data }: Request): Coroutine {
  // Here the address is what ARCH_SET_FS sets, or where ARCH_GET_FS puts it, and the data say which.
  const offset = L.FS_BASE - L.FRAME;
  switch (data) {
    case ARCH_SET_FS:
      tracee.areRegistersChanged = true;
      return N.setRegister(tracee.frame, offset, address | 0, highWord(address));
    case ARCH_GET_FS:
      return yield* writeGuest(
        tracer,
        address,
        N.registerBytes(tracee.frame).subarray(offset, offset + WORD),
      );
    case ARCH_GET_GS:
      return yield* writeGuest(tracer, address, new Uint8Array(WORD));
    default:
      return -EINVAL;
  }
}
