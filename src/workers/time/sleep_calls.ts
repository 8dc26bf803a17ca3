// nanosleep(2) and clock_nanosleep(2). A signal ends a sleep: with a handler the call answers EINTR and
// what was left of the time; without one it goes on by its restart block.

import { EFAULT, EOPNOTSUPP, ERESTART_RESTARTBLOCK, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import * as T from "../../shared/abi/time.ts";
import { DEADLINE, REQ_BEGUN, REQ_FLAGS, WINDOW } from "../../shared/ring/layout.ts";
import { BLOCKED } from "../call/call.ts";
import { deadlineOf, readTimespec, TIMESPEC_SIZE, writeTimespec } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { RestartBlock } from "../call/restart.ts";
import type { Task } from "../process/task.ts";
import { cpuClockToSleepOn } from "./cpu_clocks.ts";
import { type TimerClock, WallClock } from "./timer_clocks.ts";

/** Clocks to sleep on. */
const SLEEPABLE = new Set([T.CLOCK_REALTIME, T.CLOCK_MONOTONIC, T.CLOCK_BOOTTIME, T.CLOCK_TAI]);
/** Clocks that can be read but not slept on. */
const READ_ONLY = new Set([T.CLOCK_MONOTONIC_RAW, T.CLOCK_REALTIME_COARSE, T.CLOCK_MONOTONIC_COARSE]);
const ALARMS = new Set([T.CLOCK_REALTIME_ALARM, T.CLOCK_BOOTTIME_ALARM]);

/** What a call's clock is counted by: its CPU time, or the time that passes; a negative errno. */
function counted(task: Task, clock: number): TimerClock | number {
  if (SLEEPABLE.has(clock)) return new WallClock(task.kernel);
  if (ALARMS.has(clock) || READ_ONLY.has(clock)) return -EOPNOTSUPP;
  return cpuClockToSleepOn(task, clock);
}

function sleepUntil(task: Task, clock: TimerClock, deadlineNs: number, interrupted: () => number): number {
  if (deadlineNs <= clock.now()) return 0;
  const armed = clock.arm(deadlineNs, () => task.call.completeWait(0));
  task.call.waiter = { cancel: () => armed.cancel(), interrupted };
  return BLOCKED;
}

/** Sleeps for a time that began earlier; `remaining` is where the rest goes, 0: nowhere. */
function sleepFor(task: Task, clockId: number, deadlineNs: number, remaining: number): number {
  const clock = counted(task, clockId);
  if (typeof clock === "number") return clock;
  return sleepUntil(task, clock, deadlineNs, () => {
    if (remaining !== 0) {
      const left = Math.max(0, deadlineNs - clock.now());
      writeTimespec(task.call.view, task.call.out(remaining, TIMESPEC_SIZE), left);
      task.call.outOnError = true;
      task.call.outFault = () => -EFAULT;
    }
    task.call.restartBlock = { kind: "nanosleep", clock: clockId, deadlineNs, remaining };
    return -ERESTART_RESTARTBLOCK;
  });
}

/** Goes on with a sleep that a signal without handler interrupted. */
export function restartSleep(task: Task, block: Extract<RestartBlock, { kind: "nanosleep" }>): number {
  return sleepFor(task, block.clock, block.deadlineNs, block.remaining);
}

/** The end of a sleep that the stub has begun by itself, until a kick came; null if it has not. */
function begunAtHost({ kernel, call }: Task): number | null {
  const { slots } = kernel;
  if ((slots.word(call.slot, REQ_FLAGS) & REQ_BEGUN) === 0) return null;
  const seconds = slots.signed(call.slot, DEADLINE);
  const ns = slots.word(call.slot, DEADLINE + 8);
  return Math.max(0, seconds) * T.NSEC_PER_SEC + Math.min(Math.max(0, ns), T.NSEC_PER_SEC);
}

function sleep(task: Task, clockId: number, flags: number, remaining: number): number {
  const clock = counted(task, clockId);
  if (typeof clock === "number" && clock === -EOPNOTSUPP) return clock;
  if (!task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
  const ns = readTimespec(task.call.view, task.call.base + WINDOW);
  if (ns < 0) return ns;
  if (typeof clock === "number") return clock;
  if ((flags & T.TIMER_ABSTIME) === 0)
    return sleepFor(task, clockId, begunAtHost(task) ?? clock.now() + ns, remaining);
  const deadline = SLEEPABLE.has(clockId) ? deadlineOf(task.kernel, clockId, ns) : ns;
  return sleepUntil(task, clock, deadline, () => -ERESTARTNOHAND);
}

export const SLEEP_HANDLERS: Handlers<Task> = {
  nanosleep: (task, _request, remaining) => sleep(task, T.CLOCK_MONOTONIC, 0, remaining),

  clock_nanosleep: (task, clock, flags, _request, remaining) => sleep(task, clock, flags, remaining),
};
