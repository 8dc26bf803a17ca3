// Stopping and continuing a thread group (signal(7), wait(2)): a stopped group's tasks are parked
// where they would go back to guest code; SIGCONT lets them on. The parent learns of both.

import { CLD_CONTINUED, CLD_STOPPED, SA_NOCLDSTOP, SIGCHLD, SIGCONT } from "../../shared/abi/signal.ts";
import { wakeWaiters } from "../process/child_waiters.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { sendToGroup } from "./send_signal.ts";

/** Stops the group with that signal: running tasks are kicked, sleeping ones end their sleep. */
export function stopGroup(group: ThreadGroup, signo: number): void {
  // Those that are traced stop by themselves, and may have been let go on by themselves.
  for (const { tracee } of group.tasks) {
    if (tracee?.isSeized === true) tracee.trapNotify = true;
    else if (tracee) tracee.stopPending = true;
  }
  if (group.stopSignal !== 0) {
    for (const task of group.tasks) if (task.tracee !== null) task.interrupt();
    return;
  }
  group.stopSignal = signo;
  group.waitableStop = signo;
  group.waitableContinue = false;
  for (const task of group.tasks) task.interrupt();
  tellParent(group, CLD_STOPPED, signo);
  for (const listener of group.onStop) listener(signo);
}

export function continueGroup(group: ThreadGroup): void {
  tellTracers(group);
  if (group.stopSignal === 0) return;
  group.stopSignal = 0;
  group.waitableStop = 0;
  group.waitableContinue = true;
  tellParent(group, CLD_CONTINUED, SIGCONT);
  for (const task of [...group.tasks]) task.call.unpark();
}

/** SIGCONT ends no stop of a traced thread; one that was seized stops once more, or at last, to tell of it. */
function tellTracers(group: ThreadGroup): void {
  for (const task of group.tasks) {
    const { tracee } = task;
    if (tracee === null) continue;
    tracee.stopPending = false;
    if (!tracee.isSeized) continue;
    tracee.trapNotify = true;
    if (tracee.isListening) endListening(task);
    else if (tracee.stop === null) task.interrupt();
  }
}

/** It stops anew, with what there is to tell now. */
export function endListening(task: Task): void {
  const { tracee } = task;
  if (tracee === null) return;
  tracee.isListening = false;
  tracee.stop = null;
  task.call.lookAgain();
}

function tellParent(group: ThreadGroup, code: number, status: number): void {
  const { parent } = group;
  // Who traces its child hears of each thread.
  if (parent === null || group.leader.tracee?.tracer.group === parent) return;
  const action = parent.leader.handlers.get(SIGCHLD);
  if ((action.flags & SA_NOCLDSTOP) === 0)
    sendToGroup(parent, {
      signo: SIGCHLD,
      code,
      pid: group.id.in(parent.pids),
      uid: group.leader.credentials.uid,
      status,
    });
  wakeWaiters(parent);
}

/** Where a task of a group that is stopped, or that is dumped, waits; true when it is parked. */
export function parkIfStopped(task: Task, resume: () => void): boolean {
  if (!task.isHeld) return false;
  task.call.park(resume);
  task.group.standing?.stands();
  return true;
}
