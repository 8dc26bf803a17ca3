// The frame that a signal handler runs on: Linux's rt_sigframe on x86-64 (arch/x86/kernel/signal_64.c),
// built here, copied to the guest's stack by the stub, which adds the floating-point state. And its
// way back: rt_sigreturn.

import {
  FP_XSTATE_MAGIC1,
  MINSIGSTKSZ,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTORER,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
  UC_FP_XSTATE,
  UC_SIGCONTEXT_SS,
  UC_STRICT_RESTORE_SS,
} from "../../shared/abi/signal.ts";
import { readU64, write64 } from "../../shared/abi/struct.ts";
import { sigcontext, stack_t, ucontext } from "../../shared/abi/structs.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { SIGINFO_SIZE, type SigInfo, writeSigInfo } from "../call/siginfo.ts";
import type { SignalSet } from "../call/signal_set.ts";
import type { Task } from "../process/task.ts";
import { stopAtExit } from "../ptrace/call_stops.ts";
import { setTrapFlag } from "../ptrace/stops.ts";
import { BeforeHandler, NO_ALT_STACK } from "./alt_stack.ts";
import { EFLAGS_FIXED, EFLAGS_HANDLER_CLEARS, EFLAGS_USER } from "./registers.ts";
import type { SignalAction } from "./signals.ts";

const RED_ZONE = 128;
const FP_ALIGN = 64;
const USER_CS = 0x33;
const USER_SS = 0x2b;
const UCONTEXT_AT = 8;
const SIGINFO_AT = UCONTEXT_AT + ucontext.size;
const FRAME_SIZE = SIGINFO_AT + SIGINFO_SIZE;
const MCONTEXT_AT = ucontext.offset.uc_mcontext;
const STACK_AT = ucontext.offset.uc_stack;
const FP_LEGACY_SIZE = 512;
const FP_FORM_SIZE = 48;

/** Registers of a sigcontext, in its order, by their place in the slot's frame. */
// biome-ignore format: a table
const CONTEXT_REGISTERS = [
  L.R8, L.R9, L.R10, L.R11, L.R12, L.R13, L.R14, L.R15, L.RDI, L.RSI, L.RBP, L.RBX, L.RDX, L.RAX, L.RCX, L.RSP,
  L.RIP, L.EFLAGS,
] as const;

/** Takes back what enterHandler did, but for SA_RESETHAND. */
export function leaveHandler(task: Task, before: BeforeHandler): void {
  task.beforeHandler = null;
  task.call.frame.words.set(before.registers);
  task.kernel.slots.writeFrame(task.call.slot, task.call.frame);
  task.blocked.assign(before.blocked);
  task.savedMask = before.savedMask;
  task.altStack = before.altStack;
}

export function isOnAltStack(task: Task, sp: number): boolean {
  const { altStack } = task;
  // With SS_AUTODISARM the stack is not armed while it is used.
  if ((altStack.flags & SS_AUTODISARM) !== 0) return false;
  return sp > altStack.sp && sp - altStack.sp <= altStack.size;
}

/** What sigaltstack(2) reports in ss_flags for a stack pointer. */
export function altStackFlags(task: Task, sp: number): number {
  if (task.altStack.size === 0) return SS_DISABLE;
  return isOnAltStack(task, sp) ? SS_ONSTACK : task.altStack.flags & SS_AUTODISARM;
}

/**
 * Sends the task, whose registers stand in its frame, to the handler of `info`. `savedMask` is what
 * the handler's return restores. False when no frame can be made there: the caller forces SIGSEGV.
 */
