// Process groups and sessions: setpgid(2), setsid(2) and what reads them.

import { EACCES, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { Session } from "../vfs/tty/session.ts";

function groupOf(task: Task, pid: number): ThreadGroup | undefined {
  return pid === 0 ? task.group : task.kernel.pids.group(pid);
}

function setpgid(task: Task, pid: number, given: number): number {
  if (given < 0 || (given === 0 && pid < 0)) return -EINVAL;
  const target = groupOf(task, pid);
  if (target === undefined || target.state === "reaped") return -ESRCH;
  const pgid = given === 0 ? target.pid : given;
  if (target !== task.group) {
    if (target.parent !== task.group) return -ESRCH;
    if (target.session !== task.group.session) return -EPERM;
    if (target.hasExeced) return -EACCES;
  }
  if (target.session.sid === target.pid) return -EPERM;
  if (pgid !== target.pid) {
    const { session } = task.group;
    const exists = [...task.kernel.pids.groups()].some(
      (group) => group.processGroup === pgid && group.session === session,
    );
    if (!exists) return -EPERM;
  }
  target.processGroup = pgid;
  return 0;
}

export const SESSION_HANDLERS: Handlers<Task> = {
  setpgid,

  getpgid: (task, pid) => groupOf(task, pid)?.processGroup ?? -ESRCH,

  getsid: (task, pid) => groupOf(task, pid)?.session.sid ?? -ESRCH,

  setsid: (task) => {
    const { group } = task;
    const leads = [...task.kernel.pids.groups()].some((other) => other.processGroup === group.pid);
    if (leads) return -EPERM;
    group.session = new Session(group.pid);
    group.processGroup = group.pid;
    return group.pid;
  },
};
