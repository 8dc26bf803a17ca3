// Who traces whom (ptrace(2)): attaching, letting go, and what becomes of a relation when one of both ends. A relation is
// between two threads; what its process shares (its memory, whose call sites are not patched from then on) is looked after
// here as well.

import { EPERM, ERESTARTNOINTR, ESRCH } from "../../shared/abi/errno.ts";
import { CAP_SYS_PTRACE } from "../../shared/abi/prctl.ts";
import * as P from "../../shared/abi/ptrace.ts";
import {
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  SI_KERNEL,
  SI_USER,
  SIGKILL,
  SIGSTOP,
} from "../../shared/abi/signal.ts";
import { WATCHED } from "../../shared/ring/attention.ts";
import { TASK_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { type Credentials, capable, coversCapabilities } from "../credentials/credentials.ts";
import { undoIn } from "../patch/clear_pools.ts";
import { allowLocalAnswers } from "../platform/local_answers.ts";
import { wakeWaiters } from "../process/child_waiters.ts";
import { waitForExecs } from "../process/exec_waiters.ts";
import { mayInspect } from "../process/ptrace_access.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { sendToTask } from "../signals/send_signal.ts";
import { dropAsides, goOn, sendToTracer } from "./stops.ts";
import { Tracee } from "./tracee.ts";

const SIGNAL_MASK = 0x7f;
const CORE_DUMPED = 0x80;
const KILLS_A_PIECE = 16;

// ---- Making and ending one ----

/** The other kernel threads, and its own stub, are told that all its calls come by here, or not any more. */
function toldHow(task: Task): void {
  const { kernel, call, watch } = task;
  if (kernel.taskAt[call.slot] !== task) return;
  allowLocalAnswers(kernel, task);
  kernel.otherThreads?.forgetTask(call.slot);
  if (watch === WATCHED) kernel.attention?.raise(call.slot, WATCHED);
}

function link(
  task: Task,
  tracer: Task,
  isSeized: boolean,
  options: number,
  credentials: Credentials,
): Tracee<Task> {
  const tracee = new Tracee(task, tracer, isSeized, options, credentials);
  task.tracee = tracee;
  tracer.tracees ??= new Set();
  tracer.tracees.add(tracee);
  toldHow(task);
  return tracee;
}

function unlink(tracee: Tracee<Task>): void {
  const { task, tracer } = tracee;
  tracer.tracees?.delete(tracee);
  if (task.tracee !== tracee) return;
  task.tracee = null;
  if (!task.isEnding) toldHow(task);
}

// ---- Attaching ----

/** PTRACE_TRACEME: the thread's parent traces it. 0 or -EPERM. */
export function traceMe(task: Task): number {
  const { group } = task;
  const { parent, creator } = group;
  if (task.tracee !== null || parent === null || parent.exiting) return -EPERM;
  const tracer = creator !== null && !creator.dead ? creator : parent.tasks.find((other) => !other.dead);
  if (tracer === undefined) return -EPERM;
  const { credentials } = tracer;
  const { userNamespace } = task.credentials;
  const covers =
    credentials.userNamespace === userNamespace && coversCapabilities(credentials, task.credentials, false);
  if (!covers && !capable(credentials, userNamespace, CAP_SYS_PTRACE)) return -EPERM;
  link(task, tracer, false, 0, credentials);
  return 0;
}

function mayAttach(tracer: Task, task: Task): boolean {
  if (task.group === tracer.group || task.tracee !== null || task.isEnding) return false;
  return mayInspect(tracer.credentials, task, true) === 0;
}

/** PTRACE_ATTACH, or PTRACE_SEIZE with options. */
export function* attach(tracer: Task, found: Task, isSeized: boolean, options: number): Coroutine {
  if (found.group === tracer.group) return -EPERM;
  if (!(yield* waitForExecs(tracer, found.group))) return -ERESTARTNOINTR;
  const { task } = found.id; // another one, if its process has executed a program meanwhile
  if (task === null) return -ESRCH;
  if (!mayAttach(tracer, task)) return -EPERM;
  const tracee = link(task, tracer, isSeized, options, tracer.credentials);
  // One that stands still with its group is its tracer's to let go on.
  if (task.group.stopSignal !== 0) {
    tracee.trapStop = true;
    task.call.unpark();
  }
  if (!isSeized) sendToTask(task, { signo: SIGSTOP, code: SI_KERNEL, pid: 0, uid: 0, isFromOutside: true });
  return 0;
}

/** Whether a child of a traced thread is traced as well: the event that says so, or 0. */
export function eventOfClone(
  creator: Task,
  isVfork: boolean,
  isProcess: boolean,
  isUntraced: boolean,
): number {
  const { tracee } = creator;
  if (tracee === null || isUntraced) return 0;
  const event = isVfork ? P.PTRACE_EVENT_VFORK : isProcess ? P.PTRACE_EVENT_FORK : P.PTRACE_EVENT_CLONE;
  return tracee.wants(event) ? event : 0;
}

/** A new thread has its creator's tracer, and stops before it does anything. */
export function inheritTracer(child: Task, { tracee }: Task): void {
  if (tracee === null) return;
  const { tracer, isSeized, options, credentials } = tracee;
  if (tracee.isDoomed) {
    const own = new Tracee(child, tracer, isSeized, options, credentials);
    child.tracee = own;
    toldHow(child);
    doom(child.kernel, [own]);
    return;
  }
  const own = link(child, tracer, isSeized, options, credentials);
  if (isSeized) own.trapStop = true;
  else child.pending.add({ signo: SIGSTOP, code: SI_USER, pid: 0, uid: 0 });
}

// ---- Letting go ----

/** It goes on as nobody's, with a signal or without; in a group that is stopped it stops with it. */
export function letGo(tracee: Tracee<Task>, signal: number): void {
  const stood = tracee.stop !== null;
  tracee.going = "cont";
  tracee.signal = signal;
  tracee.debug = null;
  unlink(tracee);
  if (stood) goOn(tracee);
  else if (!tracee.task.isEnding && tracee.task.group.stopSignal !== 0) tracee.task.interrupt();
}

/**
 * A thread ends, and with it what it traces, if it was to: or that goes on as nobody's. What ends with it may be many, and may
 * trace others in its turn: it ends a few at a time, never nested into its tracer's end (F26).
 */
export function tracerEnded(tracer: Task): void {
  const { tracees } = tracer;
  if (tracees === null) return;
  tracer.tracees = null;
  const doomed: Tracee<Task>[] = [];
  for (const tracee of tracees) {
    if (tracee.endStatus >= 0) forget(tracee);
    else if (tracee.endsWithTracer) doomed.push(tracee);
    else letGo(tracee, 0);
  }
  if (doomed.length > 0) doom(tracer.kernel, doomed);
}

/** They are killed soon. Until then they stand where they stand, or stop where they next could be stopped. */
function doom({ steps }: Task["kernel"], doomed: readonly Tracee<Task>[]): void {
  for (const tracee of doomed) tracee.isDoomed = true;
  let at = 0;
  steps.later(() => {
    for (let left = KILLS_A_PIECE; left > 0 && at < doomed.length; left--)
      doomed[at++]!.task.group.end(SIGKILL);
    return at === doomed.length;
  });
}

// ---- The end of a traced thread ----

/** What of a wait status siginfo tells. */
export function endOf(status: number): { code: number; status: number } {
  const signo = status & SIGNAL_MASK;
  if (signo === 0) return { code: CLD_EXITED, status: (status >> 8) & 0xff };
  return { code: (status & CORE_DUMPED) !== 0 ? CLD_DUMPED : CLD_KILLED, status: signo };
}

/** It does not run any more, whatever it stood for: nothing is to be had of it but its end. */
export function stopsBeing(task: Task): void {
  const { tracee } = task;
  if (tracee === null) return;
  tracee.stop = null;
  tracee.untold = 0;
  tracee.debug = null;
  dropAsides(tracee);
}

/**
 * A thread has ended that is not its process's first one, or all of the process has: true if its tracer is to wait for that,
 * which keeps its number until then.
 */
export function tellTracer(task: Task, status: number): boolean {
  const { tracee } = task;
  if (tracee === null) return false;
  stopsBeing(task);
  if (tracee.isDoomed || tracee.tracer.isEnding) {
    unlink(tracee);
    return false;
  }
  tracee.endStatus = status;
  if (task !== task.group.leader) task.kernel.counters.unreaped++;
  sendToTracer(tracee, endOf(status), false);
  wakeWaiters(tracee.tracer.group);
  return true;
}

/**
 * A process has ended. True: somebody else than its parent traces it, who waits for it first; `then` is called when that is
 * over.
 */
export function isTracersFirst(group: ThreadGroup, then: () => void): boolean {
  const { leader } = group;
  const { tracee } = leader;
  if (tracee === null) return false;
  stopsBeing(leader);
  if (tracee.tracer.group === group.parent && !tracee.isDoomed) {
    tracee.endStatus = group.exitStatus;
    return false;
  }
  if (!tellTracer(leader, group.exitStatus)) return false;
  group.whenUntraced = then;
  return true;
}

/** The tracer has waited for the end of a thread, or will not. */
export function forget(tracee: Tracee<Task>): void {
  const { task } = tracee;
  const { group } = task;
  unlink(tracee);
  if (task !== group.leader) {
    task.kernel.counters.unreaped--;
    task.id.leaveTask(task);
    return;
  }
  const then = group.whenUntraced;
  group.whenUntraced = null;
  then?.();
}

// ---- execve ----

/** The thread that has executed a program is another task from now on, with its process's number. */
export function passTracee(old: Task, next: Task): void {
  const { tracee, tracees } = old;
  for (const task of old.group.tasks) {
    if (task === old) continue;
    tracerEnded(task);
    if (task.tracee === null) continue;
    stopsBeing(task);
    // The first thread's number is the program's now: nobody is told that it has gone.
    if (task === old.group.leader) unlink(task.tracee);
    else tellTracer(task, 0);
  }
  if (tracees !== null) {
    for (const other of tracees) other.tracer = next;
    next.tracees = tracees;
    old.tracees = null;
  }
  if (tracee === null) return;
  tracee.message = old.id.in(tracee.tracer.pids);
  tracee.task = next;
  old.tracee = null;
  next.tracee = tracee;
  next.stub.space.staysUnpatched = true;
  toldHow(next);
}

/** Whether what a program file grants goes to somebody whose tracer may not have it (F29). */
export function isTracedByLesser({ tracee, credentials }: Task): boolean {
  return tracee !== null && !capable(tracee.credentials, credentials.userNamespace, CAP_SYS_PTRACE);
}

// ---- Its memory ----

/** Its text is the file's, before it stops for the first time (F10). */
export function* unpatch(task: Task): Generator<void, void, void> {
  const { space } = task.stub;
  space.staysUnpatched = true;
  if (space.patches === null) return;
  const lock = yield* space.lockAll(task);
  try {
    yield* undoIn(task, 0, TASK_SIZE);
  } finally {
    lock.release();
  }
}
