// Reading clocks: clock_gettime(2), clock_getres(2), gettimeofday(2), time(2). Sleeping is
// sleep_calls.ts's business.

import { EINVAL } from "../../shared/abi/errno.ts";
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
  CLOCK_THREAD_CPUTIME_ID,
} from "../../shared/abi/time.ts";
import { TIMESPEC_SIZE, writeTimespec } from "./clocks.ts";
import type { Handler } from "./dispatch.ts";
import type { Task } from "./task.ts";

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
/** Writes a clock's value (timespec) to a guest address; CPU clocks come from the stub's own accounts. */
function readClock(task: Task, clock: number, address: number): number {
  if (clock === CLOCK_PROCESS_CPUTIME_ID || clock === CLOCK_THREAD_CPUTIME_ID)
    return readCpuClock(task, address);
  if (!READABLE.has(clock)) return -EINVAL;
  const { native } = task.kernel;
  if (native.clockGettime(clock) < 0) return -EINVAL;
  task.bytes.set(native.scratch.subarray(0, TIMESPEC_SIZE), task.out(address, TIMESPEC_SIZE));
  return 0;
}

function readCpuClock(task: Task, address: number): number {
  writeTimespec(task.view, task.out(address, TIMESPEC_SIZE), task.stub.cpuTimeNs());
  return 0;
}

export const TIME_HANDLERS: Record<string, Handler> = {
  clock_gettime: (task, clock, tp) => readClock(task, clock, tp),

  clock_getres: (task, clock, res) => {
    const cpu = clock === CLOCK_PROCESS_CPUTIME_ID || clock === CLOCK_THREAD_CPUTIME_ID;
    if (!cpu && !READABLE.has(clock)) return -EINVAL;
    const { native } = task.kernel;
    const error = native.clockGetres(clock);
    if (error < 0) return error;
    if (res !== 0) task.bytes.set(native.scratch.subarray(0, TIMESPEC_SIZE), task.out(res, TIMESPEC_SIZE));
    return 0;
  },

  gettimeofday: (task, tv, tz) => {
    const { native } = task.kernel;
    native.clockGettime(CLOCK_REALTIME);
    const seconds = readI64(native.scratchView, 0);
    const microseconds = Math.floor(readI64(native.scratchView, 8) / 1000);
    if (tv !== 0) {
      const at = task.out(tv, 16);
      write64(task.view, at, seconds);
      write64(task.view, at + 8, microseconds);
    }
    if (tz !== 0) write64(task.view, task.out(tz, 8), 0); // the kernel's time zone: UTC, as on any Linux of today
    return 0;
  },

  time: (task, tloc) => {
    const { native } = task.kernel;
    native.clockGettime(CLOCK_REALTIME);
    const seconds = readI64(native.scratchView, 0);
    if (tloc !== 0) write64(task.view, task.out(tloc, 8), seconds);
    return seconds;
  },
};
