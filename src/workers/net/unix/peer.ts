// Who is at the other end of a connection, and who sends a message (unix(7), SO_PEERCRED and SCM_CREDENTIALS).

import { EINVAL, EPERM, ESRCH } from "../../../shared/abi/errno.ts";
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN } from "../../../shared/abi/prctl.ts";
import type { ValueOf } from "../../../shared/abi/struct.ts";
import { ucred } from "../../../shared/abi/structs.ts";
import { capable } from "../../credentials/credentials.ts";
import { NO_ID } from "../../credentials/id_map.ts";
import type { ProcessName } from "../../vfs/processes.ts";
import type { UnixCaller } from "./context.ts";

export interface Ucred {
  /** Null: nobody. */
  readonly process: ProcessName | null;
  readonly uid: number;
  readonly gid: number;
}

/** More groups than these a connection does not keep: lists are long, and connections many. */
const GROUPS_KEPT = 64;

/** Who the other end of a connection is, as it was then. */
export class Peer implements Ucred {
  readonly process: ProcessName;
  readonly uid: number;
  readonly gid: number;
  readonly #groups: readonly number[] | null;

  constructor({ group, credentials: { euid, egid, groups } }: UnixCaller) {
    this.process = group.id;
    this.uid = euid;
    this.gid = egid;
    this.#groups = groups.length <= GROUPS_KEPT ? groups : null;
  }

  get groups(): readonly number[] {
    return this.#groups ?? this.process.group?.leader.credentials.groups ?? [];
  }
}

/** Whom SO_PEERCRED names where there is nobody. */
export const NO_PEER: Ucred = { process: null, uid: 0xffffffff, gid: 0xffffffff };

/** Who a message is from when nobody has said so. */
export const NOBODY: Ucred = { process: null, uid: 65534, gid: 65534 };

/** Whom a task may say that it is, with a number of its own PID namespace; or a negative errno. */
export function claimed(task: UnixCaller, given: ValueOf<typeof ucred>): Ucred | number {
  const { pid } = given;
  const c = task.credentials;
  const { userNamespace: users } = c;
  const uid = users.uids.toKernel(given.uid);
  const gid = users.gids.toKernel(given.gid);
  if (uid === NO_ID || gid === NO_ID) return -EINVAL;
  if (pid !== task.pid && !capable(c, task.ownersOfShown.pids, CAP_SYS_ADMIN)) return -EPERM;
  if (![c.uid, c.euid, c.suid].includes(uid) && !capable(c, users, CAP_SETUID)) return -EPERM;
  if (![c.gid, c.egid, c.sgid].includes(gid) && !capable(c, users, CAP_SETGID)) return -EPERM;
  const process = task.pids.find(pid);
  return process === undefined || process.task === null ? -ESRCH : { process, uid, gid };
}

/** As that task is told; of nobody as it stands. */
export function credentialBytes(task: UnixCaller, peer: Ucred): Buffer {
  const bytes = Buffer.alloc(ucred.size);
  const { uids, gids } = task.credentials.userNamespace;
  const pid = peer.process?.in(task.pids) ?? 0;
  const isNobody = peer === NO_PEER || peer === NOBODY;
  const uid = isNobody ? peer.uid : uids.told(peer.uid);
  const gid = isNobody ? peer.gid : gids.told(peer.gid);
  ucred.encode({ pid, uid, gid }, bytes);
  return bytes;
}

export function credentialsOf(task: UnixCaller): Ucred {
  return { process: task.group.id, uid: task.credentials.uid, gid: task.credentials.gid };
}
