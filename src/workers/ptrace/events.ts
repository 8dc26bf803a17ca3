// Events of a traced thread that its tracer has asked for (ptrace(2), PTRACE_EVENT_*), and what an execve tells without
// being asked.

import * as P from "../../shared/abi/ptrace.ts";
import { SI_USER, SIGTRAP } from "../../shared/abi/signal.ts";
import { nr } from "../../shared/abi/syscalls.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { PidNumbers } from "../call/pid.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Task } from "../process/task.ts";
import { sendToTask } from "../signals/send_signal.ts";
import { takeGiven } from "./call_stops.ts";
import { callStop, eventStop, stopWithin } from "./stops.ts";

const SYS_execve = nr("execve");

/** Within a call: stops for an event, if its tracer wants to hear of it. */
function* stopFor(task: Task, event: number, message: number): Generator<void, void, void> {
  const { tracee } = task;
  if (tracee === null || !tracee.wants(event)) return;
  tracee.message = message;
  yield* stopWithin(task, tracee, eventStop(task, event));
}

/** It has made a thread or a process, whose end or execve it is about to wait for, or has waited for. */
export function* stopForChild(task: Task, event: number, child: PidNumbers): Generator<void, void, void> {
  const { tracee } = task;
  if (event !== 0 && tracee !== null) yield* stopFor(task, event, child.in(tracee.tracer.pids));
}

// ---- The end ----

function* endTold(task: Task, status: number, end: () => number): Coroutine {
  yield* stopFor(task, P.PTRACE_EVENT_EXIT, status);
  task.call.coroutine = null;
  return end();
}

function isToldOfEnd({ tracee }: Task): boolean {
  return tracee?.wants(P.PTRACE_EVENT_EXIT) === true;
}

/** exit(2) or exit_group(2), with that wait status. */
export function endTraced(task: Task, status: number, end: () => number): number {
  return isToldOfEnd(task) ? task.call.start(endTold(task, status, end)) : end();
}

/** A signal ends its process. */
export function endTracedBySignal(task: Task, { signo }: SigInfo, end: () => void): void {
  const ends = () => {
    end();
    return NO_RESULT;
  };
  if (isToldOfEnd(task)) task.call.start(endTold(task, signo, ends));
  else end();
}

// ---- execve ----

/** A traced thread stands before the first instruction of a program: it stops for what there is to tell of the call. */
export function* stopsOfExec(task: Task): Generator<void, void, void> {
  const { tracee } = task;
  if (tracee === null) return;
  tracee.isPastExit = true;
  if (tracee.wants(P.PTRACE_EVENT_EXEC)) {
    yield* stopWithin(task, tracee, eventStop(task, P.PTRACE_EVENT_EXEC), 0, SYS_execve);
  } else if (!tracee.isSeized)
    sendToTask(task, { signo: SIGTRAP, code: SI_USER, pid: task.tid, uid: task.credentials.uid });
  if (task.tracee !== tracee || tracee.going !== "syscall") return;
  tracee.message = P.PTRACE_EVENTMSG_SYSCALL_EXIT;
  yield* stopWithin(task, tracee, callStop(task, tracee, "exit"), 0, SYS_execve);
  takeGiven(task, tracee);
}
