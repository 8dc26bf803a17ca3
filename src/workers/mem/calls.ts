// Memory calls.

import { ENOMEM } from "../../shared/abi/errno.ts";
import type { Handler } from "../supervisor/dispatch.ts";
import { OperationList } from "../supervisor/operation_list.ts";
import type { Coroutine, Task } from "../supervisor/task.ts";

const PAGE = 4096;
function* setBrk(task: Task, address: number): Coroutine {
  const space = task.stub.space;
  const from = Math.ceil(space.brk / PAGE) * PAGE;
  const to = Math.ceil(address / PAGE) * PAGE;
  if (to > from) {
    const list = new OperationList(task.kernel.slots, task.slot);
    list.call(9, from, to - from, 3, 0x32, -1, 0);
    task.runList(list);
    yield;
    if (task.listResult !== from) return space.brk;
  }
  space.brk = address;
  return address;
}

export const MEM_HANDLERS: Record<string, Handler> = {
  brk: (task, address) => {
    const space = task.stub.space;
    if (address < space.layout.brkStart) return space.brk;
    return task.start(setBrk(task, address));
  },
  mmap: (task, _address, length, prot) => {
    return task.start(
      (function* (): Coroutine {
        const size = Math.ceil(length / PAGE) * PAGE;
        task.stub.space.nextMap -= size;
        const at = task.stub.space.nextMap;
        const list = new OperationList(task.kernel.slots, task.slot);
        list.call(9, at, size, prot, 0x32, -1, 0);
        task.runList(list);
        yield;
        return task.listResult === at ? at : -ENOMEM;
      })(),
    );
  },
  munmap: () => 0,
  mprotect: () => 0,
};
