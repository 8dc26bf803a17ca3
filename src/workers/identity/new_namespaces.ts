// What unshare(2) and clone(2) make of CLONE_NEW* flags: whether a task may have such namespaces, and which ones come of
// them. A user namespace that is among them is made first, and the others are its.

import { EINVAL, ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import * as C from "../../shared/abi/sched.ts";
import { type Credentials, capable, inNamespace } from "../credentials/credentials.ts";
import { Owned, type OwnedKind } from "../credentials/user_namespace.ts";
import type { Network } from "../net/network.ts";
import type { Task } from "../process/task.ts";
import { CgroupNamespace } from "./cgroup_namespace.ts";
import type { UtsNamespace } from "./uts.ts";

/** Those that belong to a user namespace. */
const KINDS: Readonly<Record<Exclude<OwnedKind, "user">, number>> = {
  cgroup: C.CLONE_NEWCGROUP,
  ipc: C.CLONE_NEWIPC,
  mnt: C.CLONE_NEWNS,
  net: C.CLONE_NEWNET,
  pid: C.CLONE_NEWPID,
  uts: C.CLONE_NEWUTS,
};
type Kind = keyof typeof KINDS;

const OTHERS = Object.values(KINDS).reduce((all, flag) => all | flag, 0);
export const NEW_NAMESPACES = C.CLONE_NEWUSER | OTHERS;

/** Whether its root is that of its mount namespace. */
function isChrooted({ fs: { root, namespace } }: Task): boolean {
  return !root.equals(namespace.top);
}

/** Whether the task may have new namespaces (CLONE_NEW*): 0 or a negative errno. */
export function mayMakeNamespaces(task: Task, flags: number): number {
  const { credentials, kernel } = task;
  const { userNamespace: users } = credentials;
  const isBelow = (flags & C.CLONE_NEWUSER) !== 0;
  if (isBelow) {
    const refused = kernel.userNamespaces.mayMake(credentials, isChrooted(task));
    if (refused < 0) return refused;
  }
  if ((flags & OTHERS) === 0) return 0;
  if (!isBelow && !capable(credentials, users, CAP_SYS_ADMIN)) return -EPERM;
  const { heap } = kernel;
  // As those of a user namespace that is not there yet they count in the one above it, by the same user.
  for (const [kind, flag] of Object.entries(KINDS))
    if ((flags & flag) !== 0 && users.mayOwn(kind as Kind, credentials.euid) < 0) return -ENOSPC;
  if ((flags & C.CLONE_NEWNS) !== 0 && !heap.hasRoom("mounts", task.fs.namespace.mounts.size)) return -ENOSPC;
  if (
    (flags & (C.CLONE_NEWIPC | C.CLONE_NEWUTS | C.CLONE_NEWCGROUP)) !== 0 &&
    !heap.hasRoom("smallNamespaces", 3)
  )
    return -ENOSPC;
  if ((flags & C.CLONE_NEWPID) !== 0) {
    // Nobody is put two namespaces below where he is.
    const refused = task.pids !== task.pidsForChildren ? -EINVAL : task.pids.mayMakeChild();
    if (refused < 0) return refused;
  }
  return (flags & C.CLONE_NEWNET) !== 0 ? kernel.networks.mayMake() : 0;
}

/** What comes of the flags, which mayMakeNamespaces has allowed. Held until release(). */
export class NewNamespaces {
  readonly #flags: number;
  /** The task's, or with all capabilities in a new user namespace. */
  readonly credentials: Credentials;
  readonly network: Network;
  readonly uts: UtsNamespace;
  readonly cgroups: CgroupNamespace;

  constructor(task: Task, flags: number) {
    const { kernel, credentials } = task;
    this.#flags = flags;
    const isBelow = (flags & C.CLONE_NEWUSER) !== 0;
    this.credentials = isBelow
      ? inNamespace(credentials, kernel.userNamespaces.make(credentials))
      : credentials;
    this.credentials.userNamespace.hold();
    const net = this.own("net");
    this.network = (net === null ? task.network : kernel.networks.make(net)).hold();
    const uts = this.own("uts");
    this.uts = (uts === null ? task.uts : task.uts.copy(uts, kernel.nextNamespace())).hold();
    const cgroup = this.own("cgroup");
    this.cgroups = (
      cgroup === null ? task.cgroups : new CgroupNamespace(kernel.counters, cgroup, kernel.nextNamespace())
    ).hold();
  }

  /** That a new one of that kind belongs to the user namespace; null: there is to be none. */
  own(kind: Kind): Owned | null {
    const { userNamespace, euid } = this.credentials;
    return (this.#flags & KINDS[kind]) === 0 ? null : new Owned(userNamespace, kind, euid);
  }

  release(): void {
    this.network.release();
    this.uts.release();
    this.cgroups.release();
    this.credentials.userNamespace.release();
  }
}
