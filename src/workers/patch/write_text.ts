// Writing a few bytes of code that other threads may be executing (Intel SDM volume 3, 8.1.3): a breakpoint first,
// then the rest, then the first byte, and after each all threads are made to look afresh. Who runs into the breakpoint
// traps, and tries again (hidden_code.ts). In a process of one thread, which is here, the bytes are simply written.

import {
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
} from "../../shared/abi/mman.ts";
import { OperationList, SYS_membarrier } from "../call/operation_list.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { TextMemory } from "./text_memory.ts";

const BREAKPOINT = Uint8Array.of(0xcc);

/** Bytes of one instruction, or more, of which the first one begins where threads may come by. */
export interface CodeBytes {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** What stands there, as long. */
  readonly before: Uint8Array;
}

/**
 * Writes all of them; false if the host refused something, and then what was there stands again, or else the process
 * ends: nobody can go on in a part of an instruction. Under a lock on their pages.
 */
export function* writeCode(
  task: MemCaller,
  memory: TextMemory,
  codes: readonly CodeBytes[],
): Generator<void, boolean> {
  if (codes.length === 0) return true;
  if (task.stub.isAlone(task)) {
    const done = codes.every(({ at, bytes }) => memory.write(at, bytes));
    if (!done) putBack(task, memory, codes);
    return done;
  }
  const { patches } = task.stub.space;
  for (const { at } of codes) patches?.beginWriting(at);
  let isOver = false;
  try {
    const done = yield* writeInSteps(task, memory, codes);
    if (!done) putBack(task, memory, codes);
    isOver = true;
    return done;
  } finally {
    // Its task ends; others may go on.
    if (!isOver) putBack(task, memory, codes);
    for (const { at } of codes) patches?.endWriting(at);
  }
}

function putBack(task: MemCaller, memory: TextMemory, codes: readonly CodeBytes[]): void {
  let done = true;
  for (const { at, before } of codes) if (!memory.write(at + 1, before.subarray(1))) done = false;
  for (const { at, before } of codes) if (!memory.write(at, before.subarray(0, 1))) done = false;
  if (done) return;
  task.kernel.log("error", "text could not be made whole: killed", { pid: task.pid });
  task.killHostile();
}

function* writeInSteps(
  task: MemCaller,
  memory: TextMemory,
  codes: readonly CodeBytes[],
): Generator<void, boolean> {
  let done = codes.every(({ at }) => memory.write(at, BREAKPOINT)) && (yield* synchronize(task, true));
  done &&= codes.every(({ at, bytes }) => memory.write(at + 1, bytes.subarray(1)));
  done &&= yield* synchronize(task, false);
  if (!done) return false;
  for (const { at, bytes } of codes) done &&= memory.write(at, bytes.subarray(0, 1));
  return (yield* synchronize(task, false)) && done;
}

/** Every thread of the task's memory executes an instruction that lets it see what was written. */
function* synchronize(task: MemCaller, first: boolean): Generator<void, boolean> {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  if (first) list.call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
  list.call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
  return yield* task.run(list);
}
