// Signals that are pending for a task: its own and its group's.

import { SIGALRM } from "../../shared/abi/signal.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { SignalSet } from "../call/signal_set.ts";
import type { Task } from "../process/task.ts";

export function pendingOf(task: Task): SignalSet {
  const pending = task.pending.set.copy();
  pending.union(task.group.pending.set);
  return pending;
}

// A signal has left its queue: its timer may go on, or say that it does not count any more.
function afterTake(task: Task, info: SigInfo): SigInfo | null {
  const { group } = task;
  if (info.timer !== undefined) return group.posixTimers.get(info.timer.id)?.taken(info) ?? null;
  if (info.signo === SIGALRM) group.itimers.alarmTaken();
  return info;
}

function takeOnce(task: Task, blocked: SignalSet): SigInfo | null {
  const { pending, group } = task;
  let signo = pending.set.firstOutside(blocked);
  if (signo !== 0) return pending.take(signo);
  signo = group.pending.set.firstOutside(blocked);
  return signo === 0 ? null : group.pending.take(signo);
}

/** Takes a signal that is not blocked, the task's own first; null when none is pending. */
export function takeUnblocked(task: Task, blocked: SignalSet): SigInfo | null {
  for (;;) {
    const info = takeOnce(task, blocked);
    if (info === null) return null;
    const taken = afterTake(task, info);
    if (taken !== null) return taken;
  }
}

/** Takes a signal of the set, blocked or not. */
export function takePending(task: Task, set: SignalSet): SigInfo | null {
  return takeUnblocked(task, new SignalSet(~set.low, ~set.high));
}
