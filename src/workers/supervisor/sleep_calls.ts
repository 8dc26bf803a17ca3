// nanosleep(2) and clock_nanosleep(2). A signal ends a sleep: with a handler the call answers EINTR and
// what was left of the time; without one it goes on by its restart block.

import { EFAULT, EINVAL, EOPNOTSUPP, ERESTART_RESTARTBLOCK, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import * as T from "../../shared/abi/time.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import { deadlineOf, readTimespec, TIMESPEC_SIZE, writeTimespec } from "./clocks.ts";
import type { Handler } from "./dispatch.ts";
import { BLOCKED, type Task } from "./task.ts";

/** Clocks to sleep on. */
const SLEEPABLE = new Set([T.CLOCK_REALTIME, T.CLOCK_MONOTONIC, T.CLOCK_BOOTTIME, T.CLOCK_TAI]);
/** Clocks that can be read but not slept on. */
const READ_ONLY = new Set([T.CLOCK_MONOTONIC_RAW, T.CLOCK_REALTIME_COARSE, T.CLOCK_MONOTONIC_COARSE]);
/** The calling thread's own CPU clock can never advance while it sleeps. */
const CPU = new Set([T.CLOCK_THREAD_CPUTIME_ID, T.CLOCK_PROCESS_CPUTIME_ID]);
const ALARMS = new Set([T.CLOCK_REALTIME_ALARM, T.CLOCK_BOOTTIME_ALARM]);

function sleepUntil(task: Task, deadlineNs: number, interrupted: () => number): number {
  const { timers, native } = task.kernel;
  if (deadlineNs <= native.monotonicNs()) return 0;
  const timer = timers.add(deadlineNs, () => task.completeWait(0));
  task.waiter = { cancel: () => timers.cancel(timer), interrupted };
  return BLOCKED;
}

/** Sleeps for a time that began earlier; `remaining` is where the rest goes, 0: nowhere. */
function sleepFor(task: Task, deadlineNs: number, remaining: number): number {
  return sleepUntil(task, deadlineNs, () => {
    if (remaining !== 0) {
      const left = Math.max(0, deadlineNs - task.kernel.native.monotonicNs());
      writeTimespec(task.view, task.out(remaining, TIMESPEC_SIZE), left);
      task.outOnError = true;
      task.outFault = () => -EFAULT;
    }
    task.restartBlock = { kind: "nanosleep", deadlineNs, remaining };
    return -ERESTART_RESTARTBLOCK;
  });
}

/** Goes on with a sleep that a signal without handler interrupted. */
export function restartSleep(task: Task, deadlineNs: number, remaining: number): number {
  return sleepFor(task, deadlineNs, remaining);
}

function sleep(task: Task, clock: number, flags: number, remaining: number): number {
  if (!task.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
  const ns = readTimespec(task.view, task.base + WINDOW);
  if (ns < 0) return ns;
  if ((flags & T.TIMER_ABSTIME) === 0)
    return sleepFor(task, task.kernel.native.monotonicNs() + ns, remaining);
  return sleepUntil(task, deadlineOf(task.kernel, clock, ns), () => -ERESTARTNOHAND);
}

export const SLEEP_HANDLERS: Record<string, Handler> = {
  nanosleep: (task, _request, remaining) => sleep(task, T.CLOCK_MONOTONIC, 0, remaining),

  clock_nanosleep: (task, clock, flags, _request, remaining) => {
    if (CPU.has(clock) || ALARMS.has(clock) || READ_ONLY.has(clock)) return -EOPNOTSUPP;
    return SLEEPABLE.has(clock) ? sleep(task, clock, flags, remaining) : -EINVAL;
  },
};
