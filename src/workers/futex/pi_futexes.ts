// Futexes with priority inheritance that somebody holds and others wait for. Nobody's priority changes, since the host
// schedules; what is kept is who gets the lock: the highest priority first, then who came first.
//
// Calls on one futex take turns (Linux's hash bucket lock), so that word and queue agree at every step.

import type { Call } from "../call/call.ts";

/** A task, as locks know it. */
interface Locker {
  readonly call: Call;
  readonly tid: number;
  readonly realtimePriority: number;
}

export interface PiWaiter {
  readonly task: Locker;
  /** The lock is its own: the word says so already, or the owner died, and it has to take it itself. */
  granted: "no" | "handed over" | "owner died";
  /** It sleeps; before that it still changes the word. */
  asleep: boolean;
  timedOut: boolean;
}

/** One futex that somebody waits for or works at. */
export class PiFutex {
  readonly key: string;
  readonly waiters: PiWaiter[] = [];
  /** Who holds the lock, while somebody waits for it. */
  owner: Locker | null = null;
  busy = false;
  /** Calls that wait for their turn. */
  readonly pending: (() => void)[] = [];

  constructor(key: string) {
    this.key = key;
  }

  get first(): PiWaiter | undefined {
    let best = this.waiters[0];
    for (const waiter of this.waiters)
      if (waiter.task.realtimePriority > best!.task.realtimePriority) best = waiter;
    return best;
  }

  has(waiter: PiWaiter): boolean {
    return this.waiters.includes(waiter);
  }

  remove(waiter: PiWaiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
  }
}

export class PiFutexes {
  readonly #futexes = new Map<string, PiFutex>();
  /** What a task waits for, and what it owns that others wait for. */
  readonly #waiting = new Map<Locker, PiFutex>();
  readonly #owned = new Map<Locker, Set<PiFutex>>();

  /** Futexes, tasks that wait for one, and tasks that own one: for counters. */
  get size(): number {
    return this.#futexes.size + this.#waiting.size + this.#owned.size;
  }

  /** Waits for the caller's turn at a futex; give() ends it. */
  *take(task: Locker, key: string): Generator<void, PiFutex, void> {
    let futex = this.#futexes.get(key);
    if (futex === undefined) {
      futex = new PiFutex(key);
      this.#futexes.set(key, futex);
    }
    if (!futex.busy) {
      futex.busy = true;
      return futex;
    }
    let mine = false;
    let entered = false;
    const turn = () => {
      mine = true;
      task.call.completeWait(0);
    };
    futex.pending.push(turn);
    try {
      // No signal ends this wait: who has the turn gives it back soon, or dies.
      while (!mine) {
        task.call.replyBlocked();
        yield;
      }
      entered = true;
    } finally {
      if (!entered && mine) this.give(futex);
      else if (!entered) futex.pending.splice(futex.pending.indexOf(turn), 1);
    }
    return futex;
  }

  give(futex: PiFutex): void {
    const next = futex.pending.shift();
    if (next !== undefined) next();
    else {
      futex.busy = false;
      this.#forgetUnused(futex);
    }
  }

  #forgetUnused(futex: PiFutex): void {
    if (futex.busy || futex.waiters.length > 0) return;
    this.setOwner(futex, null);
    this.#futexes.delete(futex.key);
  }

  setOwner(futex: PiFutex, owner: Locker | null): void {
    if (futex.owner !== null) {
      const owned = this.#owned.get(futex.owner);
      owned?.delete(futex);
      if (owned?.size === 0) this.#owned.delete(futex.owner);
    }
    futex.owner = owner;
    if (owner === null) return;
    const owned = this.#owned.get(owner);
    if (owned === undefined) this.#owned.set(owner, new Set([futex]));
    else owned.add(futex);
  }

  add(futex: PiFutex, waiter: PiWaiter, owner: Locker): void {
    futex.waiters.push(waiter);
    this.#waiting.set(waiter.task, futex);
    this.setOwner(futex, owner);
  }

  remove(futex: PiFutex, waiter: PiWaiter): void {
    if (this.#waiting.get(waiter.task) === futex) this.#waiting.delete(waiter.task);
    futex.remove(waiter);
    this.#forgetUnused(futex);
  }

  /** The lock becomes a waiter's. */
  grant(futex: PiFutex, waiter: PiWaiter, how: "handed over" | "owner died"): void {
    waiter.granted = how;
    this.#waiting.delete(waiter.task);
    futex.remove(waiter);
    this.setOwner(futex, futex.waiters.length > 0 ? waiter.task : null);
    if (waiter.asleep) waiter.task.call.completeWait(0);
    this.#forgetUnused(futex);
  }

  /** Whether waiting for `owner` would be waiting for oneself. */
  isDeadlock(task: Locker, owner: Locker): boolean {
    const seen = new Set<Locker>();
    for (let at: Locker | null = owner; at !== null && !seen.has(at); ) {
      if (at === task) return true;
      seen.add(at);
      at = this.#waiting.get(at)?.owner ?? null;
    }
    return false;
  }

  /** A task has ended: what it holds goes to the next ones, which are told (exit_pi_state_list of Linux). */
  ownerGone(task: Locker): void {
    const owned = this.#owned.get(task);
    if (owned === undefined) return;
    for (const futex of [...owned]) {
      const { first } = futex;
      if (first === undefined) this.setOwner(futex, null);
      else this.grant(futex, first, "owner died");
    }
  }
}
