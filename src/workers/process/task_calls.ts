// The life of tasks as their own calls see it: exit, thread pointers.

import { EINVAL, ENODEV, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import {
  ARCH_GET_CPUID,
  ARCH_GET_FS,
  ARCH_GET_GS,
  ARCH_SET_CPUID,
  ARCH_SET_FS,
  ARCH_SET_GS,
} from "../../shared/abi/prctl.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { FS_BASE } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { endTraced } from "../ptrace/events.ts";
import { exitGroupCall, exitTask } from "./exit.ts";
import { mayInspect } from "./ptrace_access.ts";
import type { Task } from "./task.ts";

const ROBUST_LIST_HEAD_SIZE = 24;

export const TASK_HANDLERS: Handlers<Task> = {
  exit: (task, status) => endTraced(task, (status & 0xff) << 8, () => exitTask(task, status)),

  exit_group: (task, status) => endTraced(task, (status & 0xff) << 8, () => exitGroupCall(task, status)),

  get_robust_list: (task, pid, headAddress, lengthAddress) => {
    const target = pid === 0 ? task : task.pids.task(pid);
    if (target === undefined) return -ESRCH;
    if (mayInspect(task.credentials, target, true) < 0) return -EPERM;
    write64(task.call.view, task.call.out(headAddress, 8), target.robustList);
    write64(task.call.view, task.call.out(lengthAddress, 8), ROBUST_LIST_HEAD_SIZE);
    return 0;
  },

  set_tid_address: (task, tidptr) => {
    task.clearChildTid = tidptr;
    return task.tid;
  },

  set_robust_list: (task, head, length) => {
    if (length !== ROBUST_LIST_HEAD_SIZE) return -EINVAL;
    task.robustList = head;
    return 0;
  },

  arch_prctl: (task, code, address) => {
    switch (code) {
      case ARCH_SET_FS:
        if (!isGuestRange(address, 0)) return -EPERM; // as Linux says of addresses beyond TASK_SIZE
        task.kernel.slots.setNumber(task.call.slot, FS_BASE, address);
        task.call.setFsBase();
        return 0;
      case ARCH_GET_FS: {
        const at = task.call.out(address, 8);
        task.kernel.slots.readFrame(task.call.slot, task.call.frame);
        task.call.view.setInt32(at, task.call.frame.low(FS_BASE), true);
        task.call.view.setInt32(at + 4, task.call.frame.high(FS_BASE), true);
        return 0;
      }
      case ARCH_SET_GS: // the stub's own (docs/hardening.md, F17)
      case ARCH_GET_GS:
        task.kernel.counters.unsupportedCalls++;
        return -EINVAL;
      // As on a processor that cannot have CPUID fault (arch_prctl(2)).
      case ARCH_GET_CPUID:
        return 1;
      case ARCH_SET_CPUID:
        return -ENODEV;
      default:
        return -EINVAL;
    }
  },
};
