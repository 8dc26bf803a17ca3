// CPU time of tasks and thread groups, by the host's accounts of their stubs. A stub is one group's but
// for the time between vfork and exec, when it counts for the group that it was made for.

import type { Native } from "../native.ts";
import type { StubProcess } from "../platform/stub_process.ts";
import { threadText, threadTimeNs } from "../platform/thread_time.ts";
import type { Task, ThreadGroup } from "../process/task.ts";

const SAMPLE_NS = 1e6;
export const TICK_NS = 1e7; // USER_HZ, in which proc counts
const CPUCLOCK_PROF = 0; // user and system time, as the host has counted it
const CPUCLOCK_VIRT = 1; // user time
const CPUCLOCK_SCHED = 2; // exact, without a division

/** Nanoseconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

export const NO_TIME: CpuTime = { user: 0, system: 0 };

export function plus(a: CpuTime, b: CpuTime): CpuTime {
  return { user: a.user + b.user, system: a.system + b.system };
}

export function total({ user, system }: CpuTime): number {
  return user + system;
}

/** Divides an exact sum as counted user and system time stand to each other, as Linux does (cputime_adjust). */
function divide(sum: number, user: number, system: number): CpuTime {
  if (system === 0) return { user: sum, system: 0 };
  if (user === 0) return { user: 0, system: sum };
  const part = Math.floor((sum * system) / (user + system));
  return { user: sum - part, system: part };
}

function hostClock({ native }: { readonly native: Native }, clock: number): number {
  if (native.clockGettime(clock) < 0) return 0;
  return native.scratchView.getUint32(0, true) * 1e9 + native.scratchView.getUint32(8, true);
}

function stubCpuTime({ kernel, pid }: StubProcess): CpuTime {
  if (pid === 0) return NO_TIME;
  const clock = (~pid << 3) | CPUCLOCK_PROF;
  const user = hostClock(kernel, clock | CPUCLOCK_VIRT);
  const both = hostClock(kernel, clock);
  return divide(hostClock(kernel, clock | CPUCLOCK_SCHED), user, both - user);
}

/** Of a group's tasks, those that have ended included; not of its children. */
export function groupCpuTime(group: ThreadGroup): CpuTime {
  const { stub } = group.leader;
  return group.exiting || stub.owner !== group ? group.pastTime : plus(group.pastTime, stubCpuTime(stub));
}

/** As groupCpuTime, but not newer than a millisecond: for those who look often. */
export function recentGroupCpuTime(group: ThreadGroup): CpuTime {
  const now = group.kernel.native.monotonicNs();
  if (group.timeSample === null || now - group.timeSample.atNs > SAMPLE_NS)
    group.timeSample = { atNs: now, time: groupCpuTime(group) };
  return group.timeSample.time;
}

/** A stub that counts for the group is about to end, or to be exchanged for another. */
export function keepTimeOf(group: ThreadGroup, stub: StubProcess): void {
  if (stub.owner === group) group.pastTime = plus(group.pastTime, stubCpuTime(stub));
}

/** Of one task. */
export function taskCpuTime(task: Task): CpuTime {
  const stat = threadText(task.kernel, task, "stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return divide(
    threadTimeNs(task.kernel, task),
    Number(fields[11] ?? 0) * TICK_NS,
    Number(fields[12] ?? 0) * TICK_NS,
  );
}
