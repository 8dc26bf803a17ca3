// Kinds of namespaces (namespaces(7)), a row each: which one a task is in, whose it is, how it is held, and how a task enters
// it. Of time namespaces the sandbox has one alone; something stands in for that.

import { EINVAL, EPERM, EUSERS } from "../../shared/abi/errno.ts";
import * as N from "../../shared/abi/nsfs.ts";
import { CAP_SYS_ADMIN, CAP_SYS_CHROOT } from "../../shared/abi/prctl.ts";
import * as S from "../../shared/abi/sched.ts";
import { type Credentials, capable, inNamespace } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { IpcNamespace } from "../ipc/namespace.ts";
import type { Network } from "../net/network.ts";
import type { PidNamespace } from "../process/pids.ts";
import type { Task } from "../process/task.ts";
import type { MountNamespace } from "../vfs/path.ts";
import { becomeOther } from "./become.ts";
import type { CgroupNamespace } from "./cgroup_namespace.ts";
import type { UtsNamespace } from "./uts.ts";

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
  /** The user namespace that it belongs to; null: that which is above all that there are. */
  owner(task: Task, one: object): UserNamespace | null;
  inode(one: object): number;
  /** Somebody stands at its file; or nobody does any more. */
  hold(one: object): void;
  release(one: object): void;
  /** Whether a task may enter it with such credentials: 0 or a negative errno. */
  mayEnter(task: Task, one: object, credentials: Credentials): number;
  enter(task: Task, one: object): void;
}

interface Row<T extends object> {
  readonly type: number;
  readonly name: string;
  of(task: Task): T;
  ofChildren?(task: Task): T | null;
  parent?(task: Task, one: T): T | number;
  owner(task: Task, one: T): UserNamespace | null;
  inode(one: T): number;
  hold(one: T): void;
  release(one: T): void;
  mayEnter(task: Task, one: T, credentials: Credentials): number;
  enter(task: Task, one: T): void;
}

function kind<T extends object>(row: Row<T>): NamespaceKind {
  return row as unknown as NamespaceKind;
}

/** Whether somebody is an administrator of what he enters, and of the user namespace that he is in. */
function administers(credentials: Credentials, owner: UserNamespace): number {
  const { userNamespace } = credentials;
  const isMighty =
    capable(credentials, owner, CAP_SYS_ADMIN) && capable(credentials, userNamespace, CAP_SYS_ADMIN);
  return isMighty ? 0 : -EPERM;
}

/** Those that know whose they are and count who holds them. */
interface Held {
  readonly owner: UserNamespace;
  readonly inode: number;
  hold(): unknown;
  release(): void;
}

const HELD = {
  owner: (_task: Task, { owner }: Held) => owner,
  inode: ({ inode }: Held) => inode,
  hold: (one: Held) => {
    one.hold();
  },
  release: (one: Held) => one.release(),
};

const CGROUP = kind<CgroupNamespace>({
  type: S.CLONE_NEWCGROUP,
  name: "cgroup",
  of: ({ cgroups }) => cgroups,
  ...HELD,
  mayEnter: (_task, { owner }, credentials) => administers(credentials, owner),
  enter: (task, one) => {
    task.cgroups = one;
  },
});

const IPC = kind<IpcNamespace>({
  type: S.CLONE_NEWIPC,
  name: "ipc",
  of: ({ ipc }) => ipc.namespace,
  owner: (_task, { owner }) => owner,
  inode: ({ inode }) => inode,
  hold: (one) => one.enter(),
  release: (one) => one.leave(),
  mayEnter: (_task, { owner }, credentials) => administers(credentials, owner),
  enter: (task, one) => task.ipc.enter(one, task.group.id),
});

const MNT = kind<MountNamespace>({
  type: S.CLONE_NEWNS,
  name: "mnt",
  of: ({ fs }) => fs.namespace,
  owner: (_task, { owner }) => owner,
  inode: ({ inode }) => inode,
  hold: (one) => one.use(),
  release: (one) => one.letGo(),
  mayEnter: (task, { owner }, credentials) => {
    if (!capable(credentials, credentials.userNamespace, CAP_SYS_CHROOT)) return -EPERM;
    const refused = administers(credentials, owner);
    if (refused < 0) return refused;
    return task.fs.users > 1 ? -EINVAL : 0;
  },
  enter: (task, one) => task.fs.enter(one, one.top, one.top),
});

const NET = kind<Network>({
  type: S.CLONE_NEWNET,
  name: "net",
  of: ({ network }) => network,
  ...HELD,
  mayEnter: (_task, { owner }, credentials) => administers(credentials, owner),
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
  ...HELD,
  mayEnter: (task, one, credentials) => {
    const refused = administers(credentials, one.owner);
    if (refused < 0) return refused;
    return one.isWithin(task.pids) ? 0 : -EINVAL;
  },
  enter: (task, one) => {
    task.pidsForChildren = one;
  },
});

const ONLY_TIME = {};

const TIME = kind<object>({
  type: S.CLONE_NEWTIME,
  name: "time",
  of: () => ONLY_TIME,
  ofChildren: () => ONLY_TIME,
  owner: ({ kernel }) => kernel.users,
  inode: () => N.TIME_FIRST_INO,
  hold: () => {},
  release: () => {},
  mayEnter: ({ group, kernel }, _one, credentials) => {
    if (group.tasks.length > 1) return -EUSERS;
    return administers(credentials, kernel.users);
  },
  enter: () => {},
});

export const USER = kind<UserNamespace>({
  type: S.CLONE_NEWUSER,
  name: "user",
  of: ({ credentials }) => credentials.userNamespace,
  // Nobody sees the one above that of the sandbox's guests.
  parent: ({ kernel, credentials }, one) => {
    if (one === kernel.users || one.parent === null) return -EPERM;
    return one.parent.isWithin(credentials.userNamespace) ? one.parent : -EPERM;
  },
  owner: ({ kernel }, one) => (one === kernel.users ? null : one.parent),
  inode: ({ inode }) => inode,
  hold: (one) => one.hold(),
  release: (one) => one.release(),
  mayEnter: (task, one, credentials) => {
    // Nobody enters the one that they are in: what they have given up would come back.
    if (one === credentials.userNamespace || task.group.tasks.length > 1 || task.fs.users > 1) return -EINVAL;
    return capable(credentials, one, CAP_SYS_ADMIN) ? 0 : -EPERM;
  },
  enter: (task, one) => becomeOther(task, inNamespace(task.credentials, one)),
});

const UTS = kind<UtsNamespace>({
  type: S.CLONE_NEWUTS,
  name: "uts",
  of: ({ uts }) => uts,
  ...HELD,
  mayEnter: (_task, { owner }, credentials) => administers(credentials, owner),
  enter: (task, one) => {
    task.uts = one;
  },
});

export const NAMESPACE_KINDS: readonly NamespaceKind[] = [CGROUP, IPC, MNT, NET, PID, TIME, USER, UTS];
