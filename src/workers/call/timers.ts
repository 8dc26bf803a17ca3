// A kernel thread's timers: a binary heap over deadlines in nanoseconds of CLOCK_MONOTONIC. The
// earliest deadline bounds the thread's sleep. Cancelling marks; marked entries leave with the heap.

import type { LongTurns } from "./long_turns.ts";

/** Timers that expire before requests are looked at again. */
const EXPIRED_AT_ONCE = 64;

export class Timer {
  readonly deadlineNs: number;
  readonly onExpire: () => void;
  cancelled = false;

  constructor(deadlineNs: number, onExpire: () => void) {
    this.deadlineNs = deadlineNs;
    this.onExpire = onExpire;
  }
}

export class Timers {
  readonly #heap: Timer[] = [];
  #cancelled = 0;

  /** Number of timers that can still expire. */
  get armed(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(deadlineNs: number, onExpire: () => void): Timer {
    const timer = new Timer(deadlineNs, onExpire);
    const heap = this.#heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (heap[parent]!.deadlineNs <= deadlineNs) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
    return timer;
  }

  cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    this.#cancelled++;
    // A guest that sets and cancels for ever must not grow the heap.
    if (this.#cancelled > 64 && this.#cancelled > this.#heap.length >>> 1) this.#compact();
  }

  /** The earliest deadline, or Infinity. */
  nextDeadlineNs(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.cancelled) {
      this.#cancelled--;
      this.#pop();
    }
    return this.#heap.length > 0 ? this.#heap[0]!.deadlineNs : Number.POSITIVE_INFINITY;
  }

  /** Runs what is due at nowNs, or some of it, and the rest at the next call; returns how many expired. */
  expire(nowNs: number, turns: LongTurns): number {
    let expired = 0;
    while (expired < EXPIRED_AT_ONCE && this.nextDeadlineNs() <= nowNs) {
      const timer = this.#pop();
      timer.cancelled = true;
      turns.nr = -1;
      timer.onExpire();
      turns.end("timer", timer.onExpire);
      expired++;
    }
    return expired;
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(0, last);
    return top;
  }

  #sink(from: number, timer: Timer): void {
    const heap = this.#heap;
    let i = from;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.deadlineNs < heap[child]!.deadlineNs) child++;
      if (heap[child]!.deadlineNs >= timer.deadlineNs) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = timer;
  }

  #compact(): void {
    const live = this.#heap.filter((timer) => !timer.cancelled);
    this.#heap.length = 0;
    this.#cancelled = 0;
    for (const timer of live) this.#heap.push(timer);
    for (let i = (live.length >>> 1) - 1; i >= 0; i--) this.#sink(i, this.#heap[i]!);
  }
}
