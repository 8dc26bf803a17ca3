// Who a task is: process and thread numbers, user and group ids (credentials(7)).

import { EINVAL } from "../../shared/abi/errno.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { writeGuest } from "../call/guest_copy.ts";
import type { Task } from "../process/task.ts";

function writeIds(task: Task, addresses: readonly number[], ids: readonly number[]): number {
  for (const [index, address] of addresses.entries()) {
    task.call.view.setUint32(task.call.out(address, 4), ids[index]!, true);
  }
  return 0;
}

function* giveGroups(task: Task, list: number, bytes: Uint8Array): Coroutine {
  const error = yield* writeGuest(task, list, bytes);
  return error < 0 ? error : bytes.length / 4;
}

export const IDENTITY_HANDLERS: Handlers<Task> = {
  getpid: (task) => task.group.pid,
  gettid: (task) => task.tid,
  getppid: (task) => task.group.parent?.id.in(task.pids) ?? 0,
  getpgrp: (task) => task.group.processGroup.in(task.pids),
  getuid: (task) => task.credentials.uid,
  geteuid: (task) => task.credentials.euid,
  getgid: (task) => task.credentials.gid,
  getegid: (task) => task.credentials.egid,

  getresuid: (task, ruid, euid, suid) =>
    writeIds(task, [ruid, euid, suid], [task.credentials.uid, task.credentials.euid, task.credentials.suid]),

  getresgid: (task, rgid, egid, sgid) =>
    writeIds(task, [rgid, egid, sgid], [task.credentials.gid, task.credentials.egid, task.credentials.sgid]),

  getgroups: (task, size, list) => {
    const { groups } = task.credentials;
    if (size < 0) return -EINVAL;
    if (size === 0) return groups.length;
    if (size < groups.length) return -EINVAL;
    if (groups.length === 0) return 0;
    const bytes = new Uint8Array(Uint32Array.from(groups).buffer);
    return task.call.start(giveGroups(task, list, bytes));
  },
};
