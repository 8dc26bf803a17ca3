// What ppoll, select and pselect do with their time-out at the end: the time that is left is written
// back, in the caller's form, and a call that cannot say so cannot be restarted.

import { EFAULT, EINTR, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import { TIMESPEC_SIZE } from "../call/clocks.ts";
import type { VfsCaller } from "./caller.ts";

/**
 * Writes what is left until the deadline to `address` (0: there was no time-out; a deadline of 0: nothing
 * to update). The call's result; out pieces of the call that come before are its own.
 */
export function finishTimeout(
  task: VfsCaller,
  address: number,
  deadlineNs: number,
  result: number,
  write: (view: DataView, at: number, ns: number) => void,
): number {
  if (address === 0 || deadlineNs === 0) return result;
  const before = task.call.outBytes;
  const left = Math.max(0, deadlineNs - task.kernel.native.monotonicNs());
  write(task.call.view, task.call.out(address, TIMESPEC_SIZE), left);
  task.call.outOnError = true;
  // A time-out in read-only memory does no harm to a call that has succeeded.
  task.call.outFault = (copied) => {
    if (copied < before) return -EFAULT;
    return result === -ERESTARTNOHAND ? -EINTR : result;
  };
  return result;
}
