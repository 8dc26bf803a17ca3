// Stopping and continuing a thread group (signal(7), wait(2)): a stopped group's tasks are parked
// where they would go back to guest code; SIGCONT lets them on. The parent learns of both.

import { CLD_CONTINUED, CLD_STOPPED, SA_NOCLDSTOP, SIGCHLD, SIGCONT } from "../../shared/abi/signal.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { wakeWaiters } from "../process/wait.ts";
import { sendToGroup } from "./send_signal.ts";

/** Stops the group with that signal: running tasks are kicked, sleeping ones end their sleep. */
export function stopGroup(group: ThreadGroup, signo: number): void {
  if (group.stopSignal !== 0) return;
  group.stopSignal = signo;
  group.waitableStop = signo;
  group.waitableContinue = false;
  for (const task of group.tasks) task.interrupt();
  tellParent(group, CLD_STOPPED, signo);
  for (const listener of group.onStop) listener(signo);
}

export function continueGroup(group: ThreadGroup): void {
  if (group.stopSignal === 0) return;
  group.stopSignal = 0;
  group.waitableStop = 0;
  group.waitableContinue = true;
  tellParent(group, CLD_CONTINUED, SIGCONT);
  for (const task of [...group.tasks]) task.call.unpark();
}

function tellParent(group: ThreadGroup, code: number, status: number): void {
  const { parent } = group;
  if (parent === null) return;
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
  if (!task.group.isHeld) return false;
  task.call.park(resume);
  return true;
}
