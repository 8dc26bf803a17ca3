// Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). waitid(2) and clone(2) know
// them too.

import { EBADF, EFAULT, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/pidfd.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import { SIGRTMAX } from "../../shared/abi/signal.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { fromUser, SIGINFO_SIZE, type SigInfo } from "../call/siginfo.ts";
import { processAt } from "../proc/proc_fs.ts";
import { sendToProcessGroup } from "../signals/send_many.ts";
import { maySignal, sendToGroup, sendToTask } from "../signals/send_signal.ts";
import { rawInfo } from "../signals/signal_calls.ts";
import { install } from "../vfs/install.ts";
import { PidFile } from "./pid_file.ts";
import { mayInspect } from "./ptrace_access.ts";
import type { Task, ThreadGroup } from "./task.ts";

const SCOPES: ReadonlySet<number> = new Set([
  0,
  P.PIDFD_SIGNAL_THREAD,
  P.PIDFD_SIGNAL_THREAD_GROUP,
  P.PIDFD_SIGNAL_PROCESS_GROUP,
]);

/** The process that a descriptor stands for, or -EBADF. */
export function processOf(task: Task, fd: number): ThreadGroup | number {
  const file = task.files.get(fd);
  return file instanceof PidFile ? file.group : -EBADF;
}

/** As processOf, but an open directory /proc/PID will do too. */
function processByAny(task: Task, fd: number): ThreadGroup | number {
  const file = task.files.usable(fd);
  if (file === undefined) return -EBADF;
  if (file instanceof PidFile) return file.group;
  return file.inode === null ? -EBADF : (processAt(file.inode) ?? -EBADF);
}

/** What is sent: from the caller, or as the caller says; others are not to be told what the kernel says. */
function infoOf(
  task: Task,
  group: ThreadGroup,
  signo: number,
  given: boolean,
  scope: number,
): SigInfo | number {
  if (!given) return fromUser(task, signo);
  const isOwn = group === task.group && scope !== P.PIDFD_SIGNAL_PROCESS_GROUP;
  if (!task.call.inComplete(0, SIGINFO_SIZE)) return -EFAULT;
  if (task.call.view.getInt32(task.call.base + WINDOW, true) !== signo) return -EINVAL;
  return rawInfo(task, signo, isOwn ? task.group.pid : 0, 0);
}

function send(task: Task, group: ThreadGroup, info: SigInfo, scope: number): number {
  const { signo } = info;
  if (scope === P.PIDFD_SIGNAL_PROCESS_GROUP) return sendToProcessGroup(task, info, group.id.members);
  if (group.state === "reaped") return -ESRCH;
  if (signo < 0 || signo > SIGRTMAX) return -EINVAL;
  const error = maySignal(task, group, signo);
  if (error < 0 || signo === 0) return error;
  return scope === P.PIDFD_SIGNAL_THREAD ? sendToTask(group.leader, info) : sendToGroup(group, info);
}

export const PIDFD_HANDLERS: Handlers<Task> = {
  pidfd_open: (task, pid, flags) => {
    if ((flags & ~P.PIDFD_NONBLOCK) !== 0 || pid <= 0) return -EINVAL;
    const { pids } = task;
    const group = pids.group(pid);
    if (group === undefined) return pids.task(pid) === undefined ? -ESRCH : -EINVAL;
    return install(task, new PidFile(group, flags), true);
  },

  pidfd_send_signal: (task, fd, signo, given, scope) => {
    if (!SCOPES.has(scope)) return -EINVAL;
    const group = processByAny(task, fd);
    if (typeof group === "number") return group;
    if (!group.pids.isWithin(task.pids)) return -EINVAL;
    const info = infoOf(task, group, signo, given !== 0, scope);
    return typeof info === "number" ? info : send(task, group, info, scope);
  },

  pidfd_getfd: (task, fd, target, flags) => {
    if (flags !== 0) return -EINVAL;
    const group = processOf(task, fd);
    if (typeof group === "number") return group;
    if (group.exiting || group.leader.dead) return -ESRCH;
    if (mayInspect(task.credentials, group.leader, true) < 0) return -EPERM;
    const file = group.leader.files.get(target);
    if (file === undefined) return -EBADF;
    return task.files.install(file, 0, task.group.rlimits[RLIMIT_NOFILE]![0], true);
  },
};
