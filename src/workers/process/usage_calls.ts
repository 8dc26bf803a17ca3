// Use of resources: getrusage(2), times(2).

import { EINVAL } from "../../shared/abi/errno.ts";
import { RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from "../../shared/abi/resource.ts";
import { rusage, tms } from "../../shared/abi/structs.ts";
import { CLOCK_BOOTTIME, NSEC_PER_SEC, USER_HZ } from "../../shared/abi/time.ts";
import type { Coroutine } from "../call/call.ts";
import { clockNs } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { ResourceUse } from "../platform/resource_use.ts";
import { type CpuTime, groupCpuTime, taskCpuTime } from "../time/cpu_time.ts";
import { groupUse } from "./resource_use.ts";
import type { Task } from "./task.ts";

function timeval(ns: number): { tv_sec: number; tv_usec: number } {
  return { tv_sec: Math.floor(ns / NSEC_PER_SEC), tv_usec: Math.floor((ns % NSEC_PER_SEC) / 1000) };
}

export function writeRusage(task: Task, address: number, time: CpuTime, use: ResourceUse): void {
  const value = { ru_utime: timeval(time.user), ru_stime: timeval(time.system), ...use };
  rusage.encode(value, task.call.bytes, task.call.out(address, rusage.size));
}

function ticks(ns: number): number {
  return Math.floor((ns * USER_HZ) / NSEC_PER_SEC);
}

/** As RUSAGE_CHILDREN, when the last of those that were waited for has told what it used. */
function* childrenUse(task: Task, address: number): Coroutine {
  const { use, childrenTime } = task.group;
  while (!use.isComplete) {
    let told = false;
    use.whenComplete(() => {
      told = true;
      task.call.completeWait(0);
    });
    // Stubs that were killed are gone in no time: no signal ends this wait but one that kills.
    while (!told) {
      task.call.replyBlocked();
      yield;
    }
  }
  writeRusage(task, address, childrenTime, use.children);
  return 0;
}

export const USAGE_HANDLERS: Handlers<Task> = {
  getrusage: (task, who, address) => {
    const { group } = task;
    if (who === RUSAGE_CHILDREN && !group.use.isComplete) return task.call.start(childrenUse(task, address));
    if (who === RUSAGE_SELF) writeRusage(task, address, groupCpuTime(group), groupUse(group));
    else if (who === RUSAGE_THREAD) writeRusage(task, address, taskCpuTime(task), groupUse(group));
    else if (who === RUSAGE_CHILDREN) writeRusage(task, address, group.childrenTime, group.use.children);
    else return -EINVAL;
    return 0;
  },

  times: (task, address) => {
    const { group } = task;
    if (address !== 0) {
      const own = groupCpuTime(group);
      const children = group.childrenTime;
      const value = {
        tms_utime: ticks(own.user),
        tms_stime: ticks(own.system),
        tms_cutime: ticks(children.user),
        tms_cstime: ticks(children.system),
      };
      tms.encode(value, task.call.bytes, task.call.out(address, tms.size));
    }
    return ticks(clockNs(task.kernel, CLOCK_BOOTTIME));
  },
};
