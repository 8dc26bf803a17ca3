// Clocks and sleeps (time(7)). Guest clocks are host clocks plus an offset of the sandbox, which is
// zero until a checkpoint is restored.

import { EFAULT, EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handler } from "./dispatch.ts";
import { BLOCKED, type Task } from "./task.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_PROCESS_CPUTIME_ID = 2;
const CLOCK_THREAD_CPUTIME_ID = 3;
const CLOCK_BOOTTIME = 7;
const CLOCK_REALTIME_ALARM = 8;
const CLOCK_BOOTTIME_ALARM = 9;
const CLOCK_TAI = 11;
const TIMER_ABSTIME = 1;
const NS_PER_S = 1e9;
const TIMESPEC_SIZE = 16;
const TWO_63 = 2 ** 63;

/** Clocks that a guest may read: the host's own, which tell nothing of other tenants. */
const READABLE = new Set([
  0,
  1,
  4,
  5,
  6,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_TAI,
]);
/** Clocks to sleep on, and the clock whose value their absolute times count. */
const SLEEPABLE = new Set([CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI]);

/** A clock's value in nanoseconds, for differences: a double loses some of CLOCK_REALTIME's last digits. */
function clockNs(task: Task, clock: number): number {
  const { native } = task.kernel;
  native.clockGettime(clock);
  return readI64(native.scratchView, 0) * NS_PER_S + readI64(native.scratchView, 8);
}

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
  const at = task.out(address, TIMESPEC_SIZE);
  const ns = task.stub.cpuTimeNs();
  write64(task.view, at, Math.floor(ns / NS_PER_S));
  write64(task.view, at + 8, ns % NS_PER_S);
  return 0;
}

/** Reads the timespec of in piece 0: nanoseconds, or a negative errno. */
function inputTimespec(task: Task): number {
  if (!task.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
  const at = task.base + WINDOW;
  const seconds = readI64(task.view, at);
  const ns = readI64(task.view, at + 8);
  if (seconds < 0 || ns < 0 || ns >= NS_PER_S) return -EINVAL;
  return Math.min(seconds * NS_PER_S + ns, TWO_63);
}

function sleepUntil(task: Task, deadlineNs: number, nowNs: number): number {
  if (deadlineNs <= nowNs) return 0;
  const { timers } = task.kernel;
  const timer = timers.add(deadlineNs, () => task.completeWait(0));
  task.waiter = { cancel: () => timers.cancel(timer) };
  return BLOCKED;
}

function sleep(task: Task, clock: number, flags: number): number {
  const ns = inputTimespec(task);
  if (ns < 0) return ns;
  const now = task.kernel.native.monotonicNs();
  const relative = (flags & TIMER_ABSTIME) !== 0 ? ns - clockNs(task, clock) : ns;
  return sleepUntil(task, now + relative, now);
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

  nanosleep: (task) => sleep(task, CLOCK_MONOTONIC, 0),

  clock_nanosleep: (task, clock, flags) => {
    // The calling thread's own CPU clock can never advance while it sleeps.
    if (clock === CLOCK_THREAD_CPUTIME_ID || clock === CLOCK_PROCESS_CPUTIME_ID) return -EOPNOTSUPP;
    if (!SLEEPABLE.has(clock)) return READABLE.has(clock) ? -EOPNOTSUPP : -EINVAL;
    return sleep(task, clock, flags);
  },
};
