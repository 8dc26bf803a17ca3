// The signal mask that ppoll, pselect and epoll_pwait set for the time of their wait.

import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import type { Caller } from "./caller.ts";
import { readGuest } from "./guest_copy.ts";
import { SIGSET_SIZE, SignalSet } from "./signal_set.ts";

/** Sets the mask at a guest address (0: leaves it as it is): 0, -EINVAL or -EFAULT. */
export function* setTemporaryMask(
  task: Caller,
  address: number,
  size: number,
): Generator<void, number, void> {
  if (address === 0) return 0;
  if (size !== SIGSET_SIZE) return -EINVAL;
  const bytes = yield* readGuest(task, address, SIGSET_SIZE);
  if (typeof bytes === "number") return -EFAULT;
  task.useMask(new SignalSet(bytes.readInt32LE(0), bytes.readInt32LE(4)));
  return 0;
}

/**
 * The wait is over. After an interruption the old mask comes back when the signal has been dealt with;
 * otherwise now, so that signals which only the temporary mask let through stay pending.
 */
export function leaveTemporaryMask(task: Caller, interrupted: boolean): void {
  if (!interrupted) task.restoreMask();
}
