// unshare(2): what tasks share by clone's flags, given up; and setns(2). Of the namespaces there are new ones of mounts,
// System V IPC, networks and PIDs; the others are the sandbox's, and asking for new ones ends as in a kernel that is built
// without them.

import { EBADF, EINVAL, ENOMEM, ENOSPC, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import * as C from "../../shared/abi/sched.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import { PidFile } from "../process/pid_file.ts";
import { mayInspect } from "../process/ptrace_access.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { NAMESPACE_KINDS, type NamespaceKind } from "./namespaces.ts";
import { NamespaceFile } from "./ns_fs.ts";

const NAMESPACES = C.CLONE_NEWTIME | C.CLONE_NEWCGROUP | C.CLONE_NEWUTS | C.CLONE_NEWUSER;
/** What a process with one thread shares with nobody anyway. */
const OF_THREADS = C.CLONE_THREAD | C.CLONE_SIGHAND | C.CLONE_VM;
const ALL_KINDS = NAMESPACE_KINDS.reduce((all, { type }) => all | type, 0);
const KNOWN =
  C.CLONE_NEWNS |
  C.CLONE_NEWIPC |
  C.CLONE_NEWNET |
  C.CLONE_NEWPID |
  C.CLONE_FS |
  C.CLONE_FILES |
  C.CLONE_SYSVSEM |
  OF_THREADS;

function isAdministrator({ credentials, kernel }: Task): boolean {
  return capable(credentials, kernel.users, CAP_SYS_ADMIN);
}

/** Whether the task may have a copy of its mount namespace: 0 or a negative errno. */
export function mayCopyMounts(task: Task): number {
  const { kernel, fs } = task;
  if (!isAdministrator(task)) return -EPERM;
  return kernel.heap.hasRoom("mounts", fs.namespace.mounts.size) ? 0 : -ENOSPC;
}

/** Whether the task may make namespaces of System V IPC, PIDs and networks (CLONE_NEW*): 0 or a negative errno. */
export function mayMakeNamespaces(task: Task, flags: number): number {
  if ((flags & (C.CLONE_NEWIPC | C.CLONE_NEWNET | C.CLONE_NEWPID)) === 0) return 0;
  if (!isAdministrator(task)) return -EPERM;
  if ((flags & C.CLONE_NEWPID) !== 0) {
    // Nobody is put two namespaces below where he is.
    const refused = task.pids !== task.pidsForChildren ? -EINVAL : task.pids.mayMakeChild();
    if (refused < 0) return refused;
  }
  return (flags & C.CLONE_NEWNET) !== 0 ? task.kernel.networks.mayMake() : 0;
}

/** By setns(2), namespaces of these kinds, of which none may be refused. */
function enter(task: Task, entered: readonly (readonly [NamespaceKind, object])[]): number {
  if (!isAdministrator(task)) return -EPERM;
  for (const [kind, one] of entered) {
    const error = kind.mayEnter(task, one);
    if (error < 0) return error;
  }
  for (const [kind, one] of entered) kind.enter(task, one);
  return 0;
}

/** The namespaces of a process that a descriptor stands for, of the kinds that are asked for. */
function enterThoseOf(task: Task, { state, leader }: ThreadGroup, flags: number): number {
  if (flags === 0 || (flags & ~ALL_KINDS) !== 0) return -EINVAL;
  if (state !== "running" || leader.isEnding) return -ESRCH;
  if (mayInspect(task.credentials, leader.group) < 0) return -EPERM;
  const kinds = NAMESPACE_KINDS.filter(({ type }) => (flags & type) !== 0);
  return enter(
    task,
    kinds.map((kind) => [kind, kind.of(leader)]),
  );
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
    const refused = mayMakeNamespaces(task, flags);
    if (refused < 0) return refused;
    if ((flags & C.CLONE_FILES) !== 0 && !task.files.mayBeUnshared) return -ENOMEM;
    if ((newMounts || (flags & C.CLONE_FS) !== 0) && task.fs.users > 1) {
      const shared = task.fs;
      task.fs = shared.copy();
      shared.release();
    }
    if (newMounts) task.fs.enterCopy();
    if ((flags & C.CLONE_SYSVSEM) !== 0) task.ipc.leaveUndoList(task.group.id);
    if ((flags & C.CLONE_NEWIPC) !== 0) task.ipc.enterNew(task.group.id);
    if ((flags & C.CLONE_NEWNET) !== 0) task.network = task.kernel.networks.make();
    if ((flags & C.CLONE_NEWPID) !== 0) task.pidsForChildren = task.pids.makeChild();
    if ((flags & C.CLONE_FILES) !== 0) task.files = task.files.unshare();
    return 0;
  },

  setns: (task, fd, flags) => {
    const file = task.files.get(fd);
    if (file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
    if (file instanceof PidFile) return enterThoseOf(task, file.group, flags);
    if (!(file instanceof NamespaceFile)) return -EINVAL;
    const { namespaceKind, namespace } = file;
    if (flags !== 0 && flags !== namespaceKind.type) return -EINVAL;
    return enter(task, [[namespaceKind, namespace]]);
  },
};
