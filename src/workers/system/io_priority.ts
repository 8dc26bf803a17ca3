// I/O priorities (ioprio_set(2)): kept and shown; the host schedules.

import { EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { CAP_SYS_ADMIN, CAP_SYS_NICE } from "../../shared/abi/prctl.ts";
import { SCHED_IDLE } from "../../shared/abi/sched.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";
import { REALTIME, targetsOf } from "./sched_calls.ts";

const CLASS_SHIFT = 13;
const CLASS_MASK = 7;
const LEVEL_MASK = 7;
const VALUE_MASK = 0xffff;
const CLASS_NONE = 0;
const CLASS_REALTIME = 1;
const CLASS_BEST_EFFORT = 2;
const CLASS_IDLE = 3;
const WHO_PROCESS = 1;
const WHO_USER = 3;

function classOf(priority: number): number {
  return (priority >> CLASS_SHIFT) & CLASS_MASK;
}

/** The priority by which Linux goes where none is set. */
function effective(task: Task): number {
  if (classOf(task.ioPriority) !== CLASS_NONE) return task.ioPriority;
  const kind = REALTIME.has(task.policy)
    ? CLASS_REALTIME
    : task.policy === SCHED_IDLE
      ? CLASS_IDLE
      : CLASS_BEST_EFFORT;
  return (kind << CLASS_SHIFT) | Math.floor((task.nice + 20) / 5);
}

function checkPriority(task: Task, priority: number): number {
  switch (classOf(priority)) {
    case CLASS_REALTIME: {
      const may = (capability: number) => capable(task.credentials, task.kernel.users.initial, capability);
      return may(CAP_SYS_ADMIN) || may(CAP_SYS_NICE) ? 0 : -EPERM;
    }
    case CLASS_BEST_EFFORT:
    case CLASS_IDLE:
      return 0;
    case CLASS_NONE:
      return (priority & LEVEL_MASK) === 0 ? 0 : -EINVAL;
    default:
      return -EINVAL;
  }
}

function maySet(task: Task, target: Task): boolean {
  const { uid, euid } = task.credentials;
  const owner = target.credentials.uid;
  return (
    owner === euid || owner === uid || capable(task.credentials, task.kernel.users.initial, CAP_SYS_NICE)
  );
}

function targets(task: Task, which: number, who: number): readonly Task[] | number {
  // Numbered from 1, unlike those of setpriority.
  return which < WHO_PROCESS || which > WHO_USER ? -EINVAL : targetsOf(task, which - WHO_PROCESS, who);
}

export const IO_PRIORITY_HANDLERS: Handlers<Task> = {
  ioprio_get: (task, which, who) => {
    const found = targets(task, which, who);
    if (typeof found === "number") return found;
    if (found.length === 0) return -ESRCH;
    if (which === WHO_PROCESS) return found[0]!.ioPriority;
    let best = VALUE_MASK;
    for (const target of found) best = Math.min(best, effective(target));
    return best;
  },

  ioprio_set: (task, which, who, given) => {
    const priority = given & VALUE_MASK;
    const error = checkPriority(task, priority);
    if (error < 0) return error;
    const found = targets(task, which, who);
    if (typeof found === "number") return found;
    if (found.length === 0) return -ESRCH;
    for (const target of found) {
      if (!maySet(task, target)) return -EPERM;
      target.ioPriority = priority;
    }
    return 0;
  },
};
