// Signals that are pending for a task: its own and its group's.

import type { SigInfo } from "./siginfo.ts";
import { SignalSet } from "./signal_set.ts";
import type { Task } from "./task.ts";

export function pendingOf(task: Task): SignalSet {
  const pending = task.pending.set.copy();
  pending.union(task.group.pending.set);
  return pending;
}

/** Takes a signal of the set, blocked or not, the task's own first; null when none is pending. */
export function takePending(task: Task, set: SignalSet): SigInfo | null {
  const outside = new SignalSet(~set.low, ~set.high);
  const own = task.pending.set.firstOutside(outside);
  if (own !== 0) return task.pending.take(own);
  const shared = task.group.pending.set.firstOutside(outside);
  return shared === 0 ? null : task.group.pending.take(shared);
}
