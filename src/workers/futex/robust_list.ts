// Robust futexes (get_robust_list(2)): locks that a task holds at its end are marked OWNER_DIED and one
// waiter is woken. The list is the guest's own, so it is walked by the stub in copy rounds and bounded.

import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  ROBUST_LIST_LIMIT,
} from "../../shared/abi/futex.ts";
import { readI64, readU64 } from "../../shared/abi/struct.ts";
import { robust_list_head } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OperationList } from "../call/operation_list.ts";
import { fetch } from "../mem/direct_copy.ts";
import type { Task } from "../process/task.ts";
import { wakeFutex } from "./futex.ts";

/** Lowest bit of an entry's address: the lock is a PI futex. */
const PI_BIT = 1;

function* read(task: Task, address: number, length: number): Generator<void, boolean, void> {
  if (!isGuestRange(address, length)) return false;
  return (yield* fetch(task, address, WINDOW, length)) === length;
}

/**
 * Gives up what `owner` holds. Run by `task`, which stands in the same address space: the owner itself, or
 * whoever ends the whole group.
 */
export function* releaseRobustList(task: Task, owner: Task): Generator<void, void, void> {
  const head = owner.robustList;
  owner.robustList = 0;
  if (head === 0 || !(yield* read(task, head, robust_list_head.size))) return;
  const { view } = task.call;
  const at = task.call.base + WINDOW;
  let entry = readU64(view, at);
  const offset = readI64(view, at + 8);
  const pending = readU64(view, at + 16);
  for (let i = 0; i < ROBUST_LIST_LIMIT && clean(entry) !== head && entry !== 0; i++) {
    if (!(yield* read(task, clean(entry), 8))) return;
    const next = readU64(view, at);
    if (clean(entry) !== clean(pending)) yield* release(task, owner, clean(entry) + offset, isPi(entry));
    entry = next;
  }
  if (pending !== 0) yield* release(task, owner, clean(pending) + offset, isPi(pending));
}

function isPi(entry: number): boolean {
  return entry % 2 === PI_BIT;
}

function clean(entry: number): number {
  return entry - (isPi(entry) ? PI_BIT : 0);
}

// Waiters of a PI futex are woken when the task itself is gone (PiFutexes.ownerGone).
function* release(task: Task, owner: Task, address: number, pi: boolean): Generator<void, void, void> {
  if (address % 4 !== 0 || !isGuestRange(address, 4)) return;
  for (;;) {
    const load = new OperationList(task.kernel.slots, task.call.slot);
    load.load32(address);
    if (!(yield* task.run(load))) return;
    const word = task.call.listResult;
    if ((word & FUTEX_TID_MASK) !== owner.tid) return;
    const died = ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0;
    const swap = new OperationList(task.kernel.slots, task.call.slot);
    swap.cmpxchg32(address, word, died);
    if (!(yield* task.run(swap))) return;
    if (task.call.listResult !== word) continue;
    if (!pi && (word & FUTEX_WAITERS) !== 0) wakeFutex(task, address, 1);
    return;
  }
}
