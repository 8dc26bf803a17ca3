// What the host's own ps and top show of a guest's processes: each stub has the name and the command line of its
// program, where the host allows it. Nothing of a guest's depends on it.

import { PR_SET_MM, PR_SET_MM_MAP, PR_SET_NAME } from "../../shared/abi/prctl.ts";
import { nr } from "../../shared/abi/syscalls.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { OperationList } from "../call/operation_list.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { Task } from "./task.ts";

const SYS_prctl = nr("prctl");
/** struct prctl_mm_map: eleven addresses, the auxiliary vector, its size, and a descriptor. */
const MM_MAP_SIZE = 104;
/** -1: the executable stays what it is. */
const EXE_FD_AT = 100;
const NAME_SIZE = 16;

/** Bytes of the slot's window that lists with a command line have for themselves: its description is behind them. */
export const WINDOW_LEFT: number = WINDOW_SIZE - 128;
const MM_MAP_AT = WINDOW + WINDOW_LEFT;

function addresses(space: AddressSpace): readonly number[] {
  const { codeStart, codeEnd, dataStart, dataEnd, brkStart, brk } = space;
  const data = dataStart === 0 ? [codeEnd, codeEnd] : [dataStart, dataEnd];
  const { stackStart, argStart, argEnd, envStart, envEnd } = space;
  return [codeStart, codeEnd, ...data, brkStart, brk, stackStart, argStart, argEnd, envStart, envEnd];
}

/** Has the list tell the host where the program's command line is: in the guest's own memory. */
export function tellCommandLine(task: Task, list: OperationList): void {
  const { call, stub } = task;
  const { bytes } = call;
  const at = call.base + MM_MAP_AT;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, MM_MAP_SIZE);
  bytes.fill(0, at, at + MM_MAP_SIZE);
  for (const [i, address] of addresses(stub.space).entries()) view.setBigUint64(8 * i, BigInt(address), true);
  view.setInt32(EXE_FD_AT, -1, true);
  list.tell(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, stub.slotAddress(call.slot) + MM_MAP_AT, MM_MAP_SIZE, 0);
}

/** Gives the calling task's host thread the task's name, which stands in the slot's window. */
export function* tellName(task: Task): Generator<void, void, void> {
  const { call, stub } = task;
  const at = call.base + WINDOW;
  call.bytes.fill(0, at, at + NAME_SIZE);
  for (let i = 0; i < task.comm.length; i++) call.bytes[at + i] = task.comm.charCodeAt(i);
  const list = new OperationList(task.kernel.slots, call.slot);
  list.tell(SYS_prctl, PR_SET_NAME, stub.slotAddress(call.slot) + WINDOW, 0, 0, 0);
  yield* task.run(list);
}
