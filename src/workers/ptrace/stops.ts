// How a traced thread stops, and goes on: its registers are taken from its slot, its tracer is told, and its call rests (it is
// parked, or its coroutine waits) until the tracer lets it go on. No kernel thread waits with it. SIGKILL and the end of its
// process end a stop as they end any call.

import { ENOSYS } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/ptrace.ts";
import {
  CLD_STOPPED,
  CLD_TRAPPED,
  SA_NOCLDSTOP,
  SIG_IGN,
  SIGCHLD,
  SIGTRAP,
} from "../../shared/abi/signal.ts";
import { TWO_32 } from "../../shared/abi/struct.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Frame } from "../../shared/ring/slot.ts";
import { isRestart } from "../call/restart.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { wakeWaiters } from "../process/child_waiters.ts";
import type { Task } from "../process/task.ts";
import { sendToGroup } from "../signals/send_signal.ts";
import type { Stop, Tracee } from "./tracee.ts";

const USER_CS = 0x33;
const USER_SS = 0x2b;
const EFLAGS_TF = 0x100;
const SIGNAL_MASK = 0x7f;
const EVENT_SHIFT = 8;
const FRAME_SEGMENTS = 0x1c0; // ds, es, fs, gs
const SYSCALL_GOOD = 0x80;

/** What the registers stand for: the result of a call, or null outside one. */
type Outcome = number | null;

/** Called when it goes on: what the registers stand for by then. */
type GoesOn = (outcome: Outcome) => void;

// ---- Registers ----

/** As they stand in the slot, in the guest's own terms: nothing of the stub is in them. */
function takeRegisters(task: Task, tracee: Tracee<Task>, nr: number, outcome: Outcome): void {
  const { frame } = tracee;
  task.kernel.slots.readFrame(task.call.slot, frame);
  frame.set(L.CS, USER_CS, 0);
  frame.set(L.SS, USER_SS, 0);
  frame.set(L.GS_BASE, 0, 0); // the stub's own
  for (let at = 0; at < 32; at += 8) frame.set(FRAME_SEGMENTS + at, 0, 0);
  tracee.areRegistersChanged = false;
  if (outcome === null) frame.set(L.ORIG_RAX, -1, -1);
  else {
    frame.setNumber(L.ORIG_RAX, nr);
    frame.setNumber(L.RAX, outcome);
  }
  if (tracee.hasTrapFlag) {
    frame.set(L.EFLAGS, frame.low(L.EFLAGS) & ~EFLAGS_TF, 0);
    tracee.hasTrapFlag = false;
    tracee.areRegistersChanged = true;
  }
}

/** The result that Linux would see in rax, if it is one that has the call made again; else null: it is a register as any other. */
function restartIn({ frame }: Tracee<Task>): number | null {
  if (frame.low(L.ORIG_RAX) === -1 || frame.high(L.RAX) !== -1) return null;
  const result = frame.low(L.RAX);
  return isRestart(result) ? result : null;
}

/**
 * They go back to the slot, if there is anything new in them, and are all loaded when the thread goes on. What they stand
 * for then: a register that a tracer has changed is no result any more.
 */
function giveRegisters(task: Task, tracee: Tracee<Task>, outcome: Outcome): Outcome {
  const { frame } = tracee;
  if (tracee.needsTrapFlag) {
    setTrapFlag(tracee, frame);
    tracee.areRegistersChanged = true;
  }
  if (!tracee.areRegistersChanged) return outcome;
  task.kernel.slots.writeFrame(task.call.slot, frame);
  task.registersChanged = true;
  task.call.fsBaseComesWithFrame();
  return restartIn(tracee);
}

/** Each instruction traps, for its tracer. */
export function setTrapFlag(tracee: Tracee<Task>, frame: Frame): void {
  frame.set(L.EFLAGS, frame.low(L.EFLAGS) | EFLAGS_TF, 0);
  tracee.hasTrapFlag = true;
}

/** Its own trap flag alone is left to whoever saves its registers. */
export function withoutTrapFlag(task: Task, tracee: Tracee<Task>): boolean {
  if (!tracee.hasTrapFlag) return false;
  const { frame } = task.call;
  frame.set(L.EFLAGS, frame.low(L.EFLAGS) & ~EFLAGS_TF, 0);
  tracee.hasTrapFlag = false;
  return true;
}

/** Whether it is in code of the host's vDSO, mostly on behalf of the guest's: no signal frame shows it (F9). */
export function isInHostVdso(task: Task): boolean {
  return task.kernel.slots.word(task.call.slot, L.RIP + 4) === Math.floor(L.HOST_VDSO / TWO_32);
}

// ---- Telling ----

/** Its tracer is told by SIGCHLD, and by wait(2). */
function tell(tracee: Tracee<Task>, { code, why }: Stop): void {
  if (tracee.isDoomed) return; // it has ended
  const { task, tracer } = tracee;
  tracee.untold = code;
  const status = why === CLD_STOPPED ? task.group.stopSignal : code & SIGNAL_MASK;
  sendToTracer(tracee, { code: why, status }, true);
  wakeWaiters(tracer.group);
}

export function sendToTracer(
  { task, tracer }: Tracee<Task>,
  what: Pick<SigInfo, "code" | "status" | "utime" | "stime">,
  isStop: boolean,
): void {
  const { handler, flags } = tracer.handlers.get(SIGCHLD);
  if (isStop && (handler === SIG_IGN || (flags & SA_NOCLDSTOP) !== 0)) return;
  const sender = { pid: task.id.in(tracer.pids), uid: task.credentials.uid };
  sendToGroup(tracer.group, { signo: SIGCHLD, ...sender, ...what });
}

