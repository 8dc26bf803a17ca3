// What the host's accounts say of a host thread.

import { nr } from "../../shared/abi/syscalls.ts";
import type { HostContext } from "./host_tasks.ts";
import { readProc } from "./host_tasks.ts";
import type { HostThread } from "./host_thread.ts";

/** Text of a file of proc about the task's host thread; "" if there is none any more. */
export function threadText(kernel: HostContext, task: HostThread, file: string): string {
  return readProc(kernel, `${task.stub.pid}/task/${task.hostTid}/${file}`);
}

/** What the task has run, in nanoseconds. */
export function threadTimeNs(kernel: HostContext, task: HostThread): number {
  return Number(threadText(kernel, task, "schedstat").split(" ")[0]) - task.timeBeforeNs;
}

/** A wait on a futex; and what it is called when it goes on after a stop. */
const FUTEX_WAITS = new Set(["futex", "restart_syscall"].map((name) => String(nr(name))));

/** Whether it sleeps on a futex: not in another call of the host's, over which a file system that answers late may hold it. */
export function isAsleepOnFutex(kernel: HostContext, task: HostThread): boolean {
  return isAsleep(kernel, task) && FUTEX_WAITS.has(threadText(kernel, task, "syscall").split(" ")[0]!);
}

/** Whether it sleeps, in a way that signals end: it neither runs nor is to, and nobody has stopped it. */
export function isAsleep(kernel: HostContext, task: HostThread): boolean {
  const text = threadText(kernel, task, "stat");
  return text.charAt(text.lastIndexOf(")") + 2) === "S";
}
