// adjtimex(2), clock_adjtime(2): how a clock is kept right. Nobody adjusts the clocks of a sandbox, and whether the
// host's are right it does not tell: they are like those of a machine that asks no other for the time.

import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from "../../shared/abi/errno.ts";
import { readI64 } from "../../shared/abi/struct.ts";
import { sizeOf, timex } from "../../shared/abi/structs.ts";
import { CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID } from "../../shared/abi/time.ts";
import {
  ADJ_ADJTIME,
  ADJ_OFFSET_READONLY,
  ADJ_OFFSET_SINGLESHOT,
  ADJ_SETOFFSET,
  STA_UNSYNC,
  TIME_ERROR,
} from "../../shared/abi/timex.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";
import { isReadableClock } from "./time_calls.ts";

const SIZE = sizeOf("timex");
/** Of negative numbers, which name clocks of processes (CPUCLOCK_*) and of devices (CLOCKFD). */
const CLOCK_KIND = 7;
const CLOCK_OF_DEVICE = 3;
/** Of a clock that nobody has set since its machine started (kernel/time/ntp.c): µs, µs a tick, 2^-16 ppm. */
const NEVER_SET = {
  ...timex.read(new DataView(new ArrayBuffer(SIZE)), 0),
  maxerror: 16_000_000,
  esterror: 16_000_000,
  status: STA_UNSYNC,
  constant: 2,
  precision: 1,
  tolerance: 500 << 16,
  tick: 10_000,
};

/** Reads: TIME_ERROR, since it is not synchronized. What would set it: EPERM. */
function adjust(task: Task, address: number): number {
  if (!task.call.inComplete(0, SIZE)) return -EFAULT;
  const { modes } = timex.read(task.call.view, task.call.base + WINDOW);
  if ((modes & ADJ_ADJTIME) !== 0) {
    if ((modes & ADJ_OFFSET_SINGLESHOT) === 0) return -EINVAL;
    if ((modes & ADJ_OFFSET_READONLY) === 0 || (modes & ADJ_SETOFFSET) !== 0) return -EPERM;
  } else if (modes !== 0) return -EPERM;
  const { native } = task.kernel;
  native.clockGettime(CLOCK_REALTIME);
  const time = {
    tv_sec: readI64(native.scratchView, 0),
    tv_usec: Math.floor(readI64(native.scratchView, 8) / 1000),
  };
  timex.write(task.call.view, task.call.out(address, SIZE), { ...NEVER_SET, modes, time });
  return TIME_ERROR;
}

/** Whether there is such a clock, were it that of a process that is not there; those of devices there are none of. */
function isClock(clock: number): boolean {
  if (clock < 0) return (clock & CLOCK_KIND) !== CLOCK_OF_DEVICE;
  return isReadableClock(clock) || clock === CLOCK_PROCESS_CPUTIME_ID || clock === CLOCK_THREAD_CPUTIME_ID;
}

export const ADJUST_HANDLERS: Handlers<Task> = {
  adjtimex: (task, address) => adjust(task, address),

  clock_adjtime: (task, clock, address) => {
    if (!task.call.inComplete(0, SIZE)) return -EFAULT;
    if (clock === CLOCK_REALTIME) return adjust(task, address);
    return isClock(clock) ? -EOPNOTSUPP : -EINVAL;
  },
};
