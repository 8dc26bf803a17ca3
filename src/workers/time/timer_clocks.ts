// What timers count on: time as it passes, or the CPU time of a task or a thread group. CPU time is
// looked at when it may have been used up at the earliest, so a busy group is looked at often, and
// nothing is done where no such timer is armed.

import type { Timer, Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";

/** Between two looks at CPU time, at least; and at most while none is used. */
const LOOK_NS = 4e6;
const IDLE_LOOK_NS = 64e6;

interface ClockContext {
  readonly native: Native;
  readonly timers: Timers;
}

export interface Armed {
  cancel(): void;
}

export interface TimerClock {
  now(): number;
  /** Calls once when the clock shows `deadlineNs` or later. */
  arm(deadlineNs: number, onExpire: () => void): Armed;
}

/** CLOCK_MONOTONIC. */
export class WallClock implements TimerClock {
  readonly #kernel: ClockContext;

  constructor(kernel: ClockContext) {
    this.#kernel = kernel;
  }

  now(): number {
    return this.#kernel.native.monotonicNs();
  }

  arm(deadlineNs: number, onExpire: () => void): Armed {
    const { timers } = this.#kernel;
    const timer = timers.add(deadlineNs, onExpire);
    return { cancel: () => timers.cancel(timer) };
  }
}

/** CPU time, by a function that reads it; `threads` tells how many may use it up at once. */
export class CpuClock implements TimerClock {
  readonly #kernel: ClockContext;
  readonly #read: () => number;
  readonly #threads: () => number;

  constructor(kernel: ClockContext, read: () => number, threads: () => number) {
    this.#kernel = kernel;
    this.#read = read;
    this.#threads = threads;
  }

  now(): number {
    return this.#read();
  }

  arm(deadlineNs: number, onExpire: () => void): Armed {
    const { timers, native } = this.#kernel;
    let timer: Timer;
    let last = -1;
    let wait = 0;
    const look = () => {
      const used = this.#read();
      const left = deadlineNs - used;
      if (left <= 0) {
        onExpire();
        return;
      }
      const least = used === last ? Math.min(wait * 2, IDLE_LOOK_NS) : LOOK_NS;
      last = used;
      wait = Math.max(least, left / Math.max(1, this.#threads()));
      timer = timers.add(native.monotonicNs() + wait, look);
    };
    timer = timers.add(native.monotonicNs() + 1, look);
    return { cancel: () => timers.cancel(timer) };
  }
}
