// Use of resources: getrusage(2), times(2).

import { EINVAL } from "../../shared/abi/errno.ts";
import { RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from "../../shared/abi/resource.ts";
import { rusage, tms } from "../../shared/abi/structs.ts";
import { CLOCK_BOOTTIME, NSEC_PER_SEC, USER_HZ } from "../../shared/abi/time.ts";
import { clockNs } from "./clocks.ts";
import { type CpuTime, groupCpuTime, taskCpuTime } from "./cpu_time.ts";
import type { Handler } from "./dispatch.ts";
import type { Task, ThreadGroup } from "./task.ts";

/** The host's account of a group's stub: faults, switches and the largest size, in KiB. */
interface HostUse {
  ru_maxrss: number;
  ru_minflt: number;
  ru_majflt: number;
  ru_nvcsw: number;
  ru_nivcsw: number;
}

function hostUse(group: ThreadGroup): HostUse {
  const { native, descriptors } = group.kernel;
  const read = (file: string) => {
    const n = native.readSmall(descriptors.proc, `${group.leader.stub.pid}/${file}`);
    return n <= 0 ? "" : Buffer.from(native.scratch.subarray(0, n)).toString("latin1");
  };
  const stat = read("stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = read("status");
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    ru_maxrss: number("VmHWM"),
    ru_minflt: Number(fields[7] ?? 0),
    ru_majflt: Number(fields[9] ?? 0),
    ru_nvcsw: number("voluntary_ctxt_switches"),
    ru_nivcsw: number("nonvoluntary_ctxt_switches"),
  };
}

function timeval(ns: number): { tv_sec: number; tv_usec: number } {
  return { tv_sec: Math.floor(ns / NSEC_PER_SEC), tv_usec: Math.floor((ns % NSEC_PER_SEC) / 1000) };
}

export function writeRusage(task: Task, address: number, time: CpuTime, use: Partial<HostUse>): void {
  const value = { ru_utime: timeval(time.user), ru_stime: timeval(time.system), ...use };
  rusage.encode(value, task.bytes, task.out(address, rusage.size));
}

function ticks(ns: number): number {
  return Math.floor((ns * USER_HZ) / NSEC_PER_SEC);
}

export const USAGE_HANDLERS: Record<string, Handler> = {
  getrusage: (task, who, address) => {
    const { group } = task;
    if (who === RUSAGE_SELF) writeRusage(task, address, groupCpuTime(group), hostUse(group));
    else if (who === RUSAGE_THREAD) writeRusage(task, address, taskCpuTime(task), hostUse(group));
    else if (who === RUSAGE_CHILDREN) writeRusage(task, address, group.childrenTime, {});
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
      tms.encode(value, task.bytes, task.out(address, tms.size));
    }
    return ticks(clockNs(task.kernel, CLOCK_BOOTTIME));
  },
};
