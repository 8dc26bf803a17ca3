// A guest maps something where a pool is: for the guest nothing was there. The pool's sites get their bytes back, every
// other thread is taken out of its trampolines, and it goes.

import {
  MEMBARRIER_CMD_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
} from "../../shared/abi/mman.ts";
import { OperationList, SYS_membarrier, SYS_munmap } from "../call/operation_list.ts";
import type { MemCaller } from "../mem/caller.ts";
import { undo } from "./patcher.ts";
import type { Pool } from "./patches.ts";
import { POOL_SIZE } from "./trampoline.ts";

/** Frees [start, end) of pools; the caller holds no lock. */
export function* clearPools(task: MemCaller, start: number, end: number): Generator<void, void> {
  const { space } = task.stub;
  const lock = yield* space.lockAll(task);
  try {
    yield* clearPoolsIn(task, start, end);
  } finally {
    lock.release();
  }
}

/** As clearPools, under a lock on everything. */
export function* clearPoolsIn(task: MemCaller, start: number, end: number): Generator<void, void> {
  const { patches } = task.stub.space;
  for (const pool of patches?.poolsIn(start, end) ?? []) {
    yield* undo(task, patches!.sitesOf(pool));
    patches!.remove(pool);
    yield* unmapPool(task, pool);
  }
}

/** Gives the sites in [start, end), which is locked, their own bytes back. */
export function* undoIn(task: MemCaller, start: number, end: number): Generator<void, void> {
  const { patches } = task.stub.space;
  if (patches !== null) yield* undo(task, patches.within(start, end));
}

function* unmapPool(task: MemCaller, pool: Pool): Generator<void, void> {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  if (!task.stub.isAlone(task)) {
    // A kick that is pending comes before a thread's next instruction, and after the barrier it is pending for all
    // that were running. Their registers are put right as they report (hidden_code.ts).
    task.stub.takeOthersOut(task, pool);
    list.call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    list.call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
  list.call(SYS_munmap, pool.base, POOL_SIZE);
  if (!(yield* task.run(list))) task.killHostile();
}
