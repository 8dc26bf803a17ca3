// Waiting for children: wait4(2), waitid(2), and the last step of a zombie.

import { EAGAIN, EBADF, ECHILD, EINVAL, ERESTARTSYS, ESRCH } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLHUP } from "../../shared/abi/poll.ts";
import {
  CLD_CONTINUED,
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  CLD_STOPPED,
  SIGCHLD,
  SIGCONT,
} from "../../shared/abi/signal.ts";
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
import { groupCpuTime, plus } from "../time/cpu_time.ts";
import { PidFile } from "./pid_file.ts";
import { groupUse } from "./resource_use.ts";
import type { Task, ThreadGroup } from "./task.ts";
import { writeRusage } from "./usage_calls.ts";

/** A child that matches and what it has to report. */
interface Report {
  readonly child: ThreadGroup;
  readonly kind: "exited" | "stopped" | "continued";
}

/** Which children a call means. */
type Selector = (child: ThreadGroup) => boolean;

/** Wakes the group's tasks that wait for children. */
export function wakeWaiters(parent: ThreadGroup): void {
  for (const waiter of [...parent.childWaiters]) waiter();
}

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
  if (!selector(child)) return false;
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
      if ((options & WEXITED) === 0) continue; // it will never report anything else
      if (!wantsUse || child.use.isComplete) return { child, kind: "exited" };
      child.use.whenComplete(
        () => wakeWaiters(task.group),
        () => task.kernel.platform.reapNow(),
      );
      any = true;
      continue;
    }
    any = true;
    if ((options & WSTOPPED) !== 0 && child.waitableStop !== 0) return { child, kind: "stopped" };
    if ((options & WCONTINUED) !== 0 && child.waitableContinue) return { child, kind: "continued" };
  }
  return any ? null : -ECHILD;
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

function consume({ child, kind }: Report, options: number): void {
  if ((options & WNOWAIT) !== 0) return;
  if (kind === "exited") reap(child, true);
  else if (kind === "stopped") child.waitableStop = 0;
  else child.waitableContinue = false;
}

function waitStatus({ child, kind }: Report): number {
  if (kind === "exited") return child.exitStatus;
  return kind === "stopped" ? (child.waitableStop << 8) | 0x7f : 0xffff;
}

function writeUse(task: Task, address: number, child: ThreadGroup): void {
  const time = plus(groupCpuTime(child), child.childrenTime);
  writeRusage(task, address, time, together(groupUse(child), child.use.children));
}

function siginfoOf(task: Task, { child, kind }: Report) {
  const status = child.exitStatus;
  const signo = status & 0x7f;
  const [code, value] =
    kind === "stopped"
      ? [CLD_STOPPED, child.waitableStop]
      : kind === "continued"
        ? [CLD_CONTINUED, SIGCONT]
        : signo === 0
          ? [CLD_EXITED, (status >> 8) & 0xff]
          : [(status & 0x80) !== 0 ? CLD_DUMPED : CLD_KILLED, signo];
  return {
    signo: SIGCHLD,
    code,
    pid: child.id.in(task.pids),
    uid: task.credentials.userNamespace.uids.told(child.leader.credentials.uid),
    status: value,
  };
}

function selectByPid(task: Task, pid: number): Selector {
  if (pid === -1) return () => true;
  const name = pid === 0 ? task.group.processGroup : task.pids.find(Math.abs(pid));
  return pid > 0 ? (child) => child.id === name : (child) => child.processGroup === name;
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
      consume(report, options);
      return child.id.in(task.pids);
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
      selector = (child) => child === file.group;
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
