// futex(2). FUTEX_WAIT enqueues first and then has the stub read the word, so that no wake-up is lost.

import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOSYS,
  ERESTART_RESTARTBLOCK,
  ERESTARTSYS,
  ETIMEDOUT,
} from "../../shared/abi/errno.ts";
import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMP_REQUEUE,
  FUTEX_LOCK_PI,
  FUTEX_LOCK_PI2,
  FUTEX_OP_CMP_EQ,
  FUTEX_OP_CMP_GE,
  FUTEX_OP_CMP_GT,
  FUTEX_OP_CMP_LE,
  FUTEX_OP_CMP_LT,
  FUTEX_OP_CMP_NE,
  FUTEX_PRIVATE_FLAG,
  FUTEX_REQUEUE,
  FUTEX_TRYLOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
} from "../../shared/abi/futex.ts";
import { CLOCK_REALTIME } from "../../shared/abi/time.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { deadlineOf, NEVER, readTimespec, TIMESPEC_SIZE } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OperationList } from "../call/operation_list.ts";
import type { RestartBlock } from "../call/restart.ts";
import type { Timer } from "../call/timers.ts";
import type { Task } from "../process/task.ts";
import { keyOf, loadWord } from "./futex_word.ts";
import { FutexWaiter } from "./futexes.ts";
import { lockPi, unlockPi } from "./pi_futex.ts";

const CMD_MASK = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

/** Wakes waiters of a word in a task's memory as a thread's end does: those for whom it is shared. */
export function wakeFutex({ kernel, stub }: Task, address: number, count: number): number {
  const key = keyOf(stub.space, address, false);
  return key === null ? 0 : kernel.futexes.wake(key, count, FUTEX_BITSET_MATCH_ANY);
}

function* wait(
  task: Task,
  address: number,
  value: number,
  flags: number,
  bitset: number,
  deadlineNs: number,
): Coroutine {
  const { kernel } = task;
  const key = keyOf(task.stub.space, address, (flags & FUTEX_PRIVATE_FLAG) !== 0);
  if (key === null) return -EFAULT;
  const waiter = new FutexWaiter(task.call, bitset);
  kernel.futexes.add(key, waiter);
  let timer: Timer | null = null;
  try {
    const list = new OperationList(kernel.slots, task.call.slot);
    list.load32(address);
    const read = yield* task.run(list);
    // Who was woken meanwhile has taken that wake-up from the others: it counts, whatever the word says.
    if (waiter.woken) return 0;
    if (!read) return -EFAULT;
    if ((task.call.listResult | 0) !== (value | 0)) return -EAGAIN;
    if (deadlineNs !== Number.POSITIVE_INFINITY) {
      timer = kernel.timers.add(deadlineNs, () => {
        waiter.timedOut = true;
        task.call.completeWait(0);
      });
    }
    waiter.asleep = true;
    task.call.waiter = { cancel: () => {} };
    const interrupted = yield* task.call.wait();
    if (waiter.woken) return 0;
    if (waiter.timedOut) return -ETIMEDOUT;
    if (!interrupted) return 0;
    if (deadlineNs === Number.POSITIVE_INFINITY) return -ERESTARTSYS;
    task.call.restartBlock = { kind: "futex", deadlineNs, address, value, flags, bitset };
    return -ERESTART_RESTARTBLOCK;
  } finally {
    kernel.futexes.remove(waiter);
    if (timer !== null) kernel.timers.cancel(timer);
  }
}

/** Goes on with a wait that a signal without handler interrupted. */
export function restartFutex(task: Task, block: Extract<RestartBlock, { kind: "futex" }>): number {
  return task.call.start(wait(task, block.address, block.value, block.flags, block.bitset, block.deadlineNs));
}

function* waitWithTimeout(
  task: Task,
  address: number,
  value: number,
  op: number,
  bitset: number,
  timeout: number,
): Coroutine {
  const deadline = yield* deadlineIn(task, timeout, op);
  return deadline < 0 ? deadline : yield* wait(task, address, value, op, bitset, deadline);
}

/** What the timespec of a call means on CLOCK_MONOTONIC: FUTEX_WAIT alone gives a duration. */
function* deadlineIn(task: Task, timeout: number, op: number): Coroutine {
  if (timeout === 0) return NEVER;
  task.call.outAt(timeout, TIMESPEC_SIZE, L.WINDOW);
  if ((yield* task.call.copyInRound()) < TIMESPEC_SIZE) return -EFAULT;
  const given = readTimespec(task.call.view, task.call.base + L.WINDOW);
  if (given < 0) return given;
  const { kernel } = task;
  const command = op & CMD_MASK;
  if (command === FUTEX_WAIT) return kernel.native.monotonicNs() + given;
  const real = command === FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME) !== 0;
  return real ? deadlineOf(kernel, CLOCK_REALTIME, given) : given;
}

function* lockPiWithTimeout(task: Task, address: number, op: number, timeout: number): Coroutine {
  const deadline = yield* deadlineIn(task, timeout, op);
  if (deadline < 0) return deadline;
  return yield* lockPi(task, address, (op & FUTEX_PRIVATE_FLAG) !== 0, Math.max(1, deadline));
}

