// Kinds of namespaces (namespaces(7)), a row each: which one a task is in, how it is held, and how a task enters it. Of
// those that the sandbox has one of alone, something stands in for that one.

import { EINVAL, EPERM, EUSERS } from "../../shared/abi/errno.ts";
import * as N from "../../shared/abi/nsfs.ts";
import { CAP_SYS_CHROOT } from "../../shared/abi/prctl.ts";
import * as S from "../../shared/abi/sched.ts";
import { capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { IpcNamespace } from "../ipc/namespace.ts";
import type { Network } from "../net/network.ts";
import type { PidNamespace } from "../process/pids.ts";
import type { Task } from "../process/task.ts";
import type { MountNamespace } from "../vfs/path.ts";

export interface NamespaceKind {
  /** CLONE_NEW* */
  readonly type: number;
  /** What links of /proc/PID/ns call it. */
  readonly name: string;
  of(task: Task): object;
  /** The one that its children are made in, where that may be another; null: nobody has been in it. */
  ofChildren?(task: Task): object | null;
  /** The one above it, as that task sees it, or a negative errno; of kinds that have none there is no such thing. */
  parent?(task: Task, one: object): object | number;
  inode(one: object): number;
  /** Somebody stands at its file; or nobody does any more. */
  hold(one: object): void;
  release(one: object): void;
  /** Whether a task may enter it, with CAP_SYS_ADMIN: 0 or a negative errno. */
  mayEnter(task: Task, one: object): number;
  enter(task: Task, one: object): void;
}

interface Row<T extends object> {
  readonly type: number;
  readonly name: string;
  of(task: Task): T;
  ofChildren?(task: Task): T | null;
  parent?(task: Task, one: T): T | number;
  inode(one: T): number;
  hold(one: T): void;
  release(one: T): void;
  mayEnter(task: Task, one: T): number;
  enter(task: Task, one: T): void;
}

function kind<T extends object>(row: Row<T>): NamespaceKind {
  return row as unknown as NamespaceKind;
}

/** One that all tasks are in. */
function only(
  name: string,
  type: number,
  inode: number,
  mayEnter: (task: Task) => number = () => 0,
  forChildren = false,
) {
  const one = {};
  return kind<object>({
    type,
    name,
    of: () => one,
    ...(forChildren && { ofChildren: () => one }),
    inode: () => inode,
    hold: () => {},
    release: () => {},
    mayEnter,
    enter: () => {},
  });
}

const isAlone = ({ group }: Task): boolean => group.alive === 1;

const IPC = kind<IpcNamespace>({
  type: S.CLONE_NEWIPC,
  name: "ipc",
  of: ({ ipc }) => ipc.namespace,
  inode: ({ inode }) => inode,
  hold: (one) => one.enter(),
  release: (one) => one.leave(),
  mayEnter: () => 0,
  enter: (task, one) => task.ipc.enter(one, task.group.id),
});

const MNT = kind<MountNamespace>({
  type: S.CLONE_NEWNS,
  name: "mnt",
  of: ({ fs }) => fs.namespace,
  inode: ({ inode }) => inode,
  hold: (one) => one.use(),
  release: (one) => one.letGo(),
  mayEnter: (task) => {
    if (!capable(task.credentials, task.kernel.users, CAP_SYS_CHROOT)) return -EPERM;
    return task.fs.users > 1 ? -EINVAL : 0;
  },
  enter: (task, one) => task.fs.enter(one, one.top, one.top),
});

const NET = kind<Network>({
  type: S.CLONE_NEWNET,
  name: "net",
  of: ({ network }) => network,
  inode: ({ inode }) => inode,
  hold: (one) => one.hold(),
  release: (one) => one.release(),
  mayEnter: () => 0,
  enter: (task, one) => {
    task.network = one;
  },
});

const PID = kind<PidNamespace>({
  type: S.CLONE_NEWPID,
  name: "pid",
  of: ({ pids }) => pids,
  ofChildren: ({ pidsForChildren: one }) => (one.hasBegun ? one : null),
  parent: (task, { parent }) => (parent?.isWithin(task.pids) === true ? parent : -EPERM),
  inode: ({ inode }) => inode,
  hold: (one) => one.hold(),
  release: (one) => one.release(),
  mayEnter: (task, one) => (one.isWithin(task.pids) ? 0 : -EINVAL),
  enter: (task, one) => {
    task.pidsForChildren = one;
  },
});

export const USER = kind<UserNamespace>({
  type: S.CLONE_NEWUSER,
  name: "user",
  of: ({ credentials }) => credentials.userNamespace,
  // Nobody sees the one above that of the sandbox's guests.
  parent: () => -EPERM,
  inode: ({ inode }) => inode,
  hold: () => {},
  release: () => {},
  // Nobody enters the one that they are in.
  mayEnter: () => -EINVAL,
  enter: () => {},
});

export const NAMESPACE_KINDS: readonly NamespaceKind[] = [
  only("cgroup", S.CLONE_NEWCGROUP, N.CGROUP_FIRST_INO),
  IPC,
  MNT,
  NET,
  PID,
  only("time", S.CLONE_NEWTIME, N.TIME_FIRST_INO, (task) => (isAlone(task) ? 0 : -EUSERS), true),
  USER,
  only("uts", S.CLONE_NEWUTS, N.UTS_FIRST_INO),
];
