// Resource limits (getrlimit(2), prlimit(2)). RLIM_INFINITY is Infinity in the kernel.

import { EFAULT, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import { readU64, write64 } from "../../shared/abi/struct.ts";
import type { Rlimit } from "../../shared/process_spec.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task, ThreadGroup } from "../process/task.ts";

/** RLIMIT_* by index (asm-generic/resource.h). */
const RLIMIT_NAMES = [
  "RLIMIT_CPU",
  "RLIMIT_FSIZE",
  "RLIMIT_DATA",
  "RLIMIT_STACK",
  "RLIMIT_CORE",
  "RLIMIT_RSS",
  "RLIMIT_NPROC",
  "RLIMIT_NOFILE",
  "RLIMIT_MEMLOCK",
  "RLIMIT_AS",
  "RLIMIT_LOCKS",
  "RLIMIT_SIGPENDING",
  "RLIMIT_MSGQUEUE",
  "RLIMIT_NICE",
  "RLIMIT_RTPRIO",
  "RLIMIT_RTTIME",
] as const;

export const RLIM_INFINITY = "18446744073709551615";
const RLIMIT_SIZE = 16;

/**
 * The limits that a program is started with; unlimited where the caller names none. Nobody may have more descriptors than
 * `descriptors` (fs.nr_open): what a call does for each of so many is bounded by that.
 */
export function limitsFrom(rlimits: readonly Rlimit[], descriptors: number): [number, number][] {
  return RLIMIT_NAMES.map((name, resource) => {
    const given = rlimits.find((limit) => limit.type === name);
    const most = resource === RLIMIT_NOFILE ? descriptors : Number.POSITIVE_INFINITY;
    const value = (text: string | undefined) =>
      text === undefined || text === RLIM_INFINITY ? most : Math.min(most, Number(text));
    return [value(given?.soft), value(given?.hard)];
  });
}

function readLimit(view: DataView, at: number): number {
  const isInfinite = view.getInt32(at, true) === -1 && view.getInt32(at + 4, true) === -1;
  return isInfinite ? Number.POSITIVE_INFINITY : readU64(view, at);
}

function writeLimit(view: DataView, at: number, value: number): void {
  write64(view, at, value === Number.POSITIVE_INFINITY ? -1 : value);
}

function apply(task: Task, group: ThreadGroup, resource: number, limit: [number, number]): number {
  const [soft, hard] = limit;
  if (soft > hard) return -EINVAL;
  if (resource === RLIMIT_NOFILE && hard > task.kernel.sysctls.get("fs/nr_open")) return -EPERM;
  if (
    hard > group.rlimits[resource]![1] &&
    !capable(task.credentials, task.kernel.users.initial, CAP_SYS_RESOURCE)
  )
    return -EPERM;
  group.rlimits[resource] = limit;
  if (resource === RLIMIT_CPU) group.cpuLimit.changed();
  if (resource === RLIMIT_FSIZE)
    for (const member of group.tasks) task.kernel.otherThreads?.forgetTask(member.call.slot);
  return 0;
}

/** Whether the task may see and change the limits of a process (prlimit(2)). */
function mayLimit(task: Task, group: ThreadGroup): boolean {
  const own = group.leader.credentials;
  if (group === task.group || capable(task.credentials, own.userNamespace, CAP_SYS_RESOURCE)) return true;
  const { uid, gid } = task.credentials;
  return (
    [own.uid, own.euid, own.suid].every((id) => id === uid) &&
    [own.gid, own.egid, own.sgid].every((id) => id === gid)
  );
}

function change(
  task: Task,
  group: ThreadGroup,
  resource: number,
  newAt: number,
  piece: number,
  old: number,
): number {
  if (resource < 0 || resource >= RLIMIT_NAMES.length) return -EINVAL;
  const before = group.rlimits[resource]!;
  if (newAt >= 0) {
    if (!task.call.inComplete(piece, RLIMIT_SIZE)) return -EFAULT;
    const limit: [number, number] = [readLimit(task.call.view, newAt), readLimit(task.call.view, newAt + 8)];
    const error = apply(task, group, resource, limit);
    if (error < 0) return error;
  }
  if (old !== 0) {
    const at = task.call.out(old, RLIMIT_SIZE);
    writeLimit(task.call.view, at, before[0]);
    writeLimit(task.call.view, at + 8, before[1]);
  }
  return 0;
}

export const LIMIT_HANDLERS: Handlers<Task> = {
  getrlimit: (task, resource, limit) => {
    if (limit === 0) return -EFAULT;
    return change(task, task.group, resource, -1, 0, limit);
  },

  setrlimit: (task, resource, limit) => {
    if (limit === 0) return -EFAULT;
    return change(task, task.group, resource, task.call.base + WINDOW, 0, 0);
  },

  prlimit64: (task, pid, resource, newLimit, oldLimit) => {
    const group = pid === 0 ? task.group : task.pids.group(pid);
    if (group === undefined) return -ESRCH;
    if (!mayLimit(task, group)) return -EPERM;
    return change(task, group, resource, newLimit === 0 ? -1 : task.call.base + WINDOW, 0, oldLimit);
  },

  umask: (task, mask) => {
    const before = task.fs.umask;
    task.fs.umask = mask & 0o777;
    return before;
  },
};