export function enterHandler(task: Task, action: SignalAction, info: SigInfo, savedMask: SignalSet): boolean {
  const { frame } = task.call;
  const { slots } = task.kernel;
  if ((action.flags & SA_RESTORER) === 0) return false;
  const rsp = frame.unsigned(L.RSP);
  const nested = isOnAltStack(task, rsp);
  let sp = rsp - RED_ZONE;
  const switches = (action.flags & SA_ONSTACK) !== 0 && task.altStack.size > 0 && !nested;
  if (switches) sp = task.altStack.sp + task.altStack.size;
  const fpSize = Math.min(slots.word(task.call.slot, L.REQ_FP_SIZE) >>> 0, L.FP_SIZE);
  const fpAddress = Math.floor((sp - fpSize) / FP_ALIGN) * FP_ALIGN;
  const address = Math.floor((fpAddress - FRAME_SIZE) / 16) * 16 - 8;
  if (!isGuestRange(address, sp - address)) return false;
  // A stack that is in use, or just switched to, must hold the frame.
  if ((nested || switches) && address < task.altStack.sp) return false;

  const { view, bytes, base } = task.call;
  const at = base + L.WINDOW;
  bytes.fill(0, at, at + FRAME_SIZE);
  write64(view, at, action.restorer);
  const context = at + UCONTEXT_AT;
  const isExtended = fpSize > FP_LEGACY_SIZE ? UC_FP_XSTATE : 0;
  write64(view, context + ucontext.offset.uc_flags, isExtended | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
  write64(view, context + STACK_AT + stack_t.offset.ss_sp, task.altStack.sp);
  view.setInt32(context + STACK_AT + stack_t.offset.ss_flags, altStackFlags(task, rsp), true);
  write64(view, context + STACK_AT + stack_t.offset.ss_size, task.altStack.size);
  savedMask.write(view, context + ucontext.offset.uc_sigmask);
  writeContext(task, context + MCONTEXT_AT, savedMask, fpSize > 0 ? fpAddress : 0);
  writeSigInfo(info, bytes, at + SIGINFO_AT, view);
  task.call.outAt(address, FRAME_SIZE, L.WINDOW);

  task.beforeHandler ??= new BeforeHandler();
  const before = task.beforeHandler;
  before.signo = info.signo;
  before.registers.set(frame.words);
  before.blocked.assign(task.blocked);
  before.savedMask = savedMask;
  before.altStack = task.altStack;
  frame.setNumber(L.RIP, action.handler);
  frame.setNumber(L.RSP, address);
  frame.setNumber(L.RAX, 0);
  frame.setNumber(L.RDI, info.signo);
  frame.setNumber(L.RSI, address + SIGINFO_AT);
  frame.setNumber(L.RDX, address + UCONTEXT_AT);
  frame.set(L.EFLAGS, frame.low(L.EFLAGS) & ~EFLAGS_HANDLER_CLEARS, 0);
  if (task.tracee?.debug?.isOn === true) setTrapFlag(task.tracee, frame);
  slots.writeFrame(task.call.slot, frame);
  slots.setWord(task.call.slot, L.REP_FP_SIZE, fpSize);
  slots.setNumber(task.call.slot, L.REP_FP_ADDRESS, fpAddress);

  task.blocked.union(action.mask);
  if ((action.flags & SA_NODEFER) === 0) task.blocked.add(info.signo);
  task.blocked.asMask();
  if (action.flags >= SA_RESETHAND) task.handlers.reset(info.signo);
  if ((task.altStack.flags & SS_AUTODISARM) !== 0 && switches) task.altStack = NO_ALT_STACK;
  task.call.replySignal();
  return true;
}

function writeContext(task: Task, at: number, mask: SignalSet, fpAddress: number): void {
  const { frame, view } = task.call;
  for (let index = 0; index < CONTEXT_REGISTERS.length; index++) {
    const register = CONTEXT_REGISTERS[index]!;
    view.setInt32(at + index * 8, frame.low(register), true);
    view.setInt32(at + index * 8 + 4, frame.high(register), true);
  }
  const put = (field: number, value: number) => write64(view, at + field, value);
  view.setUint16(at + sigcontext.offset.cs, USER_CS, true);
  view.setUint16(at + sigcontext.offset.ss, USER_SS, true);
  put(sigcontext.offset.err, task.lastFault.err);
  put(sigcontext.offset.trapno, task.lastFault.trapno);
  mask.write(view, at + sigcontext.offset.oldmask);
  put(sigcontext.offset.cr2, task.lastFault.cr2);
  put(sigcontext.offset.fpstate, fpAddress);
}

/** rt_sigreturn(2), whose frame the stub has copied: replies itself, or says that there is something wrong with it. */
export function sigreturn(task: Task): boolean {
  const { slots } = task.kernel;
  const { call } = task;
  call.restartBlock = null;
  slots.readFrame(call.slot, call.frame);
  if (!call.inComplete(0, ucontext.size)) return false;
  // Each field is read once: what is checked is what is used.
  const { view } = call;
  const at = call.base + L.WINDOW;
  for (let index = 0; index < CONTEXT_REGISTERS.length; index++) {
    const register = at + MCONTEXT_AT + index * 8;
    call.frame.set(
      CONTEXT_REGISTERS[index]!,
      view.getInt32(register, true),
      view.getInt32(register + 4, true),
    );
  }
  call.frame.set(L.EFLAGS, (call.frame.low(L.EFLAGS) & EFLAGS_USER) | EFLAGS_FIXED, 0);
  const rip = call.frame.unsigned(L.RIP);
  const fpstate = readU64(view, at + MCONTEXT_AT + sigcontext.offset.fpstate);
  let fp: number = L.FP_INITIAL;
  let fpSize = 0;
  if (fpstate !== 0) {
    if (!call.inComplete(1, FP_FORM_SIZE) || !isGuestRange(rip, 0)) return false;
    const form = call.base + L.WINDOW_SECOND;
    const magic = view.getUint32(form, true);
    const extended = view.getUint32(form + 4, true);
    const own = slots.word(call.slot, L.REQ_FP_SIZE) >>> 0;
    fp = L.FP_GUEST;
    fpSize = magic === FP_XSTATE_MAGIC1 && extended === own ? own : FP_LEGACY_SIZE;
  }
  const mask = at + ucontext.offset.uc_sigmask;
  task.blocked.low = view.getInt32(mask, true);
  task.blocked.high = view.getInt32(mask + 4, true);
  task.blocked.asMask();
  setAltStack(
    task,
    readU64(view, at + STACK_AT + stack_t.offset.ss_sp),
    view.getInt32(at + STACK_AT + stack_t.offset.ss_flags, true),
    readU64(view, at + STACK_AT + stack_t.offset.ss_size),
  );
  const { tracee } = task;
  if (tracee?.debug?.isOn === true) setTrapFlag(tracee, call.frame);
  slots.writeFrame(call.slot, call.frame);
  const reply = () => {
    task.registersChanged = false; // all are loaded
    slots.setWord(call.slot, L.REP_FP, fp);
    slots.setWord(call.slot, L.REP_FP_SIZE, fpSize);
    slots.setNumber(call.slot, L.REP_FP_ADDRESS, fpstate);
    call.replyFinal(Reply.SIGRETURN);
  };
  if (tracee === null || !stopAtExit(task, tracee, null, reply)) reply();
  return true;
}

// Linux restores the alternate stack too, and ignores what is wrong with it.
function setAltStack(task: Task, sp: number, flags: number, size: number): void {
  const mode = flags & ~SS_AUTODISARM;
  if (mode === SS_DISABLE) task.altStack = NO_ALT_STACK;
  else if (size >= MINSIGSTKSZ) task.altStack = { sp, size, flags: flags & SS_AUTODISARM };
}
