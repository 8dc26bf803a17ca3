// Writing a few bytes of code that other threads may be executing (Intel SDM volume 3, 8.1.3): a breakpoint first,
// then the rest, then the first byte, and after each all threads are made to look afresh. Who runs into the breakpoint
// traps, and tries again (hidden_code.ts). Where a second instruction begins in what is written, the same is done there.
// In a process of one thread, which is here, the bytes are simply written.

import {
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
} from "../../shared/abi/mman.ts";
import { OperationList, SYS_membarrier } from "../call/operation_list.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { TextMemory } from "./text_memory.ts";

const INT3 = 0xcc;
const BREAKPOINT = Uint8Array.of(INT3);

/** Bytes of one instruction, or more, of which the first one begins where threads may come by. */
export interface CodeBytes {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** What stands there, as long. */
  readonly before: Uint8Array;
  /** Where in them another instruction begins, or -1. */
  readonly border: number;
}

/** Where threads may come by. */
function entriesOf({ at, border }: CodeBytes): number[] {
  return border < 0 ? [at] : [at, at + border];
}

/** All behind the first byte, with a breakpoint at the border. */
function tailOf({ bytes, border }: CodeBytes): Uint8Array {
  const tail = bytes.slice(1);
  if (border > 0) tail[border - 1] = INT3;
  return tail;
}

/**
 * Writes all of them; false if the host refused something, and then what was there stands again, or else the process
 * ends: nobody can go on in a part of an instruction, where there is somebody. Under a lock on their pages.
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
  const entries = codes.flatMap(entriesOf);
  for (const at of entries) patches?.beginWriting(at);
  let isOver = false;
  try {
    const done = yield* writeInSteps(task, memory, codes);
    if (!done) putBack(task, memory, codes);
    isOver = true;
    return done;
  } finally {
    // Its task ends; others may go on.
    if (!isOver) putBack(task, memory, codes);
    for (const at of entries) patches?.endWriting(at);
  }
}

function putBack(task: MemCaller, memory: TextMemory, codes: readonly CodeBytes[]): void {
  const former = codes.map((code) => ({ ...code, bytes: code.before }));
  const tails = former.map((code) => memory.write(code.at + 1, tailOf(code)));
  const done = writeEntries(memory, former) && !tails.includes(false);
  if (done || memory.isGone) return;
  task.kernel.log("error", "text could not be made whole: killed", { pid: task.firstPid });
  task.killHostile();
}

function* writeInSteps(
  task: MemCaller,
  memory: TextMemory,
  codes: readonly CodeBytes[],
): Generator<void, boolean> {
  const entries = codes.flatMap(entriesOf);
  let done = entries.every((at) => memory.write(at, BREAKPOINT)) && (yield* synchronize(task, true));
  done &&= codes.every((code) => memory.write(code.at + 1, tailOf(code)));
  done &&= yield* synchronize(task, false);
  if (!done) return false;
  done = writeEntries(memory, codes);
  return (yield* synchronize(task, false)) && done;
}

/** The first bytes of all instructions. */
function writeEntries(memory: TextMemory, codes: readonly CodeBytes[]): boolean {
  return codes.every((code) =>
    entriesOf(code).every((at) => memory.write(at, code.bytes.subarray(at - code.at, at - code.at + 1))),
  );
}

/** Every thread of the task's memory executes an instruction that lets it see what was written. */
function* synchronize(task: MemCaller, first: boolean): Generator<void, boolean> {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  if (first) list.call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
  list.call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
  return yield* task.run(list);
}
