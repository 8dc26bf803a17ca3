// Who a task is: process and thread numbers, user and group ids (credentials(7)).

import { EINVAL } from "../../shared/abi/errno.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { writeGuest } from "../call/guest_copy.ts";
import type { IdMap } from "../credentials/id_map.ts";
import type { Task } from "../process/task.ts";

function writeIds(task: Task, map: IdMap, addresses: readonly number[], ids: readonly number[]): number {
  for (const [index, address] of addresses.entries()) {
    task.call.view.setUint32(task.call.out(address, 4), map.told(ids[index]!), true);
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
  getuid: ({ credentials: c }) => c.userNamespace.uids.told(c.uid),
  geteuid: ({ credentials: c }) => c.userNamespace.uids.told(c.euid),
  getgid: ({ credentials: c }) => c.userNamespace.gids.told(c.gid),
  getegid: ({ credentials: c }) => c.userNamespace.gids.told(c.egid),

  getresuid: (task, ruid, euid, suid) => {
    const { credentials: c } = task;
    return writeIds(task, c.userNamespace.uids, [ruid, euid, suid], [c.uid, c.euid, c.suid]);
  },

  getresgid: (task, rgid, egid, sgid) => {
    const { credentials: c } = task;
    return writeIds(task, c.userNamespace.gids, [rgid, egid, sgid], [c.gid, c.egid, c.sgid]);
  },

  getgroups: (task, size, list) => {
    const { groups, userNamespace } = task.credentials;
    if (size < 0) return -EINVAL;
    if (size === 0) return groups.length;
    if (size < groups.length) return -EINVAL;
    if (groups.length === 0) return 0;
    const told = Uint32Array.from(groups, (gid) => userNamespace.gids.told(gid));
    const bytes = new Uint8Array(told.buffer);
    return task.call.start(giveGroups(task, list, bytes));
  },
};
