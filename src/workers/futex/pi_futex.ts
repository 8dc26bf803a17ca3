// Futexes with priority inheritance (futex(2), FUTEX_LOCK_PI): the word holds the owner's tid, and the kernel
// hands the lock from owner to waiter. Nobody's priority changes, since the host schedules; what is kept is
// who gets the lock: the highest priority first, then who came first.
//
// Calls on one futex take turns (Linux's hash bucket lock), so that word and queue agree at every step.

import { EAGAIN, EDEADLK, EFAULT, EPERM, ERESTARTNOINTR, ESRCH, ETIMEDOUT } from "../../shared/abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from "../../shared/abi/futex.ts";
import type { Coroutine } from "../call/call.ts";
import type { Timer } from "../call/timers.ts";
import type { Kernel } from "../kernel.ts";
import type { Task } from "../process/task.ts";
import { exchangeWord, keyOf, loadWord } from "./futex_word.ts";

interface PiWaiter {
  readonly task: Task;
  /** The lock is its own: the word says so already, or the owner died, and it has to take it itself. */
  granted: "no" | "handed over" | "owner died";
  /** It sleeps; before that it still changes the word. */
  asleep: boolean;
  timedOut: boolean;
}

/** One futex that somebody waits for or works at. */
class PiFutex {
  readonly key: string;
  readonly waiters: PiWaiter[] = [];
  /** Who holds the lock, while somebody waits for it. */
  owner: Task | null = null;
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
  readonly #waiting = new Map<Task, PiFutex>();
  readonly #owned = new Map<Task, Set<PiFutex>>();

