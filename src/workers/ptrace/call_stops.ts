// Stops of a traced thread at its system calls (ptrace(2), "Syscall-stops", PTRACE_EVENT_SECCOMP): before one is made, where
// its tracer may make another one of it or none, and behind it.

import { ENOSYS } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/ptrace.ts";
import { SIGTRAP, TRAP_BRKPT } from "../../shared/abi/signal.ts";
import { nr as numberOf } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { fromUser } from "../call/siginfo.ts";
import type { Task } from "../process/task.ts";
import { forceSignal, sendToTask } from "../signals/send_signal.ts";
import { copyInAgain } from "./copy_in.ts";
import { callStop, filterStop, isInHostVdso, stopAt } from "./stops.ts";
import type { Tracee } from "./tracee.ts";

const SKIPPED = -1;
/** What a vDSO asks the kernel for; any other call of its code is its guest's, which has jumped there. */
const VDSO_CALLS: ReadonlySet<number> = new Set(
  ["clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu"].map(numberOf),
);

/** A signal that its tracer lets it go on with from a stop that is none of a signal's. */
export function takeGiven(task: Task, tracee: Tracee<Task>): void {
  const { signal, tracer } = tracee;
  tracee.signal = 0;
  if (signal !== 0) sendToTask(task, fromUser(tracer, signal));
}

/** Its arguments and all else are in the slot, where the call's handler finds them. */
function inFrame(task: Task, { frame, areRegistersChanged }: Tracee<Task>): void {
  task.call.frame.words.set(frame.words);
  if (!areRegistersChanged) task.kernel.slots.writeFrame(task.call.slot, frame);
}

/** What stands in the window was copied before its tracer could change it. */
function* serveAnew(task: Task, nr: number, isJudged: boolean): Coroutine {
  yield* copyInAgain(task, nr);
  task.call.coroutine = null; // what follows is the call itself, which may wait in any way
  task.kernel.requests.serveStopped(task, nr, isJudged);
  return NO_RESULT;
}

/** It goes on with the call that stands in its registers by now; -1: with none, and rax is the result. */
function goOnWithCall(task: Task, tracee: Tracee<Task>, isJudged: boolean): void {
  const nr = tracee.frame.low(L.ORIG_RAX);
  inFrame(task, tracee);
  if (nr === SKIPPED) {
    task.call.nr = SKIPPED;
    task.call.complete(tracee.frame.signed(L.RAX));
  } else task.call.start(serveAnew(task, nr, isJudged));
}

/** Its tracer has ended, and it with it. */
function awaitEnd(task: Task): void {
  task.call.park(() => awaitEnd(task));
}

/** A call of a traced thread has been claimed. True: it stops before it is made. */
export function stopAtEntry(task: Task, tracee: Tracee<Task>, nr: number): boolean {
  if (tracee.isDoomed) {
    awaitEnd(task);
    return true;
  }
  tracee.isPastExit = false;
  tracee.isVdsoCall = VDSO_CALLS.has(nr) && isInHostVdso(task);
  const emulates = tracee.going === "sysemu" || tracee.going === "sysemu_step";
  if ((tracee.going !== "syscall" && !emulates) || tracee.isVdsoCall) return false;
  tracee.message = P.PTRACE_EVENTMSG_SYSCALL_ENTRY;
  const stop = callStop(task, tracee, "entry");
  stopAt(
    task,
    tracee,
    stop,
    -ENOSYS,
    () => {
      takeGiven(task, tracee);
      if (emulates) tracee.frame.set(L.ORIG_RAX, SKIPPED, SKIPPED);
      goOnWithCall(task, tracee, false);
    },
    nr,
  );
  return true;
}

/** A filter leaves a call to the thread's tracer (SECCOMP_RET_TRACE); false: there is none that wants to hear of it. */
export function stopAtFilter(task: Task, nr: number, data: number): boolean {
  const { tracee } = task;
  if (tracee === null || !tracee.wants(P.PTRACE_EVENT_SECCOMP)) return false;
  tracee.message = data;
  stopAt(task, tracee, filterStop(task), -ENOSYS, () => goOnWithCall(task, tracee, true), nr);
  return true;
}

/**
 * A call is over, whose result is about to go to the guest; null: it has none, but new registers. True: the thread stops, and
 * `then` is called when it goes on; a step that ends here is told as a signal.
 */
export function stopAtExit(
  task: Task,
  tracee: Tracee<Task>,
  outcome: number | null,
  then: (task: Task, outcome: number | null) => void,
): boolean {
  if (tracee.isPastExit) return false;
  tracee.isPastExit = true;
  if (tracee.isVdsoCall) return false;
  if (tracee.going === "step") {
    const addr = task.kernel.slots.unsigned(task.call.slot, L.RIP);
    forceSignal(task, { signo: SIGTRAP, code: TRAP_BRKPT, addr });
    return false;
  }
  if (tracee.going !== "syscall") return false;
  tracee.message = P.PTRACE_EVENTMSG_SYSCALL_EXIT;
  stopAt(task, tracee, callStop(task, tracee, "exit"), outcome, (next) => {
    takeGiven(task, tracee);
    then(task, next);
  });
  return true;
}
