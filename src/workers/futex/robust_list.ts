// Robust futexes (get_robust_list(2)): locks that a task holds at its end are marked OWNER_DIED and one
// waiter is woken, as Linux's exit_robust_list does it. The list is the guest's own, so it is walked by the stub in copy
// rounds and bounded: it may lead round and round, or to where nothing is.

import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  ROBUST_LIST_LIMIT,
} from "../../shared/abi/futex.ts";
import { readI64, readU64 } from "../../shared/abi/struct.ts";
import { robust_list_head } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OperationList } from "../call/operation_list.ts";
import { fetch } from "../mem/direct_copy.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import type { Task } from "../process/task.ts";
import { wakeFutex } from "./futex.ts";

/** Lowest bit of an entry's address: the lock is a PI futex. */
const PI_BIT = 1;
const OFFSET_AT = 8;
const PENDING_AT = 16;

function* read(task: Task, address: number, length: number): Generator<void, boolean, void> {
  if (!isGuestRange(address, length)) return false;
  return (yield* fetch(task, address, WINDOW, length)) === length;
}

/** Whether a task that does not run guest code is known to have nothing in its list. */
export function isRobustListEmpty({ robustList: head, stub }: Task): boolean {
  if (head === 0) return true;
  if (!isGuestRange(head, robust_list_head.size)) return true;
  const bytes = readStubMemory(stub, head, robust_list_head.size);
  if (bytes.length < robust_list_head.size) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readU64(view, 0) === head && readU64(view, PENDING_AT) === 0;
}

/**
 * Gives up what `owner` holds. Run by `task`, which stands in the same address space: the owner itself, or
 * one of the group that ends.
 */
export function* releaseRobustList(task: Task, owner: Task): Generator<void, void, void> {
  const head = owner.robustList;
  owner.robustList = 0;
  if (head === 0 || !(yield* read(task, head, robust_list_head.size))) return;
  const { view } = task.call;
  const at = task.call.base + WINDOW;
  let entry = readU64(view, at);
  const offset = readI64(view, at + OFFSET_AT);
  const pending = readU64(view, at + PENDING_AT);
  for (let i = 0; i < ROBUST_LIST_LIMIT && clean(entry) !== head; i++) {
    if (task.kernel.longTurns.isFull) yield* breatheOn(task);
    // Before the lock is another's, who may take the entry out of his list.
    const isLinked = yield* read(task, clean(entry), 8);
    const next = readU64(view, at);
    const isPending = clean(entry) === clean(pending);
    if (!isPending && !(yield* release(task, owner, entry, offset, false))) return;
    if (!isLinked) return;
    entry = next;
  }
  if (pending !== 0) yield* release(task, owner, pending, offset, true);
}

function isPi(entry: number): boolean {
  return entry % 2 === PI_BIT;
}

function clean(entry: number): number {
  return entry - (isPi(entry) ? PI_BIT : 0);
}

/**
 * Gives up the lock of an entry, if the owner holds it; false: there is none that could be looked at. Waiters of a PI futex are
 * woken when the task itself is gone (PiFutexes.ownerGone). `isPending`: its owner was about to take it, or to let it go.
 */
function* release(
  task: Task,
  owner: Task,
  entry: number,
  offset: number,
  isPending: boolean,
): Generator<void, boolean, void> {
  const address = clean(entry) + offset;
  if (address % 4 !== 0 || !isGuestRange(address, 4)) return false;
  for (;;) {
    const load = new OperationList(task.kernel.slots, task.call.slot);
    load.load32(address);
    if (!(yield* task.run(load))) return false;
    const word = task.call.listResult;
    const holder = word & FUTEX_TID_MASK;
    // It had let the lock go and woken nobody yet, or was woken itself and did not come to take it.
    if (isPending && !isPi(entry) && holder === 0) wakeFutex(task, address, 1);
    if (holder !== owner.tid) return true;
    const died = ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0;
    const swap = new OperationList(task.kernel.slots, task.call.slot);
    swap.cmpxchg32(address, word, died);
    if (!(yield* task.run(swap))) return false;
    if (task.call.listResult !== word) continue;
    if (!isPi(entry) && (word & FUTEX_WAITERS) !== 0) wakeFutex(task, address, 1);
    return true;
  }
}
