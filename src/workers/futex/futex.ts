// futex(2): shared futexes, whose queues are the kernel's, since processes meet there; and the way to the others.
// FUTEX_WAIT enqueues first and then has the stub read the word, so that no wake-up is lost.

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
  FUTEX_OP_XOR,
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
import { actAtHost, begunAtHost, FOREVER, readHostTime, waitAtHost } from "./private_futex.ts";

const WORD_SIZE = 4;
const CMD_MASK = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

/** Wakes waiters of a word in a task's memory as a thread's end does: those for whom it is shared. */
export function wakeFutex({ kernel, stub }: Task, address: number, count: number): number {
  const key = keyOf(stub.space, address, false);
  return key === null ? 0 : kernel.futexes.wake(key, count, FUTEX_BITSET_MATCH_ANY);
}

function* wait(task: Task, address: number, value: number, bitset: number, deadlineNs: number): Coroutine {
  const { kernel } = task;
  const key = keyOf(task.stub.space, address, false);
  if (key === null) return -EFAULT;
  const waiter = new FutexWaiter(task.call, bitset);
  kernel.futexes.add(key, waiter);
  let timer: Timer | null = null;
  try {
    const word = yield* loadWord(task, address);
    // Who was woken meanwhile has taken that wake-up from the others: it counts, whatever the word says.
    if (waiter.woken) return 0;
    if (word === null) return -EFAULT;
    if (word !== (value | 0)) return -EAGAIN;
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
    task.call.restartBlock = { kind: "futex", deadlineNs, address, value, bitset };
    return -ERESTART_RESTARTBLOCK;
  } finally {
    kernel.futexes.remove(waiter);
    if (timer !== null) kernel.timers.cancel(timer);
  }
}

/** Goes on with a wait that a signal without handler interrupted. */
export function restartFutex(task: Task, block: Extract<RestartBlock, { kind: "futex" }>): number {
  return task.call.start(wait(task, block.address, block.value, block.bitset, block.deadlineNs));
}

/** Of an address that no futex can have: EINVAL or EFAULT, else 0. */
function errorOf(address: number): number {
  if (address % WORD_SIZE !== 0) return -EINVAL;
  return isGuestRange(address, WORD_SIZE) ? 0 : -EFAULT;
}

/** Whether an operation has no use for FUTEX_CLOCK_REALTIME. */
function isOddClock(op: number): boolean {
  const command = op & CMD_MASK;
  return (op & FUTEX_CLOCK_REALTIME) !== 0 && command !== FUTEX_WAIT_BITSET && command !== FUTEX_LOCK_PI2;
}

// The time is read before anything else is looked at.
function* waitCall(
  task: Task,
  address: number,
  value: number,
  op: number,
  bitset: number,
  timeout: number,
): Coroutine {
  if ((op & FUTEX_PRIVATE_FLAG) !== 0) {
    const time = timeout === 0 ? FOREVER : yield* readHostTime(task, timeout, (op & CMD_MASK) === FUTEX_WAIT);
    if (typeof time === "number") return time;
    const error = errorOfWait(address, op, bitset);
    return error < 0 ? error : yield* waitAtHost(task, { address, op, value, bitset, time }, false);
  }
  const deadline = yield* deadlineIn(task, timeout, op);
  if (deadline < 0) return deadline;
  const error = errorOfWait(address, op, bitset);
  return error < 0 ? error : yield* wait(task, address, value, bitset, deadline);
}

function errorOfWait(address: number, op: number, bitset: number): number {
  if (isOddClock(op)) return -ENOSYS;
  return bitset === 0 ? -EINVAL : errorOf(address);
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
  // What passed before the clock of deadlines began is as good as its beginning.
  return real ? Math.max(0, deadlineOf(kernel, CLOCK_REALTIME, given)) : given;
}

function* lockPiWithTimeout(task: Task, address: number, op: number, timeout: number): Coroutine {
  const deadline = yield* deadlineIn(task, timeout, op);
  if (deadline < 0) return deadline;
  if (isOddClock(op)) return -ENOSYS;
  const error = errorOf(address);
  if (error < 0) return error;
  return yield* lockPi(task, address, (op & FUTEX_PRIVATE_FLAG) !== 0, Math.max(1, deadline));
}