  /** Waits for the caller's turn at a futex; give() ends it. */
  *take(task: Task, key: string): Generator<void, PiFutex, void> {
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

  setOwner(futex: PiFutex, owner: Task | null): void {
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

  add(futex: PiFutex, waiter: PiWaiter, owner: Task): void {
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
  isDeadlock(task: Task, owner: Task): boolean {
    const seen = new Set<Task>();
    for (let at: Task | null = owner; at !== null && !seen.has(at); ) {
      if (at === task) return true;
      seen.add(at);
      at = this.#waiting.get(at)?.owner ?? null;
    }
    return false;
  }

  /** A task has ended: what it holds goes to the next ones, which are told (exit_pi_state_list of Linux). */
  ownerGone(task: Task): void {
    const owned = this.#owned.get(task);
    if (owned === undefined) return;
    for (const futex of [...owned]) {
      const { first } = futex;
      if (first === undefined) this.setOwner(futex, null);
      else this.grant(futex, first, "owner died");
    }
  }
}

function livingTask(kernel: Kernel, tid: number): Task | undefined {
  const task = kernel.pids.task(tid);
  return task === undefined || task.dead || task.group.exiting ? undefined : task;
}

/**
 * FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI: 0, or a negative errno. The deadline is on CLOCK_MONOTONIC; 0: does
 * not wait.
 */
export function* lockPi(task: Task, address: number, isPrivate: boolean, deadlineNs: number): Coroutine {
  const { pi } = task.kernel.futexes;
  const key = keyOf(task.stub.space, address, isPrivate);
  if (key === null) return -EFAULT;
  let inherits = false;
  for (;;) {
    const waiter: PiWaiter = { task, granted: "no", asleep: false, timedOut: false };
    const futex = yield* pi.take(task, key);
    try {
      const result = yield* acquire(task, futex, waiter, address, deadlineNs > 0, inherits);
      if (result <= 0) return result;
    } finally {
      pi.give(futex);
    }
    const result = yield* sleep(task, futex, waiter, deadlineNs);
    if (result <= 0) return result;
    inherits = true;
  }
}

/**
 * Takes the lock, or queues for it: 0, a negative errno, or 1 when the task has to wait. Who `inherits` takes
 * it from an owner that is no more.
 */
function* acquire(
  task: Task,
  futex: PiFutex,
  waiter: PiWaiter,
  address: number,
  waits: boolean,
  inherits: boolean,
): Coroutine {
  const { pi } = task.kernel.futexes;
  for (;;) {
    const word = yield* loadWord(task, address);
    if (word === null) return -EFAULT;
    const tid = word & FUTEX_TID_MASK;
    if (tid === task.tid) return -EDEADLK;
    const owner = tid === 0 ? undefined : livingTask(task.kernel, tid);
    if (owner === undefined && (tid === 0 || inherits)) {
      const waiters = futex.waiters.length > 0 ? FUTEX_WAITERS : 0;
      const died = inherits ? FUTEX_OWNER_DIED : word & FUTEX_OWNER_DIED;
      const mine = task.tid | died | waiters;
      const done = yield* exchangeWord(task, address, word, mine);
      if (done === null) return -EFAULT;
      if (!done) continue;
      if (futex.waiters.length > 0) pi.setOwner(futex, task);
      return 0;
    }
    if (!waits) return -EAGAIN;
    if (owner === undefined) return -ESRCH;
    if (pi.isDeadlock(task, owner)) return -EDEADLK;
    if ((word & FUTEX_WAITERS) === 0) {
      const done = yield* exchangeWord(task, address, word, word | FUTEX_WAITERS);
      if (done === null) return -EFAULT;
      if (!done) continue;
      // The owner may have ended while its mark was set; then nobody hands the lock over.
      if (livingTask(task.kernel, tid) !== owner) return -ESRCH;
    }
    pi.add(futex, waiter, owner);
    return 1;
  }
}

/** Waits for its turn as the owner: 0, a negative errno, or 1 when the owner died and it has to try again. */
function* sleep(task: Task, futex: PiFutex, waiter: PiWaiter, deadlineNs: number): Coroutine {
  const { futexes, timers } = task.kernel;
  const { pi } = futexes;
  let timer: Timer | null = null;
  let settled = false;
  try {
    if (Number.isFinite(deadlineNs))
      timer = timers.add(deadlineNs, () => {
        waiter.timedOut = true;
        task.call.completeWait(0);
      });
    let interrupted = false;
    if (waiter.granted === "no") {
      waiter.asleep = true;
      task.call.waiter = { cancel: () => {} };
      interrupted = yield* task.call.wait();
      waiter.asleep = false;
    }
    if (waiter.granted === "no") {
      // Somebody may be about to hand it over: only in turn is it certain.
      const turn = yield* pi.take(task, futex.key);
      if (waiter.granted === "no") pi.remove(futex, waiter);
      pi.give(turn);
    }
    settled = true;
    if (waiter.granted === "owner died") return 1;
    if (waiter.granted !== "no") return 0;
    return waiter.timedOut && !interrupted ? -ETIMEDOUT : -ERESTARTNOINTR;
  } finally {
    if (timer !== null) timers.cancel(timer);
    if (!settled) {
      // The task ends here: what it was given goes on to the next.
      pi.remove(futex, waiter);
      if (waiter.granted !== "no") pi.ownerGone(task);
    }
  }
}

/** FUTEX_UNLOCK_PI: 0 or a negative errno. */
export function* unlockPi(task: Task, address: number, isPrivate: boolean): Coroutine {
  const { pi } = task.kernel.futexes;
  const key = keyOf(task.stub.space, address, isPrivate);
  if (key === null) return -EFAULT;
  const futex = yield* pi.take(task, key);
  try {
    for (;;) {
      const word = yield* loadWord(task, address);
      if (word === null) return -EFAULT;
      if ((word & FUTEX_TID_MASK) !== task.tid) return -EPERM;
      const next = futex.first;
      const desired = next === undefined ? 0 : next.task.tid | FUTEX_WAITERS;
      const done = yield* exchangeWord(task, address, word, desired);
      if (done === null) return -EFAULT;
      if (!done) continue;
      if (next === undefined) return 0;
      if (futex.has(next)) {
        pi.grant(futex, next, "handed over");
        return 0;
      }
      // It died meanwhile: the lock is free again, or another's.
      const after = futex.first;
      if (after === undefined) yield* exchangeWord(task, address, desired, FUTEX_OWNER_DIED);
      else pi.grant(futex, after, "owner died");
      return 0;
    }
  } finally {
    pi.give(futex);
  }
}
