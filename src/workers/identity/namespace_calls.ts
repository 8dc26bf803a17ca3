// unshare(2): what tasks share by clone's flags, given up; and setns(2). There are new namespaces of all kinds but of times,
// asking for which ends as in a kernel that is built without them.

import { EBADF, EINVAL, ENOMEM, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import * as C from "../../shared/abi/sched.ts";
import type { Handlers } from "../call/dispatch.ts";
import { type Credentials, inNamespace } from "../credentials/credentials.ts";
import { PidFile } from "../process/pid_file.ts";
import { mayInspect } from "../process/ptrace_access.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { becomeOther } from "./become.ts";
import { NAMESPACE_KINDS, type NamespaceKind, USER } from "./namespaces.ts";
import { mayMakeNamespaces, NEW_NAMESPACES, NewNamespaces } from "./new_namespaces.ts";
import { NamespaceFile } from "./ns_fs.ts";

/** What a process with one thread shares with nobody anyway. */
const OF_THREADS = C.CLONE_THREAD | C.CLONE_SIGHAND | C.CLONE_VM;
const ALL_KINDS = NAMESPACE_KINDS.reduce((all, { type }) => all | type, 0);
const KNOWN = NEW_NAMESPACES | C.CLONE_FS | C.CLONE_FILES | C.CLONE_SYSVSEM | OF_THREADS;

type Entered = readonly (readonly [NamespaceKind, object])[];

/** By setns(2), namespaces of these kinds, of which none may be refused: the user namespace, if it is one, before all others. */
function enter(task: Task, given: Entered): number {
  const entered = [...given].sort(([a], [b]) => Number(b === USER) - Number(a === USER));
  let credentials: Credentials = task.credentials;
  for (const [kind, one] of entered) {
    const error = kind.mayEnter(task, one, credentials);
    if (error < 0) return error;
    if (kind === USER) credentials = inNamespace(credentials, one as Credentials["userNamespace"]);
  }
  for (const [kind, one] of entered) kind.enter(task, one);
  return 0;
}

/** The namespaces of a process that a descriptor stands for, of the kinds that are asked for. */
function enterThoseOf(task: Task, { state, leader }: ThreadGroup, flags: number): number {
  if (flags === 0 || (flags & ~ALL_KINDS) !== 0) return -EINVAL;
  if (state !== "running" || leader.isEnding) return -ESRCH;
  if (mayInspect(task.credentials, leader, true) < 0) return -EPERM;
  const kinds = NAMESPACE_KINDS.filter(({ type }) => (flags & type) !== 0);
  return enter(
    task,
    kinds.map((kind) => [kind, kind.of(leader)]),
  );
}

/** With what goes along: who is in another user namespace shares neither places nor threads with those of his own. */
function withImplied(flags: number): number {
  return (flags & C.CLONE_NEWUSER) !== 0 ? flags | C.CLONE_THREAD | C.CLONE_FS : flags;
}

function unshare(task: Task, given: number): number {
  const flags = withImplied(given);
  if ((flags & C.CLONE_NEWTIME) !== 0) {
    task.kernel.counters.unsupportedCalls++;
    return -EINVAL;
  }
  if ((flags & ~KNOWN) !== 0) return -EINVAL;
  if ((flags & OF_THREADS) !== 0 && task.group.tasks.length > 1) return -EINVAL;
  const refused = mayMakeNamespaces(task, flags);
  if (refused < 0) return refused;
  if ((flags & C.CLONE_FILES) !== 0 && !task.files.mayBeUnshared) return -ENOMEM;
  const made = new NewNamespaces(task, flags);
  const mounts = made.own("mnt");
  if ((mounts !== null || (flags & C.CLONE_FS) !== 0) && task.fs.users > 1) {
    const shared = task.fs;
    task.fs = shared.copy();
    shared.release();
  }
  if (mounts !== null) task.fs.enterCopy(mounts);
  if ((flags & C.CLONE_SYSVSEM) !== 0) task.ipc.leaveUndoList(task.group.id);
  const ipc = made.own("ipc");
  if (ipc !== null) task.ipc.enterNew(task.group.id, ipc);
  task.network = made.network;
  task.uts = made.uts;
  task.cgroups = made.cgroups;
  const pids = made.own("pid");
  if (pids !== null) task.pidsForChildren = task.pids.makeChild(undefined, pids);
  if ((flags & C.CLONE_FILES) !== 0) task.files = task.files.unshare();
  if (made.credentials !== task.credentials) becomeOther(task, made.credentials);
  made.release();
  return 0;
}

export const NAMESPACE_HANDLERS: Handlers<Task> = {
  unshare: (task, flags) => unshare(task, flags),

  setns: (task, fd, flags) => {
    const file = task.files.usable(fd);
    if (file === undefined) return -EBADF;
    if (file instanceof PidFile) return enterThoseOf(task, file.group, flags);
    if (!(file instanceof NamespaceFile)) return -EINVAL;
    const { namespaceKind, namespace } = file;
    if (flags !== 0 && flags !== namespaceKind.type) return -EINVAL;
    return enter(task, [[namespaceKind, namespace]]);
  },
};