function* cmpRequeue(
  task: Task,
  from: number,
  to: number,
  op: number,
  wakeCount: number,
  moveCount: number,
  expected: number | null,
): Coroutine {
  if (wakeCount < 0 || moveCount < 0) return -EINVAL;
  if (expected !== null) {
    const value = yield* loadWord(task, from);
    if (value === null) return -EFAULT;
    if (value !== (expected | 0)) return -EAGAIN;
  }
  const isPrivate = (op & FUTEX_PRIVATE_FLAG) !== 0;
  const space = task.stub.space;
  const { futexes } = task.kernel;
  const fromKey = keyOf(space, from, isPrivate);
  const toKey = keyOf(space, to, isPrivate);
  if (fromKey === null || toKey === null) return -EFAULT;
  const woken = futexes.wake(fromKey, wakeCount, FUTEX_BITSET_MATCH_ANY);
  return woken + futexes.requeue(fromKey, toKey, moveCount);
}

function compares(old: number, code: number, argument: number): boolean {
  switch (code) {
    case FUTEX_OP_CMP_EQ:
      return old === argument;
    case FUTEX_OP_CMP_NE:
      return old !== argument;
    case FUTEX_OP_CMP_LT:
      return old < argument;
    case FUTEX_OP_CMP_LE:
      return old <= argument;
    case FUTEX_OP_CMP_GT:
      return old > argument;
    case FUTEX_OP_CMP_GE:
      return old >= argument;
    default:
      return false;
  }
}

// The read-modify-write is done by the stub, atomically, with a fix-up.
function* wakeOp(
  task: Task,
  first: number,
  second: number,
  op: number,
  count: number,
  count2: number,
  code: number,
): Coroutine {
  const operation = (code >>> 28) & 7;
  const shift = code >>> 31 !== 0;
  const comparison = (code >>> 24) & 15;
  let operand = (code << 8) >> 20;
  const argument = (code << 20) >> 20;
  if (shift) operand = 1 << (operand & 31);
  if (operation > 4 || comparison > FUTEX_OP_CMP_GE) return -ENOSYS;
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.op32(second, operation, operand);
  if (!(yield* task.run(list))) return -EFAULT;
  const old = task.call.listResult | 0;
  const isPrivate = (op & FUTEX_PRIVATE_FLAG) !== 0;
  const space = task.stub.space;
  const { futexes } = task.kernel;
  const firstKey = keyOf(space, first, isPrivate);
  const secondKey = keyOf(space, second, isPrivate);
  if (firstKey === null || secondKey === null) return -EFAULT;
  let woken = futexes.wake(firstKey, count, FUTEX_BITSET_MATCH_ANY);
  if (compares(old, comparison, argument)) woken += futexes.wake(secondKey, count2, FUTEX_BITSET_MATCH_ANY);
  return woken;
}

export const FUTEX_HANDLERS: Handlers<Task> = {
  futex: (task, address, op, value, timeout, address2, value3) => {
    if (address % 4 !== 0) return -EINVAL;
    if (!isGuestRange(address, 4)) return -EFAULT;
    const command = op & CMD_MASK;
    // The fourth argument is a count for these, not a pointer.
    const count2 = task.call.frame.argumentLow(3);
    switch (command) {
      case FUTEX_WAIT:
        return task.call.start(
          waitWithTimeout(task, address, value, op, FUTEX_BITSET_MATCH_ANY | 0, timeout),
        );
      case FUTEX_WAIT_BITSET:
        if (value3 === 0) return -EINVAL;
        return task.call.start(waitWithTimeout(task, address, value, op, value3, timeout));
      case FUTEX_WAKE:
      case FUTEX_WAKE_BITSET: {
        const bitset = command === FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY | 0 : value3;
        if (bitset === 0) return -EINVAL;
        const key = keyOf(task.stub.space, address, (op & FUTEX_PRIVATE_FLAG) !== 0);
        if (key === null) return -EFAULT;
        return task.kernel.futexes.wake(key, Math.max(value, 1), bitset);
      }
      case FUTEX_REQUEUE:
        return task.call.start(cmpRequeue(task, address, address2, op, value, count2, null));
      case FUTEX_CMP_REQUEUE:
        return task.call.start(cmpRequeue(task, address, address2, op, value, count2, value3));
      case FUTEX_WAKE_OP:
        if (address2 % 4 !== 0) return -EINVAL;
        if (!isGuestRange(address2, 4)) return -EFAULT;
        return task.call.start(wakeOp(task, address, address2, op, value, count2, value3));
      case FUTEX_LOCK_PI:
      case FUTEX_LOCK_PI2:
        return task.call.start(lockPiWithTimeout(task, address, op, timeout));
      case FUTEX_TRYLOCK_PI:
        return task.call.start(lockPi(task, address, (op & FUTEX_PRIVATE_FLAG) !== 0, 0));
      case FUTEX_UNLOCK_PI:
        return task.call.start(unlockPi(task, address, (op & FUTEX_PRIVATE_FLAG) !== 0));
      default:
        task.kernel.counters.unsupportedCalls++;
        return -ENOSYS;
    }
  },
};
