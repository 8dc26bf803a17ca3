// Scheduling (sched(7)) and priorities: settings are kept and shown as Linux does; the host
// schedules. Names of the system (sethostname(2)) are here too, for want of a better place.

import { EACCES, EFAULT, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { CAP_SYS_ADMIN, CAP_SYS_NICE } from "../../shared/abi/prctl.ts";
import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RLIMIT_NICE } from "../../shared/abi/resource.ts";
import * as S from "../../shared/abi/sched.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { __NEW_UTS_LEN } from "../../shared/abi/utsname.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { affinityOf, cpuCount } from "../vfs/sys/cpus.ts";

const NICE_MIN = -20;
const NICE_MAX = 19;
const RR_SLICE_NS = 100e6;
const FAIR_SLICE_NS = 4e6;

export const REALTIME: ReadonlySet<number> = new Set([S.SCHED_FIFO, S.SCHED_RR]);
const FAIR: ReadonlySet<number> = new Set([S.SCHED_NORMAL, S.SCHED_BATCH, S.SCHED_IDLE]);

/** The thread that a call is about, by its number or 0 for the caller; -EINVAL, -ESRCH. */
export function targetOf(task: Task, pid: number): Task | number {
  if (pid < 0) return -EINVAL;
  if (pid === 0) return task;
  return task.pids.task(pid) ?? -ESRCH;
}

function onTarget(task: Task, pid: number, use: (target: Task) => number): number {
  const target = targetOf(task, pid);
  return typeof target === "number" ? target : use(target);
}

/** As onTarget, for calls that take a negative number for one that nobody has. */
function onAffine(task: Task, pid: number, use: (target: Task) => number): number {
  return pid < 0 ? -ESRCH : onTarget(task, pid, use);
}

function mayChange(task: Task, target: Task): boolean {
  const { euid } = task.credentials;
  if (euid === target.credentials.uid || euid === target.credentials.euid) return true;
  return capable(task.credentials, target.credentials.userNamespace, CAP_SYS_NICE);
}

/** Whether a policy and a priority fit, and `task` may give them to `target`; then it does. */
export function setPolicy(task: Task, target: Task, given: number, priority: number): number {
  const policy = given & ~S.SCHED_RESET_ON_FORK;
  if (!REALTIME.has(policy) && !FAIR.has(policy)) return -EINVAL;
  const fits = REALTIME.has(policy) ? priority >= 1 && priority <= 99 : priority === 0;
  if (!fits) return -EINVAL;
  if (!mayChange(task, target)) return -EPERM;
  const resets = (given & S.SCHED_RESET_ON_FORK) !== 0;
  const takesMight = REALTIME.has(policy) || (target.resetsOnFork && !resets);
  if (takesMight && !capable(task.credentials, task.kernel.users.initial, CAP_SYS_NICE)) return -EPERM;
  target.resetsOnFork = resets;
  target.policy = policy;
  target.realtimePriority = priority;
  return 0;
}

/** As sched_getscheduler tells it, and setPolicy takes it. */
function policyOf({ policy, resetsOnFork }: Task): number {
  return resetsOnFork ? policy | S.SCHED_RESET_ON_FORK : policy;
}

/** What sched_param of piece 0 makes of the thread `pid`, which keeps its policy where none is given. */
function setParam(task: Task, pid: number, address: number, policy: number | null): number {
  if (pid < 0 || address === 0 || (policy !== null && policy < 0)) return -EINVAL;
  if (!task.call.inComplete(0, 4)) return -EFAULT;
  const priority = task.call.view.getInt32(task.call.base + WINDOW, true);
  return onTarget(task, pid, (to) => setPolicy(task, to, policy ?? policyOf(to), priority));
}

function withThreads(groups: Iterable<ThreadGroup>): Task[] {
  const tasks: Task[] = [];
  for (const group of groups) for (const task of group.tasks) tasks.push(task);
  return tasks;
}

/** The threads that getpriority(2), setpriority(2) and their like mean; -EINVAL. */
export function targetsOf(task: Task, which: number, who: number): readonly Task[] | number {
  const { pids } = task;
  switch (which) {
    case PRIO_PROCESS: {
      const target = who === 0 ? task : pids.task(who);
      return target === undefined ? [] : [target];
    }
    case PRIO_PGRP: {
      const processGroup = who === 0 ? task.group.processGroup : pids.find(who);
      return withThreads(processGroup?.members ?? []);
    }
    case PRIO_USER: {
      const { uid: own, userNamespace } = task.credentials;
      const uid = who === 0 ? own : userNamespace.uids.toKernel(who >>> 0);
      return withThreads(pids.groups()).filter(({ credentials }) => credentials.uid === uid);
    }
    default:
      return -EINVAL;
  }
}

function getPriority(task: Task, which: number, who: number): number {
  const targets = targetsOf(task, which, who);
  if (typeof targets === "number") return targets;
  let nicest = NICE_MAX + 1;
  for (const { nice } of targets) nicest = Math.min(nicest, nice);
  return targets.length === 0 ? -ESRCH : 20 - nicest;
}

