// Waiting for children, and for traced threads: wait4(2), waitid(2), and the last step of a zombie.

import { EAGAIN, EBADF, ECHILD, EINVAL, ERESTARTSYS, ESRCH } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLHUP } from "../../shared/abi/poll.ts";
import { CLD_CONTINUED, CLD_STOPPED, CLD_TRAPPED, SIGCHLD, SIGCONT } from "../../shared/abi/signal.ts";
import {
  __WALL,
  __WCLONE,
  __WNOTHREAD,
  P_ALL,
  P_PGID,
  P_PID,
  P_PIDFD,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WSTOPPED,
  WUNTRACED,
} from "../../shared/abi/wait.ts";
import { BLOCKED } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { SIGINFO_SIZE, writeSigInfo } from "../call/siginfo.ts";
import { together } from "../platform/resource_use.ts";
import { endOf, forget } from "../ptrace/relation.ts";
import type { Tracee } from "../ptrace/tracee.ts";
import { groupCpuTime, plus } from "../time/cpu_time.ts";
import { wakeWaiters } from "./child_waiters.ts";
import { PidFile } from "./pid_file.ts";
import type { Pid } from "./pids.ts";
import { groupUse } from "./resource_use.ts";
import type { Task, ThreadGroup } from "./task.ts";
import { writeRusage } from "./usage_calls.ts";

/** In the low byte of a wait status, and all of one. */
const STOPPED = 0x7f;
const CONTINUED = 0xffff;

/** A child that matches, or a traced thread's process, and what it has to report. */
interface Report {
  readonly child: ThreadGroup;
  readonly kind: "exited" | "stopped" | "continued" | "trapped" | "untraced";
  /** Of the last two, which are a thread's: it has stopped, or ended. */
  readonly tracee: Tracee<Task> | null;
}

/** Which children a call means: by what they are called, and their processes. */
type Selector = (id: Pid, child: ThreadGroup) => boolean;

/** The zombie is gone: its number is free. What it used counts for a parent that has waited for it. */
export function reap(group: ThreadGroup, waited = false): void {
  if (group.state === "reaped") return;
  if (group.state === "zombie") group.kernel.counters.unreaped--;
  group.state = "reaped";
  if (group.parent !== null) {
    const { parent } = group;
    parent.children.delete(group);
    if (waited) {
      parent.childrenTime = plus(parent.childrenTime, plus(group.pastTime, group.childrenTime));
      parent.use.inherit(group.use);
    }
  }
  if (group.stopSignal !== 0) group.kernel.counters.stopped--;
  const { leader } = group;
  if (leader.tracee !== null) {
    leader.tracee.tracer.tracees?.delete(leader.tracee);
    leader.tracee = null;
  }
  group.id.leaveGroup(group);
  group.exitWatchers.wake(POLLHUP);
}

function isClone(child: ThreadGroup): boolean {
  return child.exitSignal !== SIGCHLD;
}

/** Whether the task made the child, or stands for a thread of its group that did. */
function isCreator(task: Task, { creator }: ThreadGroup): boolean {
  if (creator !== null && !creator.dead) return creator === task;
  return task.group.tasks.find((other) => !other.dead) === task;
}

function eligible(task: Task, child: ThreadGroup, selector: Selector, options: number): boolean {
  if (!selector(child.id, child)) return false;
  if ((options & __WNOTHREAD) !== 0 && !isCreator(task, child)) return false;
  if ((options & __WALL) !== 0) return true;
  return isClone(child) === ((options & __WCLONE) !== 0);
}

/**
 * The first report; null when no child has one, -ECHILD when there is no such child. With `wantsUse` a child that has
 * ended has none before its use is known.
 */
function find(task: Task, selector: Selector, options: number, wantsUse: boolean): Report | null | number {
  let any = false;
  for (const child of task.group.children) {
    if (!eligible(task, child, selector, options)) continue;
    if (child.state === "zombie") {
      if (child.whenUntraced !== null) any = true; // its tracer waits for it first
      if ((options & WEXITED) === 0 || child.whenUntraced !== null) continue; // it will never report anything else
      if (!wantsUse || child.use.isComplete) return { child, kind: "exited", tracee: null };
      child.use.whenComplete(() => wakeWaiters(task.group));
      any = true;
      continue;
    }
    any = true;
    // Of a child that it traces it hears thread by thread.
    const isOwn = child.leader.tracee?.tracer.group === task.group;
    if ((options & WSTOPPED) !== 0 && child.waitableStop !== 0 && !isOwn)
      return { child, kind: "stopped", tracee: null };
    if ((options & WCONTINUED) !== 0 && child.waitableContinue)
      return { child, kind: "continued", tracee: null };
  }
  const traced = findTraced(task, selector, options);
  if (traced !== undefined) return traced;
  return any ? null : -ECHILD;
}

/**
 * The first report of a thread that the process traces, or, where the options say so, the calling thread; whatever kind of
 * child it is, and whether or not stops are asked for. Null: none has one yet; undefined: there is no such thread.
 */
function findTraced(task: Task, selector: Selector, options: number): Report | null | undefined {
  let any = false;
  for (const tracer of task.group.tasks) {
    if (tracer.tracees === null || ((options & __WNOTHREAD) !== 0 && tracer !== task)) continue;
    for (const tracee of tracer.tracees) {
      const { id, group } = tracee.task;
      if (!selector(id, group)) continue;
      if (tracee.endStatus < 0) any = true;
      else if ((options & WEXITED) !== 0) {
        const report = endReport(tracee);
        if (report.kind !== "exited" || !eligible(task, group, selector, options)) return report;
        any = true; // a child as any other, whose use is not known yet
      }
      if (tracee.untold !== 0 && !tracee.isListening) return { child: group, kind: "trapped", tracee };
    }
  }
  return any ? null : undefined;
}

