// Having a stub close what it has kept of files that its guest has closed (kept_files.ts).

import { WINDOW_BASE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { OperationList } from "../call/operation_list.ts";
import type { MemCaller } from "./caller.ts";
import { PAGE_SIZE } from "./vma.ts";

/** Where no guest has memory: who locks this changes what the stub keeps, and nothing else. */
export const KEPT_LOCK = WINDOW_BASE;

/** Has the stub close what is due; the caller has locked something of the address space. */
export function* closeNow(task: MemCaller): Generator<void, void, void> {
  const { kept } = task.stub;
  if (!kept.isDue) return;
  const list = new OperationList(task.kernel.slots, task.call.slot);
  const due = kept.closeIn(list);
  try {
    yield* task.run(list);
  } finally {
    kept.closedIn(due);
  }
}

/** Has the stub close what is due, and ends the call with the result. */
export function* closeDue(task: MemCaller, result: number): Coroutine {
  const { space, kept } = task.stub;
  const lock = yield* space.lock(task, KEPT_LOCK, KEPT_LOCK + PAGE_SIZE);
  const list = new OperationList(task.kernel.slots, task.call.slot);
  const due = kept.closeIn(list); // another thread may have come first
  try {
    if (due.length > 0) yield* task.runAndReturn(list, result, true);
    return result;
  } finally {
    kept.closedIn(due);
    lock.release();
  }
}
