// Who waits until no thread of a process executes a program (Linux's cred_guard_mutex): what such a thread may gain was found
// out by what it had before, and by who traced it.

import { POLLIN } from "../../shared/abi/poll.ts";
import type { Task, ThreadGroup } from "./task.ts";

/** In a call of the task's. That thread ends all others, or fails. False: a signal has ended the wait. */
export function* waitForExecs({ call }: Task, group: ThreadGroup): Generator<void, boolean, void> {
  while (group.execs > 0) {
    const entry = { events: POLLIN, wake: () => call.completeWait(0) };
    group.execWatchers.add(entry);
    call.waiter = { cancel: () => group.execWatchers.remove(entry) };
    const isInterrupted = yield* call.wait();
    group.execWatchers.remove(entry);
    if (isInterrupted) return false;
  }
  return true;
}
