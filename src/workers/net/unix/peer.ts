// Who is at the other end of a connection, and who sends a message (unix(7), SO_PEERCRED and SCM_CREDENTIALS).

import { EINVAL, EPERM, ESRCH } from "../../../shared/abi/errno.ts";
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN } from "../../../shared/abi/prctl.ts";
import { capable } from "../../credentials/credentials.ts";
import type { Process } from "../../vfs/processes.ts";
import type { UnixCaller } from "./context.ts";

export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** More groups than these a connection does not keep: lists are long, and connections many. */
const GROUPS_KEPT = 64;

/** Who the other end of a connection is, as it was then. */
export class Peer implements Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly #groups: readonly number[] | null;
  /** A connection does not keep what is left of a process. */
  readonly #process: WeakRef<Process>;

  constructor({ group, credentials: { euid, egid, groups } }: UnixCaller) {
    this.pid = group.pid;
    this.uid = euid;
    this.gid = egid;
    this.#groups = groups.length <= GROUPS_KEPT ? groups : null;
    this.#process = new WeakRef(group);
  }

  /** The process, until it was waited for. */
  get process(): Process | null {
    const group = this.#process.deref();
    return group === undefined || group.state === "reaped" ? null : group;
  }

  get groups(): readonly number[] {
    return this.#groups ?? this.process?.leader.credentials.groups ?? [];
  }
}

/** Whom SO_PEERCRED names where there is nobody. */
export const NO_PEER: Ucred = { pid: 0, uid: 0xffffffff, gid: 0xffffffff };

/** Who a message is from when nobody has said so. */
export const NOBODY: Ucred = { pid: 0, uid: 65534, gid: 65534 };

/** Whom a task may say that it is: 0 or a negative errno. */
export function mayClaim(task: UnixCaller, { pid, uid, gid }: Ucred): number {
  const c = task.credentials;
  const { users, pids } = task.kernel;
  if (!users.uids.has(uid) || !users.gids.has(gid)) return -EINVAL;
  if (pid !== task.pid && !capable(c, users, CAP_SYS_ADMIN)) return -EPERM;
  if (![c.uid, c.euid, c.suid].includes(uid) && !capable(c, users, CAP_SETUID)) return -EPERM;
  if (![c.gid, c.egid, c.sgid].includes(gid) && !capable(c, users, CAP_SETGID)) return -EPERM;
  return pids.task(pid) === undefined ? -ESRCH : 0;
}

export function credentialsOf(task: UnixCaller): Ucred {
  return { pid: task.pid, uid: task.credentials.uid, gid: task.credentials.gid };
}
