// POSIX timers of a thread group (timer_create(2)). A timer whose signal waits to be taken does not run;
// when it is taken, the intervals that have passed meanwhile are its overrun.

import { EAGAIN } from "../../shared/abi/errno.ts";
import { RLIMIT_SIGPENDING } from "../../shared/abi/resource.ts";
import { SI_TIMER, SIGEV_NONE } from "../../shared/abi/signal.ts";
import type { Word64 } from "../../shared/abi/struct.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { nextDeadline, type TimerSetting } from "./interval_timers.ts";
import type { Armed, TimerClock } from "./timer_clocks.ts";

const OVERRUN_MAX = 0x7fffffff;
/** A timer whose signal is ignored goes on no faster than this. */
const IGNORED_NS = 1e7;

/** Whom a timer tells, and what (struct sigevent). */
export interface Notification {
  /** SIGEV_* */
  readonly notify: number;
  readonly signo: number;
  /** Null: the timer's number. */
  readonly value: Word64 | null;
  /** SIGEV_THREAD_ID: the task; null: the group. */
  readonly task: Task | null;
}

class PosixTimer {
  readonly id: number;
  readonly #group: ThreadGroup;
  /** The clock that it counts on; absolute times are converted by whoever sets it. */
  readonly clock: TimerClock;
  /** CLOCK_*, as it was asked for. */
  readonly clockId: number;
  readonly #notification: Notification;
  #deadline = 0;
  #interval = 0;
  #running = false;
  #armed: Armed | null = null;
  #queued: SigInfo | null = null;
  overrun = 0;

  constructor(
    group: ThreadGroup,
    id: number,
    clockId: number,
    clock: TimerClock,
    notification: Notification,
  ) {
    this.#group = group;
    this.id = id;
    this.clockId = clockId;
    this.clock = clock;
    this.#notification = notification;
  }

  get(): TimerSetting {
    let value = 0;
    if (this.#running) {
      const now = this.clock.now();
      const passed = this.#deadline <= now && this.#interval !== 0;
      const next = passed ? nextDeadline(this.#deadline, this.#interval, now) : this.#deadline;
      if (next > now) value = next - now;
      else if (this.#armed !== null) value = 1; // about to expire
    }
    return { value, interval: this.#interval };
  }

  /** Starts it at a time of its clock; -1 stops it. */
  set(deadline: number, interval: number): void {
    this.stop();
    this.#interval = deadline < 0 ? 0 : interval;
    this.#deadline = deadline;
    this.#running = deadline >= 0;
    this.overrun = 0;
    if (this.#running) this.#arm();
  }

  stop(): void {
    this.#armed?.cancel();
    this.#armed = null;
    this.#running = false;
    // A signal that is queued already belongs to what the timer was: it is dropped when it is taken.
    this.#queued = null;
  }

  #arm(): void {
    if (this.#notification.notify !== SIGEV_NONE)
      this.#armed = this.clock.arm(this.#deadline, () => this.#expire());
  }

  #expire(): void {
    this.#armed = null;
    const { signo, value, task } = this.#notification;
    const info: SigInfo = {
      signo,
      code: SI_TIMER,
      value: value ?? { lo: this.id, hi: 0 },
      timer: { id: this.id, overrun: 0 },
    };
    this.#queued = info;
    if (this.#interval === 0) this.#running = false;
    if (task !== null) task.send(info);
    else this.#group.send(info);
    const queue = task === null ? this.#group.pending : task.pending;
    if (this.#queued !== info || queue.holds(info)) return;
    // Nobody takes it.
    this.#queued = null;
    if (this.#interval === 0) return;
    const now = this.clock.now();
    this.#deadline = nextDeadline(this.#deadline, this.#interval, now + IGNORED_NS);
    this.#arm();
  }

  /** Its signal is taken: what the taker gets, or null for one that does not count any more. */
  taken(info: SigInfo): SigInfo | null {
    if (this.#queued !== info) return null;
    this.#queued = null;
    this.overrun = 0;
    if (this.#interval !== 0) {
      const now = this.clock.now();
      this.overrun = Math.min(OVERRUN_MAX, Math.floor(Math.max(0, now - this.#deadline) / this.#interval));
      this.#deadline = nextDeadline(this.#deadline, this.#interval, now);
      this.#arm();
    }
    return { ...info, timer: { id: this.id, overrun: this.overrun } };
  }
}

export class PosixTimers {
  readonly #group: ThreadGroup;
  readonly #timers = new Map<number, PosixTimer>();
  #nextId = 0;

  constructor(group: ThreadGroup) {
    this.#group = group;
  }

  /** A new timer, or -EAGAIN. */
  create(clockId: number, clock: TimerClock, notification: Notification): PosixTimer | number {
    const { counters, heap } = this.#group.kernel;
    if (this.#timers.size >= this.#group.rlimits[RLIMIT_SIGPENDING]![0]) return -EAGAIN;
    if (!heap.hasRoom("posixTimers")) return -EAGAIN;
    counters.posixTimers++;
    while (this.#timers.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0x7fffffff;
    const timer = new PosixTimer(this.#group, this.#nextId, clockId, clock, notification);
    this.#nextId = (this.#nextId + 1) & 0x7fffffff;
    this.#timers.set(timer.id, timer);
    return timer;
  }

  get(id: number): PosixTimer | undefined {
    return this.#timers.get(id);
  }

  delete(timer: PosixTimer): void {
    timer.stop();
    if (this.#timers.delete(timer.id)) this.#group.kernel.counters.posixTimers--;
  }

  /** exec and exit. */
  deleteAll(): void {
    for (const timer of [...this.#timers.values()]) this.delete(timer);
  }
}
