// eventfd(2), timerfd_create(2) and its relatives.

import { EBADF, EFAULT, EINVAL, EPERM } from "../../../shared/abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK } from "../../../shared/abi/fcntl.ts";
import { EFD_SEMAPHORE } from "../../../shared/abi/poll.ts";
import { CAP_WAKE_ALARM } from "../../../shared/abi/prctl.ts";
import { itimerspec } from "../../../shared/abi/structs.ts";
import * as T from "../../../shared/abi/time.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import { readTimespec, TIMESPEC_SIZE, writeTimespec } from "../../call/clocks.ts";
import type { Handlers } from "../../call/dispatch.ts";
import { capable } from "../../credentials/credentials.ts";
import type { VfsCaller } from "../caller.ts";
import { install } from "../install.ts";
import { EventFile } from "./event_file.ts";
import { TimerFile, type TimerState } from "./timer_file.ts";

const TIMER_CLOCKS = new Set([T.CLOCK_REALTIME, T.CLOCK_MONOTONIC, T.CLOCK_BOOTTIME]);
const ALARM_CLOCKS = new Set([T.CLOCK_REALTIME_ALARM, T.CLOCK_BOOTTIME_ALARM]);

function eventfd(task: VfsCaller, initial: number, flags: number): number {
  if ((flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = new EventFile(task.kernel, initial, flags, flags & O_NONBLOCK);
  return install(task, file, (flags & O_CLOEXEC) !== 0);
}

function timerFile(task: VfsCaller, fd: number): TimerFile | number {
  const file = task.files.get(fd);
  if (file === undefined) return -EBADF;
  return file instanceof TimerFile ? file : -EINVAL;
}

function writeState(task: VfsCaller, address: number, { value, interval }: TimerState): void {
  const at = task.call.out(address, itimerspec.size);
  writeTimespec(task.call.view, at + itimerspec.offset.it_interval, interval);
  writeTimespec(task.call.view, at + itimerspec.offset.it_value, value);
}

export const EVENT_HANDLERS: Handlers<VfsCaller> = {
  eventfd: (task, initial) => eventfd(task, initial, 0),
  eventfd2: (task, initial, flags) => eventfd(task, initial, flags),

  timerfd_create: (task, clock, flags) => {
    if ((flags & ~(T.TFD_CLOEXEC | T.TFD_NONBLOCK)) !== 0) return -EINVAL;
    if (ALARM_CLOCKS.has(clock)) {
      if (!capable(task.credentials, task.kernel.users.initial, CAP_WAKE_ALARM)) return -EPERM;
    } else if (!TIMER_CLOCKS.has(clock)) return -EINVAL;
    const file = new TimerFile(task.kernel, clock, flags & T.TFD_NONBLOCK);
    return install(task, file, (flags & T.TFD_CLOEXEC) !== 0);
  },

  timerfd_settime: (task, fd, flags, _new, old) => {
    if (!task.call.inComplete(0, itimerspec.size)) return -EFAULT;
    const at = task.call.base + WINDOW;
    const interval = readTimespec(task.call.view, at + itimerspec.offset.it_interval);
    const value = readTimespec(task.call.view, at + TIMESPEC_SIZE);
    if ((flags & ~(T.TFD_TIMER_ABSTIME | T.TFD_TIMER_CANCEL_ON_SET)) !== 0) return -EINVAL;
    if (interval < 0 || value < 0) return -EINVAL;
    const file = timerFile(task, fd);
    if (typeof file === "number") return file;
    const before = file.get();
    file.set(value, interval, (flags & T.TFD_TIMER_ABSTIME) !== 0);
    if (old !== 0) writeState(task, old, before);
    return 0;
  },

  timerfd_gettime: (task, fd, address) => {
    const file = timerFile(task, fd);
    if (typeof file === "number") return file;
    writeState(task, address, file.get());
    return 0;
  },
};
