// Locks with priority inheritance (futex(2), FUTEX_LOCK_PI and its relatives): the word holds the owner's tid, and
// the kernel hands the lock from owner to waiter.

import { EAGAIN, EDEADLK, EFAULT, EPERM, ERESTARTNOINTR, ESRCH, ETIMEDOUT } from "../../shared/abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from "../../shared/abi/futex.ts";
import type { Coroutine } from "../call/call.ts";
import type { Timer } from "../call/timers.ts";
import type { Task } from "../process/task.ts";
import { exchangeWord, keyOf, loadWord } from "./futex_word.ts";
import type { PiFutex, PiWaiter } from "./pi_futexes.ts";

function livingTask({ pids }: Task, tid: number): Task | undefined {
  const task = pids.task(tid);
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
    const owner = tid === 0 ? undefined : livingTask(task, tid);
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
    if ((word & FUTEX_WAITERS) === 0) {
      const done = yield* exchangeWord(task, address, word, word | FUTEX_WAITERS);
      if (done === null) return -EFAULT;
      if (!done) continue;
      // The owner may have ended while its mark was set; then nobody hands the lock over.
      if (livingTask(task, tid) !== owner) return -ESRCH;
    }
    // In one step with joining those who wait: of two who cross, one has to see the other.
    if (pi.isDeadlock(task, owner)) return -EDEADLK;
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
