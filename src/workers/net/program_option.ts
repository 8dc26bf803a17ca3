// SO_ATTACH_FILTER (socket(7)): a program of classic BPF, as a caller hands it over, for whatever kind of socket runs it.

import { BPF_MAXINSNS, SOCK_FILTER_SIZE, SOCK_FPROG_SIZE } from "../../shared/abi/bpf.ts";
import { EFAULT, EINVAL, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import { type Program, readProgram } from "../bpf/program.ts";
import type { Coroutine } from "../call/call.ts";
import { readGuest } from "../call/guest_copy.ts";
import type { NetCaller } from "./caller.ts";

/** In struct sock_fprog. */
const POINTER_AT = 8;
/** What a program costs: words of 4 bytes, four for each instruction. */
const INSTRUCTION_COST = 16;

/** What takes a program. */
export interface ProgramTaker {
  /** SO_LOCK_FILTER */
  readonly isFilterLocked: boolean;
  /** The one that it has goes; the account of its bytes is the taker's. */
  dropFilter(): boolean;
  /** It has this one, which is charged with so many bytes. */
  takeFilter(program: Program, bytes: number): void;
}

function* attach(task: NetCaller, taker: ProgramTaker, count: number, at: number): Coroutine {
  const bytes = yield* readGuest(task, at, count * SOCK_FILTER_SIZE);
  if (typeof bytes === "number") return -EFAULT;
  const program = readProgram(bytes);
  if (program === null) return -EINVAL;
  if (taker.isFilterLocked) return -EPERM;
  const { counters, heap } = task.kernel;
  if (!heap.hasRoom("socketMemory", count * INSTRUCTION_COST)) return -ENOMEM;
  taker.dropFilter();
  counters.socketMemory += count * INSTRUCTION_COST;
  taker.takeFilter(program, count * INSTRUCTION_COST);
  return 0;
}

/** Reads the program that the value of SO_ATTACH_FILTER names, and gives it to the taker. */
export function attachProgram(taker: ProgramTaker, value: Buffer, task: NetCaller): number {
  if (value.length !== SOCK_FPROG_SIZE) return -EINVAL;
  const count = value.readUInt16LE(0);
  const at = value.readUInt32LE(POINTER_AT) + value.readUInt32LE(POINTER_AT + 4) * 2 ** 32;
  if (count === 0 || count > BPF_MAXINSNS || at === 0) return -EINVAL;
  return task.call.start(attach(task, taker, count, at));
}
