// The way back to guest code when something stands in it: pending signals, a stop, a system call to
// restart. Every other return is Task.finish alone.
//
// Order, as in Linux: the call's out pieces are copied first; then signals are taken one after the
// other until one has a handler; a call that was interrupted is restarted or answers EINTR, which
// depends on that handler. The restart logic is only here.

import { EINTR, ERESTART_RESTARTBLOCK, ERESTARTNOINTR, ERESTARTSYS } from "../../shared/abi/errno.ts";
import {
  SA_RESTART,
  SIG_DFL,
  SIG_IGN,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  SIGSYS,
  SIGTRAP,
} from "../../shared/abi/signal.ts";
import { nr } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { isRestart } from "../call/restart.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { SignalSet } from "../call/signal_set.ts";
import { endBySignal } from "../process/core_dump.ts";
import { isOrphaned } from "../process/orphans.ts";
import type { Task } from "../process/task.ts";
import { stopAtExit } from "../ptrace/call_stops.ts";
import { endTracedBySignal } from "../ptrace/events.ts";
import { stopForSignal, stopIfDue } from "../ptrace/signal_stops.ts";
import { isInHostVdso, withoutTrapFlag } from "../ptrace/stops.ts";
import type { BeforeHandler } from "./alt_stack.ts";
import { parkIfStopped, stopGroup } from "./job_control.ts";
import { takeUnblocked } from "./pending.ts";
import { forceSignal } from "./send_signal.ts";
import { enterHandler, leaveHandler } from "./signal_frame.ts";
import { type SignalAction, STOP_SIGNALS } from "./signals.ts";

const SYNCHRONOUS = SignalSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);
const SYSCALL_LENGTH = 2;
const SYS_restart_syscall = nr("restart_syscall");

/** What the registers stand for: the result of a call, or null after a fault, a trap or a kick. */
export type Outcome = number | null;

/** One that an init does not get was dropped when it came (send_signal.ts). */
function cannotBeBlocked(signo: number): boolean {
  return signo === SIGKILL || signo === SIGSTOP;
}

function takeSignal(task: Task): SigInfo | null {
  const { pending, blocked } = task;
  // Faults of its own come first, then the lowest number.
  const own = new SignalSet(pending.set.low & SYNCHRONOUS.low, 0);
  const signo = own.firstOutside(blocked);
  return signo !== 0 ? pending.take(signo) : takeUnblocked(task, blocked);
}

/** Finishes a call, or the handling of a fault or kick, for a task that has more to do than return. */
export function returnToGuest(task: Task, outcome: Outcome): void {
  if (task.group.exiting || task.dead) return;
  if (outcome !== null && task.call.hasOut(outcome)) {
    task.call.copyOutThen(outcome, (result) => returnToGuest(task, result));
    return;
  }
  const { tracee } = task;
  if (tracee !== null && outcome !== null && stopAtExit(task, tracee, outcome, returnToGuest)) return;
  if (parkIfStopped(task, () => returnToGuest(task, outcome))) return;
  if (outcome !== null && isDueInVdso(task, outcome)) {
    task.call.finish(outcome);
    return;
  }
  for (;;) {
    if (tracee !== null && stopIfDue(task, tracee, outcome, returnToGuest)) return;
    const info = takeSignal(task);
    if (info === null) break;
    if (tracee !== null) {
      stopForSignal(task, tracee, info, outcome, afterStop);
      return;
    }
    if (actOn(task, info, outcome)) return;
  }
  const restored = task.restoreMask();
  if (restored && task.signalPending()) {
    returnToGuest(task, outcome);
    return;
  }
  if (outcome === null) resume(task);
  else if (isRestart(outcome)) restart(task, outcome);
  else if (task.registersChanged) finishWithRegisters(task, outcome);
  else task.call.finish(outcome);
}

/** A tracer has let a task go on from a signal, or from none. */
function afterStop(task: Task, given: SigInfo | null, outcome: Outcome): void {
  if (given === null || !actOn(task, given, outcome)) returnToGuest(task, outcome);
}

