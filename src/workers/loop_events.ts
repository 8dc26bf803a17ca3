// What comes to a kernel thread by callback: descriptors of its sleep set, and timers. No process is to blame for a
// callback's throw: it ends here (hardening.md, F21).

import type { LongTurns } from "./call/long_turns.ts";
import type { Throws } from "./call/throws.ts";
import type { Timers } from "./call/timers.ts";
import type { SleepSet } from "./sleep_set.ts";

export interface EventsContext {
  readonly sleep: SleepSet;
  readonly timers: Timers;
  readonly longTurns: LongTurns;
  readonly throws: Throws;
}

/** Waits for the sleep set (SleepSet.wait): how many events there were. */
export function waitForEvents({ sleep, longTurns, throws }: EventsContext, timeoutNs: number): number {
  try {
    longTurns.settle();
    return sleep.wait(timeoutNs, longTurns);
  } catch (error) {
    throws.caught("a callback threw", error);
    return 1;
  }
}

/** Runs the timers that are due: how many there were. */
export function expireTimers({ timers, longTurns, throws }: EventsContext, nowNs: number): number {
  try {
    longTurns.settle();
    return timers.expire(nowNs, longTurns);
  } catch (error) {
    throws.caught("a timer threw", error);
    return 1;
  }
}
