// The signal mask that ppoll, pselect and epoll_pwait set for the time of their wait.

import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { readGuest } from "../call/guest_copy.ts";
import type { Task } from "../process/task.ts";
import { SIGSET_SIZE, SignalSet } from "./signal_set.ts";

/** Sets the mask at a guest address (0: leaves it as it is): 0, -EINVAL or -EFAULT. */
export function* setTemporaryMask(task: Task, address: number, size: number): Generator<void, number, void> {
  if (address === 0) return 0;
  if (size !== SIGSET_SIZE) return -EINVAL;
  const bytes = yield* readGuest(task, address, SIGSET_SIZE);
  if (typeof bytes === "number") return -EFAULT;
  useMask(task, new SignalSet(bytes.readInt32LE(0), bytes.readInt32LE(4)));
  return 0;
}

export function useMask(task: Task, mask: SignalSet): void {
  task.savedMask = task.blocked.copy();
  task.blocked.assign(mask.asMask());
}

/**
 * The wait is over. After an interruption the old mask comes back when the signal has been dealt with;
 * otherwise now, so that signals which only the temporary mask let through stay pending.
 */
export function leaveTemporaryMask(task: Task, interrupted: boolean): void {
  if (!interrupted) task.restoreMask();
}
