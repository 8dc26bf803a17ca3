// Process groups and sessions: setpgid(2), setsid(2) and what reads them.

import { EACCES, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { Session } from "../vfs/tty/session.ts";

function groupOf(task: Task, pid: number): ThreadGroup | undefined {
  return pid === 0 ? task.group : task.pids.group(pid);
}

function setpgid(task: Task, pid: number, given: number): number {
  if (given < 0 || (given === 0 && pid < 0)) return -EINVAL;
  const target = groupOf(task, pid);
  if (target === undefined || target.state === "reaped") return -ESRCH;
  const name = given === 0 ? target.id : task.pids.find(given);
  if (target !== task.group) {
    if (target.parent !== task.group) return -ESRCH;
    if (target.session !== task.group.session) return -EPERM;
    if (target.hasExeced) return -EACCES;
  }
  if (target.session.id === target.id) return -EPERM;
  if (name === undefined) return -EPERM;
  if (name !== target.id) {
    const { session } = task.group;
    if (![...name.members].some((group) => group.session === session)) return -EPERM;
  }
  target.processGroup = name;
  return 0;
}

export const SESSION_HANDLERS: Handlers<Task> = {
  setpgid,

  getpgid: (task, pid) => groupOf(task, pid)?.processGroup.in(task.pids) ?? -ESRCH,

  getsid: (task, pid) => {
    const group = groupOf(task, pid);
    return group === undefined ? -ESRCH : (group.session.id?.in(task.pids) ?? 0);
  },

  setsid: (task) => {
    const { group } = task;
    if (group.id.members.size > 0) return -EPERM;
    group.session = new Session(group.id);
    group.processGroup = group.id;
    return group.pid;
  },
};
