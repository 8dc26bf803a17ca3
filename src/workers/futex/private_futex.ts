// Private futexes: their queues are the host's, in the memory of the stub process, where threads that nobody watches
// wait and wake without a request (native/stub/stub_futex.c). What comes here all the same, since the calls are
// watched or a kick has ended a wait, is done by the caller's stub in an operation, so that all meet in one queue. A
// kick ends such a sleep as it ends guest code.

import { EAGAIN, EFAULT, EINTR, EINVAL, ERESTART_RESTARTBLOCK, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { readI64 } from "../../shared/abi/struct.ts";
import { CLOCK_MONOTONIC, NSEC_PER_SEC } from "../../shared/abi/time.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { TIMESPEC_SIZE } from "../call/clocks.ts";
import { OperationList } from "../call/operation_list.ts";
import type { HostTime, HostWait } from "../call/restart.ts";
import type { Task } from "../process/task.ts";
import { loadWord } from "./futex_word.ts";

export const FOREVER: HostTime = { seconds: -1, ns: 0 };
/** The host counts no further. */
const SECONDS_MAX = 9223372036;
const ERRNO_MAX = 133;
const RESULT_MAX = 0x7fffffff;

/**
 * When a call's wait is to end, or a negative errno. In two numbers: one would lose the last digits of CLOCK_REALTIME.
 */
export function* readHostTime(
  { kernel, call }: Task,
  timeout: number,
  isDuration: boolean,
): Generator<void, HostTime | number, void> {
  const { native } = kernel;
  call.outAt(timeout, TIMESPEC_SIZE, L.WINDOW);
  if ((yield* call.copyInRound()) < TIMESPEC_SIZE) return -EFAULT;
  let seconds = readI64(call.view, call.base + L.WINDOW);
  let ns = readI64(call.view, call.base + L.WINDOW + 8);
  if (seconds < 0 || ns < 0 || ns >= NSEC_PER_SEC) return -EINVAL;
  seconds = Math.min(seconds, SECONDS_MAX);
  if (!isDuration) return { seconds, ns };
  native.clockGettime(CLOCK_MONOTONIC);
  seconds += readI64(native.scratchView, 0);
  ns += readI64(native.scratchView, 8);
  return ns < NSEC_PER_SEC ? { seconds, ns } : { seconds: seconds + 1, ns: ns - NSEC_PER_SEC };
}

/** The wait that the stub has begun by itself, until a kick came; null if it has not. */
export function begunAtHost(
  { kernel, call }: Task,
  address: number,
  op: number,
  value: number,
  bitset: number,
): HostWait | null {
  const flags = kernel.slots.word(call.slot, L.REQ_FLAGS);
  if ((flags & L.REQ_BEGUN) === 0) return null;
  if ((flags & L.REQ_TIMED) === 0) return { address, op, value, bitset, time: FOREVER };
  const seconds = Math.max(0, kernel.slots.signed(call.slot, L.DEADLINE));
  const ns = kernel.slots.word(call.slot, L.DEADLINE + 8);
  return { address, op, value, bitset, time: { seconds, ns } };
}

// A result or an errno that Linux has, and none that means something in the kernel.
function resultOf({ call }: Task): number {
  const result = call.listResult;
  return result >= -ERRNO_MAX && result <= RESULT_MAX ? result : -EINVAL;
}

/** What does not wait, as a list. */
export function* actAtHost(task: Task, list: OperationList): Coroutine {
  yield* task.run(list);
  return resultOf(task);
}

/** Sleeps until a wake-up, the time or a signal. `begun`: the word had the value when the thread fell asleep. */
export function* waitAtHost(task: Task, wait: HostWait, begun: boolean): Coroutine {
  const { address, op, value, bitset, time } = wait;
  const { kernel, call } = task;
  const isTimed = time.seconds >= 0;
  for (let had = begun; ; had = true) {
    if (task.interruptPending) {
      // Linux looks at the word before it sleeps.
      const word = had ? value : yield* loadWord(task, address);
      if (word === null) return -EFAULT;
      if (word !== value) return -EAGAIN;
      if (!isTimed) return -ERESTARTSYS;
      call.restartBlock = { kind: "host_futex", wait };
      return -ERESTART_RESTARTBLOCK;
    }
    if (isTimed) {
      kernel.slots.setNumber(call.slot, L.DEADLINE, time.seconds);
      kernel.slots.setNumber(call.slot, L.DEADLINE + 8, time.ns);
    }
    const list = new OperationList(kernel.slots, call.slot);
    list.futex(address, op, value, isTimed ? 1 : 0, 0, bitset);
    yield* task.runAsleep(list);
    const result = resultOf(task);
    if (result !== -EINTR) return result;
  }
}

/** Goes on with a wait that a signal without handler interrupted. */
export function restartAtHost(task: Task, wait: HostWait): number {
  return task.call.start(waitAtHost(task, wait, false));
}
