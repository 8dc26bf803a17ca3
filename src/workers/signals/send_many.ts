// Calls that signal many processes (kill(2) with a process group, or with all; pidfd_send_signal(2)).

import { EPERM, ESRCH } from "../../shared/abi/errno.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import type { Meant } from "./broadcasts.ts";
import { maySignal } from "./send_signal.ts";

/** Those of them that the task may signal, its own process last: its end is not the end of the call. */
function meantOf(task: Task, signo: number, groups: Iterable<ThreadGroup>, ofRefused: number): Meant {
  const targets: ThreadGroup[] = [];
  let isAny = false;
  let isOwnMeant = false;
  for (const group of groups) {
    isAny = true;
    if (group === task.group) isOwnMeant = true;
    else if (maySignal(task, group, signo) === 0) targets.push(group);
  }
  if (isOwnMeant) targets.push(task.group);
  const result = !isAny ? -ESRCH : targets.length === 0 ? ofRefused : 0;
  return { targets: signo === 0 ? [] : targets, result };
}

/** To a process group: 0, -ESRCH where nobody is in it, -EPERM where none of them may be signalled, or BLOCKED. */
export function sendToProcessGroup(task: Task, info: SigInfo, members: Iterable<ThreadGroup>): number {
  const meant = () => meantOf(task, info.signo, members, -EPERM);
  return task.call.start(task.kernel.broadcasts.sendFrom(task.call, [info], meant));
}

/** All of a task's PID namespace but its init and the task's own process. */
function* othersOf({ pids, group: own }: Task): Generator<ThreadGroup, void, void> {
  const { init } = pids;
  for (const group of pids.groups()) if (group !== init && group !== own) yield group;
}

/** To all: 0, also where the task may signal none of them, as Linux has it; -ESRCH where there are none; or BLOCKED. */
export function sendToAll(task: Task, info: SigInfo): number {
  const meant = () => meantOf(task, info.signo, othersOf(task), 0);
  return task.call.start(task.kernel.broadcasts.sendFrom(task.call, [info], meant));
}