/** Of a process that is the caller's own child, that of a child. */
function endReport(tracee: Tracee<Task>): Report {
  const { group } = tracee.task;
  const isOwn = tracee.task === group.leader && group.whenUntraced === null;
  return { child: group, kind: isOwn ? "exited" : "untraced", tracee };
}

/** Waits as the options say, then hands the report to `deliver`, whose result is the call's. */
function waitFor(
  task: Task,
  selector: Selector,
  options: number,
  wantsUse: boolean,
  deliver: (report: Report | null) => number,
): number {
  const parent = task.group;
  const report = find(task, selector, options, wantsUse && (options & WNOHANG) === 0);
  if (typeof report === "number") return report;
  if (report !== null || (options & WNOHANG) !== 0) return deliver(report);
  const retry = () => {
    const later = find(task, selector, options, wantsUse);
    if (later === null) return;
    parent.childWaiters.delete(retry);
    task.call.completeWait(typeof later === "number" ? later : deliver(later));
  };
  parent.childWaiters.add(retry);
  task.call.waiter = {
    cancel: () => parent.childWaiters.delete(retry),
    // The signal may be the child's own SIGCHLD: what there is to report goes before it.
    interrupted: () => {
      const now = find(task, selector, options, false);
      if (now === null) return -ERESTARTSYS;
      return typeof now === "number" ? now : deliver(now);
    },
  };
  return BLOCKED;
}

function consume({ child, kind, tracee }: Report, options: number): void {
  if ((options & WNOWAIT) !== 0) return;
  if (kind === "exited") reap(child, true);
  else if (kind === "stopped") child.waitableStop = 0;
  else if (kind === "continued") child.waitableContinue = false;
  else if (kind === "trapped") tracee!.untold = 0;
  else forget(tracee!);
}

function waitStatus({ child, kind, tracee }: Report): number {
  switch (kind) {
    case "exited":
      return child.exitStatus;
    case "stopped":
      return (child.waitableStop << 8) | STOPPED;
    case "continued":
      return CONTINUED;
    case "trapped":
      return (tracee!.untold << 8) | STOPPED;
    case "untraced":
      return tracee!.endStatus;
  }
}

/** The code and the status of SIGCHLD. */
function causeOf({ child, kind, tracee }: Report): { code: number; status: number } {
  switch (kind) {
    case "exited":
      return endOf(child.exitStatus);
    case "stopped":
      return { code: CLD_STOPPED, status: child.waitableStop };
    case "continued":
      return { code: CLD_CONTINUED, status: SIGCONT };
    case "trapped":
      return { code: CLD_TRAPPED, status: tracee!.untold };
    case "untraced":
      return endOf(tracee!.endStatus);
  }
}

/** What the one is called that has something to report. */
function nameOf({ child, tracee }: Report): Pid {
  return tracee === null ? child.id : tracee.task.id;
}

function writeUse(task: Task, address: number, child: ThreadGroup): void {
  const time = plus(groupCpuTime(child), child.childrenTime);
  writeRusage(task, address, time, together(groupUse(child), child.use.children));
}

function siginfoOf(task: Task, report: Report) {
  return {
    signo: SIGCHLD,
    ...causeOf(report),
    pid: nameOf(report).in(task.pids),
    uid: task.credentials.userNamespace.uids.told(report.child.leader.credentials.uid),
  };
}

function selectByPid(task: Task, pid: number): Selector {
  if (pid === -1) return () => true;
  const name = pid === 0 ? task.group.processGroup : task.pids.find(Math.abs(pid));
  return pid > 0 ? (id) => id === name : (_id, child) => child.processGroup === name;
}

export const WAIT_HANDLERS: Handlers<Task> = {
  wait4: (task, pid, wstatus, options, usage) => {
    if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) !== 0)
      return -EINVAL;
    if (pid === -0x80000000) return -ESRCH;
    return waitFor(task, selectByPid(task, pid), options | WEXITED, usage !== 0, (report) => {
      if (report === null) return 0;
      const { child } = report;
      if (wstatus !== 0) task.call.view.setInt32(task.call.out(wstatus, 4), waitStatus(report), true);
      if (usage !== 0) writeUse(task, usage, child);
      const name = nameOf(report);
      consume(report, options);
      return name.in(task.pids);
    });
  },

  waitid: (task, idtype, id, infop, options, usage) => {
    const known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if ((options & ~known) !== 0 || (options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) return -EINVAL;
    let selector: Selector;
    let waits = options;
    if (idtype === P_ALL) selector = () => true;
    else if (idtype === P_PID && id > 0) selector = selectByPid(task, id);
    else if (idtype === P_PGID && id >= 0) selector = selectByPid(task, id === 0 ? 0 : -id);
    else if (idtype === P_PIDFD && id >= 0) {
      const file = task.files.get(id);
      if (!(file instanceof PidFile)) return -EBADF;
      selector = (id) => id === file.group.id;
      if ((file.flags & O_NONBLOCK) !== 0) waits |= WNOHANG;
    } else return -EINVAL;
    return waitFor(task, selector, waits, usage !== 0, (report) => {
      if (infop !== 0) {
        const at = task.call.out(infop, SIGINFO_SIZE);
        task.call.bytes.fill(0, at, at + SIGINFO_SIZE);
        if (report !== null) writeSigInfo(siginfoOf(task, report), task.call.bytes, at);
      }
      if (report !== null && usage !== 0) writeUse(task, usage, report.child);
      if (report !== null) consume(report, options);
      return report === null && waits !== options ? -EAGAIN : 0;
    });
  },
};
