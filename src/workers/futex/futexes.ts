// The queues of futexes (futex(2)), by key. A private futex is keyed by address space and address; a shared one by the
// object that is mapped there and the offset in it, so that processes meet.

import type { Call } from "../call/call.ts";
import { PiFutexes } from "./pi_futexes.ts";

export class FutexWaiter {
  readonly call: Call;
  readonly bitset: number;
  queue: FutexQueue | null = null;
  woken = false;
  timedOut = false;
  /** The task's coroutine waits for the wake-up; before that it still reads the word. */
  asleep = false;

  constructor(call: Call, bitset: number) {
    this.call = call;
    this.bitset = bitset;
  }
}

/** Waiters of one key, in the order in which they came. */
class FutexQueue {
  readonly key: string;
  readonly waiters = new Set<FutexWaiter>();

  constructor(key: string) {
    this.key = key;
  }
}

/** All futexes of a kernel. */
export class Futexes {
  readonly #queues = new Map<string, FutexQueue>();
  readonly #counters: { futexQueues: number };
  readonly pi = new PiFutexes();

  constructor(counters: { futexQueues: number }) {
    this.#counters = counters;
  }

  /** Of all queues: for counters. */
  get waiters(): number {
    let waiters = 0;
    for (const queue of this.#queues.values()) waiters += queue.waiters.size;
    return waiters;
  }

  add(key: string, waiter: FutexWaiter): void {
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new FutexQueue(key);
      this.#queues.set(key, queue);
      this.#counters.futexQueues++;
    }
    queue.waiters.add(waiter);
    waiter.queue = queue;
  }

  /** From the queue that it waits in by now: it may have been moved. */
  remove(waiter: FutexWaiter): void {
    const queue = waiter.queue;
    waiter.queue = null;
    if (queue === null) return;
    queue.waiters.delete(waiter);
    this.#dropIfEmpty(queue);
  }

  #dropIfEmpty(queue: FutexQueue): void {
    if (queue.waiters.size > 0 || this.#queues.get(queue.key) !== queue) return;
    this.#queues.delete(queue.key);
    this.#counters.futexQueues--;
  }

  wake(key: string, count: number, bitset: number): number {
    const queue = this.#queues.get(key);
    if (queue === undefined) return 0;
    let woken = 0;
    for (const waiter of queue.waiters) {
      if (woken >= count) break;
      if ((waiter.bitset & bitset) === 0) continue;
      woken++;
      queue.waiters.delete(waiter);
      waiter.queue = null;
      waiter.woken = true;
      if (waiter.asleep) waiter.call.completeWait(0);
    }
    this.#dropIfEmpty(queue);
    return woken;
  }

  requeue(from: string, to: string, count: number): number {
    const queue = this.#queues.get(from);
    if (queue === undefined || from === to) return 0;
    let moved = 0;
    for (const waiter of queue.waiters) {
      if (moved >= count) break;
      moved++;
      queue.waiters.delete(waiter);
      this.add(to, waiter);
    }
    this.#dropIfEmpty(queue);
    return moved;
  }
}