function* requeue(
  task: Task,
  from: number,
  to: number,
  wakeCount: number,
  moveCount: number,
  expected: number | null,
): Coroutine {
  if (expected !== null) {
    const value = yield* loadWord(task, from);
    if (value === null) return -EFAULT;
    if (value !== (expected | 0)) return -EAGAIN;
  }
  const space = task.stub.space;
  const { futexes } = task.kernel;
  const fromKey = keyOf(space, from, false);
  const toKey = keyOf(space, to, false);
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
  if (operation > FUTEX_OP_XOR) return -ENOSYS;
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.op32(second, operation, operand);
  if (!(yield* task.run(list))) return -EFAULT;
  if (comparison > FUTEX_OP_CMP_GE) return -ENOSYS; // found out when the word has been changed
  const old = task.call.listResult | 0;
  const space = task.stub.space;
  const { futexes } = task.kernel;
  const firstKey = keyOf(space, first, false);
  const secondKey = keyOf(space, second, false);
  if (firstKey === null || secondKey === null) return -EFAULT;
  let woken = futexes.wake(firstKey, Math.max(count, 1), FUTEX_BITSET_MATCH_ANY);
  if (compares(old, comparison, argument))
    woken += futexes.wake(secondKey, Math.max(count2, 1), FUTEX_BITSET_MATCH_ANY);
  return woken;
}

// What does not wait: of shared futexes, or of private ones by the stub.
function act(
  task: Task,
  address: number,
  op: number,
  value: number,
  count2: number,
  address2: number,
  value3: number,
): number {
  const command = op & CMD_MASK;
  if (isOddClock(op)) return -ENOSYS;
  const requeues = command === FUTEX_REQUEUE || command === FUTEX_CMP_REQUEUE;
  if (requeues && (value < 0 || count2 < 0)) return -EINVAL;
  const bitset = command === FUTEX_WAKE_BITSET ? value3 : FUTEX_BITSET_MATCH_ANY | 0;
  if (bitset === 0) return -EINVAL;
  const hasSecond = requeues || command === FUTEX_WAKE_OP;
  const error = errorOf(address) || (hasSecond ? errorOf(address2) : 0);
  if (error < 0) return error;
  if ((op & FUTEX_PRIVATE_FLAG) !== 0) {
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.futex(address, op, value, count2, address2, value3);
    return task.call.start(actAtHost(task, list));
  }
  if (requeues)
    return task.call.start(
      requeue(task, address, address2, value, count2, command === FUTEX_REQUEUE ? null : value3),
    );
  if (command === FUTEX_WAKE_OP)
    return task.call.start(wakeOp(task, address, address2, value, count2, value3));
  const key = keyOf(task.stub.space, address, false);
  return key === null ? -EFAULT : task.kernel.futexes.wake(key, Math.max(value, 1), bitset);
}

export const FUTEX_HANDLERS: Handlers<Task> = {
  futex: (task, address, op, value, timeout, address2, value3) => {
    const { call } = task;
    const command = op & CMD_MASK;
    const isPrivate = (op & FUTEX_PRIVATE_FLAG) !== 0;
    switch (command) {
      case FUTEX_WAIT:
      case FUTEX_WAIT_BITSET: {
        const bitset = command === FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY | 0 : value3;
        const begun = isPrivate ? begunAtHost(task, address, op, value, bitset) : null;
        if (begun !== null) return call.start(waitAtHost(task, begun, true));
        return call.start(waitCall(task, address, value, op, bitset, timeout));
      }
      case FUTEX_WAKE:
      case FUTEX_WAKE_BITSET:
      case FUTEX_REQUEUE:
      case FUTEX_CMP_REQUEUE:
      case FUTEX_WAKE_OP:
        // The fourth argument is a count for these, not a pointer.
        return act(task, address, op, value, call.frame.argumentLow(3), address2, value3);
      case FUTEX_LOCK_PI:
      case FUTEX_LOCK_PI2:
        return call.start(lockPiWithTimeout(task, address, op, timeout));
      case FUTEX_TRYLOCK_PI:
      case FUTEX_UNLOCK_PI: {
        const error = isOddClock(op) ? -ENOSYS : errorOf(address);
        if (error < 0) return error;
        return call.start(
          command === FUTEX_UNLOCK_PI
            ? unlockPi(task, address, isPrivate)
            : lockPi(task, address, isPrivate, 0),
        );
      }
      default:
        task.kernel.counters.unsupportedCalls++;
        return -ENOSYS;
    }
  },
};
