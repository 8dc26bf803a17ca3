// Waiting in a call's coroutine until somebody wakes the call, or for so long.

import type { Caller } from "./caller.ts";
import { NEVER } from "./clocks.ts";
import type { Timer } from "./timers.ts";

/** By whom a wait was ended. */
export type WaitEnd = "woken" | "late" | "interrupted";

/** Waits until completeWait(), a signal, or a time of CLOCK_MONOTONIC in nanoseconds, which may be NEVER. */
export function* waitUntil({ call, kernel }: Caller, deadlineNs: number): Generator<void, WaitEnd, void> {
  let timer: Timer | null = null;
  let isLate = false;
  try {
    if (deadlineNs !== NEVER) {
      timer = kernel.timers.add(deadlineNs, () => {
        isLate = true;
        call.completeWait(0);
      });
    }
    call.waiter = { cancel: () => {} };
    const isInterrupted = yield* call.wait();
    if (isLate) return "late";
    return isInterrupted ? "interrupted" : "woken";
  } finally {
    if (timer !== null) kernel.timers.cancel(timer);
  }
}
