// membarrier(2): the private commands, which the host carries out for the stub process, whose threads are
// the guest's. The global ones would stop everybody's kernel, and are not offered.

import { EINVAL, EPERM } from "../../shared/abi/errno.ts";
import * as M from "../../shared/abi/mman.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { OperationList, SYS_membarrier } from "../call/operation_list.ts";
import type { MemCaller } from "./caller.ts";

/** Command -> the command by which a process registers for it. */
const REGISTRATION: ReadonlyMap<number, number> = new Map([
  [M.MEMBARRIER_CMD_PRIVATE_EXPEDITED, M.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED],
  [M.MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, M.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE],
]);
const REGISTERS = new Set(REGISTRATION.values());
const OFFERED =
  [...REGISTRATION].reduce((all, pair) => all | pair[0] | pair[1], 0) | M.MEMBARRIER_CMD_GET_REGISTRATIONS;

function* inHost(task: MemCaller, command: number): Coroutine {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.call(SYS_membarrier, command, 0, 0);
  if (!(yield* task.run(list))) return -EINVAL;
  if (REGISTERS.has(command)) task.stub.space.membarriers |= command;
  return 0;
}

export const MEMBARRIER_HANDLERS: Handlers<MemCaller> = {
  membarrier: (task, command, flags) => {
    if (flags !== 0) return -EINVAL;
    const { membarriers } = task.stub.space;
    if (command === M.MEMBARRIER_CMD_QUERY) return OFFERED;
    if (command === M.MEMBARRIER_CMD_GET_REGISTRATIONS) return membarriers;
    if (REGISTERS.has(command)) return task.call.start(inHost(task, command));
    const registration = REGISTRATION.get(command);
    if (registration === undefined) return -EINVAL;
    return (membarriers & registration) === 0 ? -EPERM : task.call.start(inHost(task, command));
  },
};
