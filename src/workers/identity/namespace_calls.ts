// unshare(2): what tasks share by clone's flags, given up. Of the namespaces there are new ones of mounts and of
// System V IPC; the others are the sandbox's, and asking for new ones ends as in a kernel that is built without them.

import { EINVAL, ENOMEM, ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import * as C from "../../shared/abi/sched.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";

const NAMESPACES =
  C.CLONE_NEWTIME | C.CLONE_NEWCGROUP | C.CLONE_NEWUTS | C.CLONE_NEWUSER | C.CLONE_NEWPID | C.CLONE_NEWNET;
/** What a process with one thread shares with nobody anyway. */
const OF_THREADS = C.CLONE_THREAD | C.CLONE_SIGHAND | C.CLONE_VM;
const KNOWN = C.CLONE_NEWNS | C.CLONE_NEWIPC | C.CLONE_FS | C.CLONE_FILES | C.CLONE_SYSVSEM | OF_THREADS;

/** Whether the task may have a copy of its mount namespace: 0 or a negative errno. */
export function mayCopyMounts(task: Task): number {
  const { kernel, fs } = task;
  if (!capable(task.credentials, kernel.users, CAP_SYS_ADMIN)) return -EPERM;
  return kernel.heap.hasRoom("mounts", fs.namespace.mounts.size) ? 0 : -ENOSPC;
}

/** Whether the task may make an IPC namespace: 0 or -EPERM. */
export function mayMakeIpcNamespace(task: Task): number {
  return capable(task.credentials, task.kernel.users, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

export const NAMESPACE_HANDLERS: Handlers<Task> = {
  unshare: (task, flags) => {
    if ((flags & NAMESPACES) !== 0) {
      task.kernel.counters.unsupportedCalls++;
      return -EINVAL;
    }
    if ((flags & ~KNOWN) !== 0) return -EINVAL;
    if ((flags & OF_THREADS) !== 0 && task.group.alive > 1) return -EINVAL;
    const newMounts = (flags & C.CLONE_NEWNS) !== 0;
    const error = newMounts ? mayCopyMounts(task) : 0;
    if (error < 0) return error;
    const newIpc = (flags & C.CLONE_NEWIPC) !== 0;
    if (newIpc && mayMakeIpcNamespace(task) < 0) return -EPERM;
    if ((flags & C.CLONE_FILES) !== 0 && !task.files.mayBeUnshared) return -ENOMEM;
    if ((newMounts || (flags & C.CLONE_FS) !== 0) && task.fs.users > 1) {
      const shared = task.fs;
      task.fs = shared.copy();
      shared.release();
    }
    if (newMounts) task.fs.enterCopy();
    if ((flags & C.CLONE_SYSVSEM) !== 0) task.ipc.leaveUndoList(task.group.pid);
    if (newIpc) task.ipc.enterNew(task.group.pid);
    if ((flags & C.CLONE_FILES) !== 0) task.files = task.files.unshare();
    return 0;
  },
};