function setPriority(task: Task, which: number, who: number, given: number): number {
  const targets = targetsOf(task, which, who);
  if (typeof targets === "number") return targets;
  let result = -ESRCH;
  for (const target of targets) {
    const error = setNice(task, target, given);
    if (error < 0) result = error;
    else if (result === -ESRCH) result = 0;
  }
  return result;
}

/** 0, -EPERM or -EACCES. */
export function setNice(task: Task, target: Task, given: number): number {
  const nice = Math.min(Math.max(given, NICE_MIN), NICE_MAX);
  const mighty = capable(task.credentials, task.kernel.users.initial, CAP_SYS_NICE);
  if (!mayChange(task, target)) return -EPERM;
  if (nice < target.nice && !mighty && nice < 20 - target.group.rlimits[RLIMIT_NICE]![0]) return -EACCES;
  target.nice = nice;
  return 0;
}

function writeTime(task: Task, address: number, ns: number): number {
  const at = task.call.out(address, 16);
  write64(task.call.view, at, Math.floor(ns / 1e9));
  write64(task.call.view, at + 8, ns % 1e9);
  return 0;
}

function affinityMask(task: Task, target: Task): Uint8Array {
  const cpus = cpuCount(task.kernel);
  const bytes = new Uint8Array(Math.ceil(cpus / 64) * 8);
  for (const cpu of affinityOf(target)) bytes[cpu >> 3]! |= 1 << (cpu & 7);
  return bytes;
}

function setAffinity(task: Task, target: Task, size: number): number {
  const cpus = cpuCount(task.kernel);
  const length = Math.min(size, Math.ceil(cpus / 8));
  if (!task.call.inComplete(0, length)) return -EFAULT;
  if (!mayChange(task, target)) return -EPERM;
  const set = new Set<number>();
  for (let cpu = 0; cpu < Math.min(cpus, length * 8); cpu++)
    if (((task.call.bytes[task.call.base + WINDOW + (cpu >> 3)]! >> (cpu & 7)) & 1) !== 0) set.add(cpu);
  const { allowedCpus } = target.container;
  // Of a cpuset the part that it allows is kept.
  const kept = allowedCpus === null ? set : new Set(allowedCpus.filter((cpu) => set.has(cpu)));
  if (kept.size === 0) return -EINVAL;
  target.affinity = kept.size === (allowedCpus?.length ?? cpus) ? null : kept;
  return 0;
}

function setUtsName(task: Task, field: "nodename" | "domainname", length: number): number {
  const { uts } = task;
  if (!capable(task.credentials, uts.owner, CAP_SYS_ADMIN)) return -EPERM;
  if (length < 0 || length > __NEW_UTS_LEN) return -EINVAL;
  if (!task.call.inComplete(0, length)) return -EFAULT;
  const at = task.call.base + WINDOW;
  const text = Buffer.from(task.call.bytes.subarray(at, at + length)).toString("latin1");
  uts[field] = text.split("\0")[0]!;
  return 0;
}

export const SCHED_HANDLERS: Handlers<Task> = {
  getpriority: getPriority,
  setpriority: setPriority,

  sched_getscheduler: (task, pid) => onTarget(task, pid, policyOf),
  sched_setscheduler: (task, pid, policy, param) => setParam(task, pid, param, policy),
  sched_getparam: (task, pid, param) =>
    param === 0
      ? -EINVAL
      : onTarget(task, pid, (target) => {
          task.call.view.setInt32(task.call.out(param, 4), target.realtimePriority, true);
          return 0;
        }),
  sched_setparam: (task, pid, param) => setParam(task, pid, param, null),
  sched_get_priority_max: (_task, policy) =>
    REALTIME.has(policy)
      ? 99
      : FAIR.has(policy) || policy === S.SCHED_DEADLINE || policy === S.SCHED_EXT
        ? 0
        : -EINVAL,
  sched_get_priority_min: (_task, policy) =>
    REALTIME.has(policy)
      ? 1
      : FAIR.has(policy) || policy === S.SCHED_DEADLINE || policy === S.SCHED_EXT
        ? 0
        : -EINVAL,
  sched_rr_get_interval: (task, pid, address) =>
    onTarget(task, pid, ({ policy }) =>
      writeTime(task, address, policy === S.SCHED_RR ? RR_SLICE_NS : FAIR.has(policy) ? FAIR_SLICE_NS : 0),
    ),

  sched_getaffinity: (task, pid, size, address) => {
    if (size * 8 < cpuCount(task.kernel) || size % 8 !== 0) return -EINVAL;
    return onAffine(task, pid, (target) => {
      const mask = affinityMask(task, target);
      task.call.bytes.set(mask, task.call.out(address, mask.length));
      return mask.length;
    });
  },
  sched_setaffinity: (task, pid, size) => onAffine(task, pid, (target) => setAffinity(task, target, size)),

  sethostname: (task, _name, length) => setUtsName(task, "nodename", length),
  setdomainname: (task, _name, length) => setUtsName(task, "domainname", length),
  syslog: () => -EPERM,
};
