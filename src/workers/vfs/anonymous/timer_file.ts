// timerfd_create(2): a timer whose expirations are read as a number. After an expiration nothing more
// happens until somebody looks; then the intervals that have passed since are counted at once.

import { EAGAIN, EINVAL } from "../../../shared/abi/errno.ts";
import { O_RDWR } from "../../../shared/abi/fcntl.ts";
import { POLLIN } from "../../../shared/abi/poll.ts";
import { write64 } from "../../../shared/abi/struct.ts";
import { NSEC_PER_SEC } from "../../../shared/abi/time.ts";
import { deadlineOf } from "../../call/clocks.ts";
import type { Timer } from "../../call/timers.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import { AnonymousFile } from "./anonymous_file.ts";

const SIZE = 8;

/** What is left of a timer and its interval, in nanoseconds; 0: disarmed. */
export interface TimerState {
  readonly value: number;
  readonly interval: number;
}

function split(ns: number): string {
  return `${Math.floor(ns / NSEC_PER_SEC)}, ${ns % NSEC_PER_SEC}`;
}

export class TimerFile extends AnonymousFile {
  protected readonly kind = "[timerfd]";
  readonly #clock: number;
  #timer: Timer | null = null;
  /** On CLOCK_MONOTONIC. */
  #deadlineNs = 0;
  #interval = 0;
  #expired = false;
  #ticks = 0;
  #absolute = false;

  constructor(kernel: VfsContext, clock: number, status: number) {
    super(kernel, O_RDWR | status);
    this.#clock = clock;
  }

  set(value: number, interval: number, absolute: boolean): void {
    this.#disarm();
    this.#absolute = absolute;
    this.#interval = interval;
    this.#expired = false;
    this.#ticks = 0;
    if (value === 0) return;
    const { native } = this.kernel;
    this.#deadlineNs = absolute ? deadlineOf(this.kernel, this.#clock, value) : native.monotonicNs() + value;
    this.#arm();
  }

  get(): TimerState {
    this.#catchUp();
    const left = this.#timer === null ? 0 : this.#deadlineNs - this.kernel.native.monotonicNs();
    return { value: this.#timer === null ? 0 : Math.max(1, left), interval: this.#interval };
  }

  override info(): Iterable<string> {
    const { value, interval } = this.get();
    const [flags, left, each] = [Number(this.#absolute), split(value), split(interval)];
    const head = `clockid: ${this.#clock}\nticks: ${this.#ticks}\nsettime flags: 0${flags}\n`;
    return [`${head}it_value: (${left})\nit_interval: (${each})\n`];
  }

  #arm(): void {
    this.#timer = this.kernel.timers.add(this.#deadlineNs, () => {
      this.#timer = null;
      this.#expired = true;
      this.#ticks++;
      this.waiters.wake(POLLIN);
    });
  }

  #disarm(): void {
    if (this.#timer !== null) this.kernel.timers.cancel(this.#timer);
    this.#timer = null;
  }

  // Counts the intervals that have passed since the expiration, and waits for the next one.
  #catchUp(): void {
    if (!this.#expired || this.#interval === 0) return;
    this.#expired = false;
    const passed = Math.max(
      1,
      Math.floor((this.kernel.native.monotonicNs() - this.#deadlineNs) / this.#interval) + 1,
    );
    this.#ticks += passed - 1;
    this.#deadlineNs += passed * this.#interval;
    this.#arm();
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    if (length < SIZE) return -EINVAL;
    if (this.#ticks === 0) return -EAGAIN;
    this.#catchUp();
    write64(task.call.view, task.call.base + offset, this.#ticks);
    this.#ticks = 0;
    this.#expired = false;
    return SIZE;
  }

  poll(): number {
    return this.#ticks > 0 ? POLLIN : 0;
  }

  override release(): void {
    this.#disarm();
  }
}
