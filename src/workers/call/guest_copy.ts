// Copies between guest memory and the kernel's own, in the middle of a call and of any length: in rounds
// through the data window. What must not change while it is looked at is copied so.

import { EFAULT } from "../../shared/abi/errno.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Caller } from "./caller.ts";

/** Leaves room in the window for what comes behind the last round. */
const OUT_ROUND = WINDOW_SIZE - 4096;
const NOTHING = Buffer.alloc(0);

/** A copy of guest memory, or -EFAULT. The caller has bounded the length. */
export function* readGuest(
  task: Caller,
  address: number,
  length: number,
): Generator<void, Buffer | number, void> {
  let copy = NOTHING;
  for (let done = 0; done < length; ) {
    const round = Math.min(length - done, WINDOW_SIZE);
    task.call.outAt(address + done, round, WINDOW);
    if ((yield* task.call.copyInRound()) < round) return -EFAULT;
    // For what is not there, nothing is allocated.
    if (done === 0) copy = Buffer.allocUnsafe(length);
    copy.set(task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + round), done);
    done += round;
  }
  return copy;
}

/**
 * Copies to guest memory. All of it, or the last part, goes out with the call's result, which then must
 * come next; other out pieces may stand before and follow. 0 or -EFAULT.
 */
export function* writeGuest(task: Caller, address: number, bytes: Uint8Array): Generator<void, number, void> {
  for (let done = 0; done < bytes.length; ) {
    const before = task.call.outBytes;
    const round = Math.min(bytes.length - done, OUT_ROUND);
    if (before + round > OUT_ROUND && (yield* task.call.copyOutRound()) < before) return -EFAULT;
    task.call.bytes.set(bytes.subarray(done, done + round), task.call.out(address + done, round));
    done += round;
  }
  return 0;
}
