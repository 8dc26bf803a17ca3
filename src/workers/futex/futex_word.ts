// The word of a futex: what names it, and looking at and changing it in guest memory, which only the stub
// does, atomically and with a fix-up.

import { WINDOW } from "../../shared/ring/layout.ts";
import { OperationList } from "../call/operation_list.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { copyInDirectly } from "../mem/direct_copy.ts";
import type { Task } from "../process/task.ts";

const WORD_SIZE = 4;

/** Null: a shared futex where nothing is mapped. */
export function keyOf(space: AddressSpace, address: number, isPrivate: boolean): string | null {
  return isPrivate ? `${space.id}:${address}` : space.sharedKey(address);
}

/**
 * The word as the task's address space has it, signed; null on a fault. Where the kernel thread may look at it itself, there
 * is no exchange with the stub, which is to sleep mostly.
 */
export function* loadWord(task: Task, address: number): Generator<void, number | null, void> {
  const { call } = task;
  if (copyInDirectly(task, address, WINDOW, WORD_SIZE)) return call.view.getInt32(call.base + WINDOW, true);
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.load32(address);
  return (yield* task.run(list)) ? task.call.listResult | 0 : null;
}

/** Changes the word if it is what was expected: whether it was; null on a fault. */
export function* exchangeWord(
  task: Task,
  address: number,
  expected: number,
  desired: number,
): Generator<void, boolean | null, void> {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.cmpxchg32(address, expected >>> 0, desired >>> 0);
  return (yield* task.run(list)) ? (task.call.listResult | 0) === (expected | 0) : null;
}
