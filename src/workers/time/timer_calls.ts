// Calls on timers: setitimer(2), alarm(2), timer_create(2) and its relatives.

import { EFAULT, EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import {
  SIGALRM,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
  SIGEV_THREAD_ID,
  SIGRTMAX,
} from "../../shared/abi/signal.ts";
import { itimerspec, itimerval, sigevent } from "../../shared/abi/structs.ts";
import * as T from "../../shared/abi/time.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import {
  clockNs,
  readTimespec,
  readTimeval,
  TIMESPEC_SIZE,
  writeTimespec,
  writeTimeval,
} from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";
import { cpuClockOf } from "./cpu_clocks.ts";
import type { TimerSetting } from "./interval_timers.ts";
import type { Notification } from "./posix_timers.ts";
import { type TimerClock, WallClock } from "./timer_clocks.ts";

const WALL = new Set([T.CLOCK_REALTIME, T.CLOCK_MONOTONIC, T.CLOCK_BOOTTIME, T.CLOCK_TAI]);
/** Clocks that exist, but without timers: alarms need a clock that can wake the machine. */
const WITHOUT = new Set([
  T.CLOCK_MONOTONIC_RAW,
  T.CLOCK_REALTIME_COARSE,
  T.CLOCK_MONOTONIC_COARSE,
  T.CLOCK_REALTIME_ALARM,
  T.CLOCK_BOOTTIME_ALARM,
]);

// ---- Interval timers ----

function writeInterval(task: Task, address: number, { value, interval }: TimerSetting): void {
  const at = task.call.out(address, itimerval.size);
  writeTimeval(task.call.view, at + itimerval.offset.it_interval, interval);
  writeTimeval(task.call.view, at + itimerval.offset.it_value, value);
}

/** alarm's answer: whole seconds, the nearest, but not 0 while there is something. */
function wholeSeconds(ns: number): number {
  const seconds = Math.floor(ns / T.NSEC_PER_SEC);
  const rest = ns % T.NSEC_PER_SEC;
  return (seconds === 0 && rest > 0) || rest >= T.NSEC_PER_SEC / 2 ? seconds + 1 : seconds;
}

// ---- POSIX timers ----

/** The clock that a timer of that id counts on, or a negative errno. */
function clockFor(task: Task, clock: number): TimerClock | number {
  const { kernel } = task;
  if (WALL.has(clock)) return new WallClock(kernel);
  if (WITHOUT.has(clock)) return -EOPNOTSUPP;
  return cpuClockOf(task, clock) ?? -EINVAL;
}

function notificationAt(task: Task, given: boolean): Notification | number {
  if (!given) return { notify: SIGEV_SIGNAL, signo: SIGALRM, value: null, task: null };
  if (!task.call.inComplete(0, sigevent.size)) return -EFAULT;
  const event = sigevent.read(task.call.view, task.call.base + WINDOW);
  const { sigev_notify: notify, sigev_signo: signo, sigev_value: value } = event;
  if (notify === SIGEV_NONE) return { notify, signo: 0, value, task: null };
  const toTask = notify === (SIGEV_SIGNAL | SIGEV_THREAD_ID);
  if (!toTask && notify !== SIGEV_SIGNAL && notify !== SIGEV_THREAD) return -EINVAL;
  if (signo < 1 || signo > SIGRTMAX) return -EINVAL;
  if (!toTask) return { notify, signo, value, task: null };
  const target = task.pids.task(event.sigev_notify_thread_id);
  if (target === undefined || target.group !== task.group || target.dead) return -EINVAL;
  return { notify, signo, value, task: target };
}

function createTimer(task: Task, clockId: number, given: boolean, address: number): number {
  const clock = clockFor(task, clockId);
  if (typeof clock === "number") return clock;
  const notification = notificationAt(task, given);
  if (typeof notification === "number") return notification;
  const { posixTimers } = task.group;
  const timer = posixTimers.create(clockId, clock, notification);
  if (typeof timer === "number") return timer;
  task.call.view.setInt32(task.call.out(address, 4), timer.id, true);
  task.call.outFault = () => {
    posixTimers.delete(timer);
    return -EFAULT;
  };
  return 0;
}

function writeSetting(task: Task, address: number, { value, interval }: TimerSetting): void {
  const at = task.call.out(address, itimerspec.size);
  writeTimespec(task.call.view, at + itimerspec.offset.it_interval, interval);
  writeTimespec(task.call.view, at + itimerspec.offset.it_value, value);
}

export const TIMER_HANDLERS: Handlers<Task> = {
  getitimer: (task, which, address) => {
    const timer = task.group.itimers.get(which);
    if (timer === undefined) return -EINVAL;
    writeInterval(task, address, timer.get());
    return 0;
  },

  setitimer: (task, which, setting, old) => {
    let [value, interval] = [0, 0];
    if (setting !== 0) {
      if (!task.call.inComplete(0, itimerval.size)) return -EFAULT;
      interval = readTimeval(task.call.view, task.call.base + WINDOW + itimerval.offset.it_interval);
      value = readTimeval(task.call.view, task.call.base + WINDOW + itimerval.offset.it_value);
      if (interval < 0 || value < 0) return -EINVAL;
    }
    const timer = task.group.itimers.get(which);
    if (timer === undefined) return -EINVAL;
    const before = timer.get();
    timer.set({ value, interval });
    if (old !== 0) writeInterval(task, old, before);
    return 0;
  },

  alarm: (task, seconds) => {
    const timer = task.group.itimers.get(T.ITIMER_REAL)!;
    const before = timer.get();
    timer.set({ value: (seconds >>> 0) * T.NSEC_PER_SEC, interval: 0 });
    return wholeSeconds(before.value);
  },

  timer_create: (task, clock, event, address) => createTimer(task, clock, event !== 0, address),

  timer_settime: (task, id, flags, setting, old) => {
    if (setting === 0) return -EINVAL;
    if (!task.call.inComplete(0, itimerspec.size)) return -EFAULT;
    const at = task.call.base + WINDOW;
    const interval = readTimespec(task.call.view, at + itimerspec.offset.it_interval);
    const value = readTimespec(task.call.view, at + TIMESPEC_SIZE);
    if (interval < 0 || value < 0) return -EINVAL;
    const timer = task.group.posixTimers.get(id);
    if (timer === undefined) return -EINVAL;
    const before = timer.get();
    const now = timer.clock.now();
    // An absolute time is a time of the clock that was asked for; the one it counts on may be another.
    const elapsed = WALL.has(timer.clockId) ? clockNs(task.kernel, timer.clockId) : now;
    const absolute = (flags & T.TIMER_ABSTIME) !== 0;
    timer.set(value === 0 ? -1 : Math.max(0, now + value - (absolute ? elapsed : 0)), interval);
    if (old !== 0) writeSetting(task, old, before);
    return 0;
  },

  timer_gettime: (task, id, address) => {
    const timer = task.group.posixTimers.get(id);
    if (timer === undefined) return -EINVAL;
    writeSetting(task, address, timer.get());
    return 0;
  },

  timer_getoverrun: (task, id) => task.group.posixTimers.get(id)?.overrun ?? -EINVAL,

  timer_delete: (task, id) => {
    const timer = task.group.posixTimers.get(id);
    if (timer === undefined) return -EINVAL;
    task.group.posixTimers.delete(timer);
    return 0;
  },
};
