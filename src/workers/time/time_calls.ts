// Reading clocks: clock_gettime(2), clock_getres(2), gettimeofday(2), time(2). Sleeping is
// sleep_calls.ts's business.

import { EFAULT, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  NSEC_PER_SEC,
  USEC_PER_SEC,
} from "../../shared/abi/time.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import { TIMESPEC_SIZE, writeTimespec } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";
import { cpuClockOf } from "./cpu_clocks.ts";

/** Clocks that a guest may read: the host's own, which tell nothing of other tenants. */
const READABLE = new Set([
  CLOCK_REALTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME_COARSE,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_TAI,
]);

/** Whether it is a clock of the machine's. */
export function isReadableClock(clock: number): boolean {
  return READABLE.has(clock);
}

/** Writes a clock's value (timespec) to a guest address. */
function readClock(task: Task, clock: number, address: number): number {
  if (!READABLE.has(clock)) {
    const cpu = cpuClockOf(task, clock);
    if (cpu === undefined) return -EINVAL;
    writeTimespec(task.call.view, task.call.out(address, TIMESPEC_SIZE), cpu.now());
    return 0;
  }
  const { native } = task.kernel;
  if (native.clockGettime(clock) < 0) return -EINVAL;
  task.call.bytes.set(native.scratch.subarray(0, TIMESPEC_SIZE), task.call.out(address, TIMESPEC_SIZE));
  return 0;
}

// Nobody sets the clocks of a sandbox.
function refuseToSet(task: Task, size: number, fractionMax: number): number {
  if (!task.call.inComplete(0, size)) return -EFAULT;
  const seconds = readI64(task.call.view, task.call.base + WINDOW);
  const fraction = readI64(task.call.view, task.call.base + WINDOW + 8);
  return seconds < 0 || fraction < 0 || fraction >= fractionMax ? -EINVAL : -EPERM;
}

export const TIME_HANDLERS: Handlers<Task> = {
  clock_gettime: (task, clock, tp) => readClock(task, clock, tp),

  clock_getres: (task, clock, res) => {
    const cpu = cpuClockOf(task, clock) !== undefined;
    if (!cpu && !READABLE.has(clock)) return -EINVAL;
    const { native } = task.kernel;
    const error = native.clockGetres(cpu ? CLOCK_PROCESS_CPUTIME_ID : clock);
    if (error < 0) return error;
    if (res !== 0)
      task.call.bytes.set(native.scratch.subarray(0, TIMESPEC_SIZE), task.call.out(res, TIMESPEC_SIZE));
    return 0;
  },

  gettimeofday: (task, tv, tz) => {
    const { native } = task.kernel;
    native.clockGettime(CLOCK_REALTIME);
    const seconds = readI64(native.scratchView, 0);
    const microseconds = Math.floor(readI64(native.scratchView, 8) / 1000);
    if (tv !== 0) {
      const at = task.call.out(tv, 16);
      write64(task.call.view, at, seconds);
      write64(task.call.view, at + 8, microseconds);
    }
    if (tz !== 0) write64(task.call.view, task.call.out(tz, 8), 0); // the kernel's time zone: UTC, as on any Linux
    return 0;
  },

  time: (task, tloc) => {
    const { native } = task.kernel;
    // Of the last tick, as the vDSO has it: who asks in both ways sees no step back.
    native.clockGettime(CLOCK_REALTIME_COARSE);
    const seconds = readI64(native.scratchView, 0);
    if (tloc !== 0) write64(task.call.view, task.call.out(tloc, 8), seconds);
    return seconds;
  },

  clock_settime: (task, clock, tp) => {
    if (clock !== CLOCK_REALTIME) return -EINVAL;
    return tp === 0 ? -EFAULT : refuseToSet(task, TIMESPEC_SIZE, NSEC_PER_SEC);
  },

  settimeofday: (task, tv) => (tv === 0 ? -EPERM : refuseToSet(task, TIMESPEC_SIZE, USEC_PER_SEC + 1)),
};
