// The three interval timers of a thread group (setitimer(2)). The real one goes on when its SIGALRM is
// taken, so that a group that does not take it costs nothing.

import { SI_KERNEL, SIGALRM, SIGPROF, SIGVTALRM } from "../../shared/abi/signal.ts";
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL } from "../../shared/abi/time.ts";
import { threadTimeNs } from "../platform/thread_time.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { recentGroupCpuTime, total } from "./cpu_time.ts";
import { type Armed, CpuClock, type TimerClock, WallClock } from "./timer_clocks.ts";

/** Nanoseconds; a value of 0: disarmed. */
export interface TimerSetting {
  readonly value: number;
  readonly interval: number;
}

/** The first time after `now` at which a timer that was due at `deadline` is due again. */
export function nextDeadline(deadline: number, interval: number, now: number): number {
  return deadline + (Math.floor(Math.max(0, now - deadline) / interval) + 1) * interval;
}

/** Threads that are looked at for a signal. */
const CANDIDATES = 16;

class IntervalTimer {
  readonly #group: ThreadGroup;
  readonly #clock: TimerClock;
  readonly #signo: number;
  #deadline = 0;
  #interval = 0;
  #turn = 0;
  /** Time of threads that signals have been for, of those that were looked at. */
  #told = new WeakMap<Task, number>();
  #armed: Armed | null = null;

  constructor(group: ThreadGroup, clock: TimerClock, signo: number) {
    this.#group = group;
    this.#clock = clock;
    this.#signo = signo;
  }

  get(): TimerSetting {
    const value = this.#armed === null ? 0 : Math.max(1000, this.#deadline - this.#clock.now());
    return { value, interval: this.#interval };
  }

  set({ value, interval }: TimerSetting): void {
    this.stop();
    this.#interval = value === 0 ? 0 : interval;
    if (value === 0) return;
    this.#deadline = this.#clock.now() + value;
    this.#arm();
  }

  stop(): void {
    this.#armed?.cancel();
    this.#armed = null;
  }

  /** Its signal was taken, or another of that number. */
  taken(): void {
    if (this.#armed !== null || this.#interval === 0) return;
    this.#goOn();
  }

  #goOn(): void {
    this.#deadline = nextDeadline(this.#deadline, this.#interval, this.#clock.now());
    this.#arm();
  }

  // The time was used up by threads that run: of some of them the one with the most that no signal has been
  // for yet, as on Linux, where the thread that runs at the tick gets it.
  #hungriest(): Task | null {
    const { tasks } = this.#group;
    const count = Math.min(tasks.length, CANDIDATES);
    let found: Task | null = null;
    let most = -1;
    for (let i = 0; i < count; i++) {
      const task = tasks[this.#turn++ % tasks.length]!;
      if (task.call.owned || task.dead || task.blocked.has(this.#signo)) continue;
      const used = threadTimeNs(this.#group.kernel, task);
      const told = this.#told.get(task) ?? used;
      this.#told.set(task, told);
      if (used - told <= most) continue;
      most = used - told;
      found = task;
    }
    if (found !== null) this.#told.set(found, this.#told.get(found)! + most);
    return found;
  }

  #arm(): void {
    this.#armed = this.#clock.arm(this.#deadline, () => this.#expire());
  }

  #expire(): void {
    this.#armed = null;
    if (this.#signo !== SIGALRM && this.#interval !== 0) this.#goOn();
    const info = { signo: this.#signo, code: SI_KERNEL, pid: 0, uid: 0 };
    const task = this.#signo === SIGALRM ? null : this.#hungriest();
    // To that thread alone: another one that ends a call before it reacts would take what the group has.
    if (task !== null) task.send(info);
    else this.#group.send(info);
  }
}

export class IntervalTimers {
  readonly #timers: readonly IntervalTimer[];

  constructor(group: ThreadGroup) {
    const { kernel } = group;
    const threads = () => group.alive;
    const timers: IntervalTimer[] = [];
    timers[ITIMER_REAL] = new IntervalTimer(group, new WallClock(kernel), SIGALRM);
    timers[ITIMER_VIRTUAL] = new IntervalTimer(
      group,
      new CpuClock(kernel, () => recentGroupCpuTime(group).user, threads),
      SIGVTALRM,
    );
    timers[ITIMER_PROF] = new IntervalTimer(
      group,
      new CpuClock(kernel, () => total(recentGroupCpuTime(group)), threads),
      SIGPROF,
    );
    this.#timers = timers;
  }

  /** ITIMER_*; undefined for another number. */
  get(which: number): IntervalTimer | undefined {
    return this.#timers[which];
  }

  alarmTaken(): void {
    this.#timers[ITIMER_REAL]!.taken();
  }

  stopAll(): void {
    for (const timer of this.#timers) timer.stop();
  }
}