function begin(task: Task, tracee: Tracee<Task>, stop: Stop, nr: number, outcome: Outcome): void {
  takeRegisters(task, tracee, nr, outcome);
  tracee.stop = stop;
  tracee.isListening = false;
  tracee.signal = 0;
  // Any stop is the one that was asked for; one that tells of the group's is what there was to tell of it.
  tracee.trapStop = false;
  if (stop.why === CLD_STOPPED) tracee.stopPending = false;
  if (stop.code >> EVENT_SHIFT === P.PTRACE_EVENT_STOP) tracee.trapNotify = false;
  tell(tracee, stop);
}

// ---- Standing ----

/** Has it stop there, parked; `then` is called when it goes on. `nr`: of the call that it is in. */
export function stopAt(
  task: Task,
  tracee: Tracee<Task>,
  stop: Stop,
  outcome: Outcome,
  then: GoesOn,
  nr = task.call.nr,
): void {
  begin(task, tracee, stop, nr, outcome);
  rest(task, tracee, stop, outcome, then);
}

function rest(task: Task, tracee: Tracee<Task>, stop: Stop, outcome: Outcome, then: GoesOn): void {
  task.call.park(() => {
    if (tracee.stop === stop) rest(task, tracee, stop, outcome, then);
    else then(giveRegisters(task, tracee, outcome));
  });
}

/** As stopAt, within a call of several steps. */
export function* stopWithin(
  task: Task,
  tracee: Tracee<Task>,
  stop: Stop,
  outcome: Outcome = -ENOSYS,
  nr = task.call.nr,
): Generator<void, void, void> {
  begin(task, tracee, stop, nr, outcome);
  while (tracee.stop === stop) {
    task.call.replyBlocked();
    yield;
  }
  giveRegisters(task, tracee, outcome);
}

/** It goes on, as the kernel thread's next step. Whoever waited for its stub to do something is told that it will not. */
export function goOn(tracee: Tracee<Task>): void {
  tracee.stop = null;
  tracee.isListening = false;
  tracee.untold = 0;
  tracee.task.call.lookAgain();
}

// ---- What its stub does meanwhile ----

/** Has its stub do something while it stands, behind what it does already. It has as long as for a kick (F14). */
export function doAside(
  tracee: Tracee<Task>,
  begins: (task: Task) => void,
  end: (isDone: boolean) => void,
): void {
  tracee.asides.push({ begin: () => begins(tracee.task), end, isOwed: false });
  if (tracee.asides.length === 1) nextAside(tracee);
}

/** As doAside, where such a thing ends that is to be made good by another: before all else. */
export function doBehind(
  tracee: Tracee<Task>,
  begins: (task: Task) => void,
  end: (isDone: boolean) => void,
): void {
  tracee.asides.unshift({ begin: () => begins(tracee.task), end, isOwed: true });
}

function nextAside(tracee: Tracee<Task>): void {
  for (;;) {
    const aside = tracee.asides[0];
    if (aside === undefined) return;
    const stands = tracee.stop !== null || aside.isOwed;
    if (stands && !tracee.task.isEnding && tracee.task.call.owned) {
      tracee.task.kernel.kicks.watch(tracee.task, "aside");
      tracee.task.call.aside(aside.begin, (isDone) => {
        if (tracee.asides[0] !== aside) return; // they have been dropped
        tracee.asides.shift();
        aside.end(isDone);
        if (!isDone) dropAsides(tracee);
        else if (!tracee.task.call.isAside) nextAside(tracee);
      });
      return;
    }
    tracee.asides.shift();
    aside.end(false);
  }
}

/** It is gone: nothing is done any more. */
export function dropAsides(tracee: Tracee<Task>): void {
  for (const aside of tracee.asides.splice(0)) aside.end(false);
}

// ---- Kinds of stops ----

/** The tracee itself is what these tell of. */
function about(task: Task, signo: number, code: number): SigInfo {
  const { uid, userNamespace } = task.credentials;
  return { signo, code, pid: task.tid, uid: userNamespace.uids.told(uid) };
}

export function signalStop(info: SigInfo): Stop {
  return { code: info.signo, why: CLD_TRAPPED, kind: "signal", info };
}

export function eventStop(task: Task, event: number): Stop {
  const code = (event << EVENT_SHIFT) | SIGTRAP;
  return { code, why: CLD_TRAPPED, kind: "event", info: about(task, SIGTRAP, code) };
}

/** The end of a step into a handler, or the like. */
export function trapStop(task: Task): Stop {
  return { code: SIGTRAP, why: CLD_TRAPPED, kind: "event", info: about(task, SIGTRAP, SIGTRAP) };
}

export function callStop(task: Task, { options }: Tracee<Task>, kind: "entry" | "exit"): Stop {
  const code = (options & P.PTRACE_O_TRACESYSGOOD) !== 0 ? SIGTRAP | SYSCALL_GOOD : SIGTRAP;
  return { code, why: CLD_TRAPPED, kind, info: about(task, SIGTRAP, code) };
}

export function filterStop(task: Task): Stop {
  return { ...eventStop(task, P.PTRACE_EVENT_SECCOMP), kind: "seccomp" };
}

/** Of the whole group, or one that a tracer that has seized it has asked for; null: there is nothing to stop for. */
export function groupStop(task: Task, { isSeized }: Tracee<Task>): Stop | null {
  const { stopSignal } = task.group;
  if (!isSeized)
    return stopSignal === 0 ? null : { code: stopSignal, why: CLD_STOPPED, kind: "group", info: null };
  const signo = stopSignal === 0 ? SIGTRAP : stopSignal;
  const code = (P.PTRACE_EVENT_STOP << EVENT_SHIFT) | signo;
  return { code, why: CLD_STOPPED, kind: "group", info: about(task, signo, code) };
}
