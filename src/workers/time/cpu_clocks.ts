// Clocks of CPU time as calls name them: CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, and the ids
// that clock_getcpuclockid(3) makes: ~number * 8 + kind, with a bit for threads.

import { EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID } from "../../shared/abi/time.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { type CpuTime, groupCpuTime, taskCpuTime, total } from "./cpu_time.ts";
import { CpuClock } from "./timer_clocks.ts";

const KIND_MASK = 3;
const KIND_VIRT = 1;
const KIND_FD = 3;
const PER_THREAD = 4;

function ofGroup(task: Task, group: ThreadGroup, pick: (time: CpuTime) => number): CpuClock {
  return new CpuClock(
    task.kernel,
    () => pick(groupCpuTime(group)),
    () => group.alive,
  );
}

function ofTask(task: Task, target: Task, pick: (time: CpuTime) => number): CpuClock {
  return new CpuClock(
    task.kernel,
    () => (target.dead ? 0 : pick(taskCpuTime(target))),
    () => 1,
  );
}

/** As cpuClockOf, for clock_nanosleep(2), or a negative errno: a thread's own clock stands while it sleeps. */
export function cpuClockToSleepOn(task: Task, clock: number): CpuClock | number {
  if (clock === CLOCK_THREAD_CPUTIME_ID) return -EOPNOTSUPP;
  if (clock < 0) {
    if ((clock & (KIND_MASK | PER_THREAD)) === KIND_FD) return -EOPNOTSUPP;
    const number = ~(clock >> 3);
    if ((clock & PER_THREAD) !== 0 && (number === 0 || number === task.tid)) return -EINVAL;
  }
  return cpuClockOf(task, clock) ?? -EINVAL;
}

/** The clock of that id, or undefined: there is none. */
export function cpuClockOf(task: Task, clock: number): CpuClock | undefined {
  if (clock === CLOCK_PROCESS_CPUTIME_ID) return ofGroup(task, task.group, total);
  if (clock === CLOCK_THREAD_CPUTIME_ID) return ofTask(task, task, total);
  const kind = clock & KIND_MASK;
  if (clock >= 0 || kind === KIND_FD) return undefined;
  const number = ~(clock >> 3);
  const pick = kind === KIND_VIRT ? (time: CpuTime) => time.user : total;
  const { pids } = task;
  if ((clock & PER_THREAD) !== 0) {
    const target = number === 0 ? task : pids.task(number);
    return target?.group === task.group ? ofTask(task, target, pick) : undefined;
  }
  const group = number === 0 ? task.group : pids.group(number);
  return group === undefined ? undefined : ofGroup(task, group, pick);
}