/** Does what a signal is to do. False: nothing, and there may be another one. */
function actOn(task: Task, info: SigInfo, outcome: Outcome): boolean {
  const action = task.handlers.get(info.signo);
  if (action.handler === SIG_IGN) return false;
  task.kernel.tracer?.signal(task, info);
  if (action.handler !== SIG_DFL) {
    deliver(task, action, info, outcome);
    return true;
  }
  if (task.handlers.ignores(info.signo) && task.group.forcedSignal !== info.signo) return false;
  if (task.group.isUnkillable && !cannotBeBlocked(info.signo)) return false; // it was blocked when it came
  if (STOP_SIGNALS.has(info.signo)) {
    // Nobody could let it go on but who has stopped it by hand.
    if (info.signo !== SIGSTOP && isOrphaned(task.group.processGroup)) return false;
    stopGroup(task.group, info.signo);
    return parkIfStopped(task, () => returnToGuest(task, outcome));
  }
  task.group.fatalSignal = info;
  endTracedBySignal(task, info, () => endBySignal(task, info, outcome));
  return true;
}

/** A tracer has changed more than the result: all registers are loaded. */
function finishWithRegisters(task: Task, outcome: number): void {
  const { slots } = task.kernel;
  slots.setNumber(task.call.slot, L.RAX, outcome);
  task.call.fsBaseComesWithFrame();
  resume(task);
}

function resume(task: Task): void {
  if (!task.registersChanged) {
    task.call.replyFinal(Reply.RESUME);
    return;
  }
  task.registersChanged = false;
  task.kernel.slots.setWord(task.call.slot, L.REP_FP, L.FP_KEEP);
  task.call.replyFinal(Reply.SIGRETURN);
}

// A call of the host's vDSO, which no frame may show (F9): the guest's vDSO, which called it, makes
// another one at once.
function isDueInVdso(task: Task, outcome: number): boolean {
  if (!isInHostVdso(task)) return false;
  return task.savedMask === null && !task.registersChanged && !isRestart(outcome);
}

function deliver(task: Task, action: SignalAction, info: SigInfo, outcome: Outcome): void {
  const { slots } = task.kernel;
  slots.readFrame(task.call.slot, task.call.frame);
  if (outcome !== null) {
    if (outcome === -ERESTARTNOINTR || (outcome === -ERESTARTSYS && (action.flags & SA_RESTART) !== 0))
      rewind(task, task.call.frame.low(L.ORIG_RAX));
    else {
      task.call.frame.setNumber(L.RAX, isRestart(outcome) ? -EINTR : outcome);
      if (isRestart(outcome) && task.call.traced !== null) task.kernel.tracer?.leave(task.call, -EINTR);
    }
    task.call.fsBaseComesWithFrame();
  }
  const saved = task.savedMask ?? task.blocked.copy();
  task.savedMask = null;
  task.registersChanged = false;
  const { tracee } = task;
  // A step into a handler ends at its first instruction.
  if (tracee !== null && withoutTrapFlag(task, tracee)) tracee.trapsAtHandler = tracee.isStepped;
  if (enterHandler(task, action, info, saved)) return;
  slots.writeFrame(task.call.slot, task.call.frame); // the call's result is in it
  task.registersChanged = true;
  if (tracee !== null) tracee.trapsAtHandler = false;
  task.savedMask = saved;
  onBadFrame(task, info.signo);
  returnToGuest(task, null);
}

/** The handler's frame faulted on its way to guest memory: as if the handler had not been entered. */
export function onUnwritableFrame(task: Task, before: BeforeHandler): void {
  leaveHandler(task, before);
  task.registersChanged = true;
  if (task.tracee !== null) task.tracee.trapsAtHandler = false;
  onBadFrame(task, before.signo);
  returnToGuest(task, null);
}

/** The frame of a handler could not be written, or read back: SIGSEGV, which kills if it was SIGSEGV's own. */
export function onBadFrame(task: Task, signo: number): void {
  if (signo === SIGSEGV) task.handlers.reset(SIGSEGV);
  forceSignal(task, { signo: SIGSEGV, code: 0x80 /* SI_KERNEL */, addr: 0 });
}

// The syscall instruction is executed again, with its number (or restart_syscall's) in rax.
function rewind(task: Task, number: number): void {
  task.call.frame.setNumber(L.RAX, number);
  task.call.frame.setNumber(L.RIP, task.call.frame.unsigned(L.RIP) - SYSCALL_LENGTH);
}

function restart(task: Task, outcome: number): void {
  const { slots } = task.kernel;
  slots.readFrame(task.call.slot, task.call.frame);
  rewind(task, outcome === -ERESTART_RESTARTBLOCK ? SYS_restart_syscall : task.call.frame.low(L.ORIG_RAX));
  slots.writeFrame(task.call.slot, task.call.frame);
  task.registersChanged = false;
  slots.setWord(task.call.slot, L.REP_FP, L.FP_KEEP);
  task.call.replyFinal(Reply.SIGRETURN);
}
