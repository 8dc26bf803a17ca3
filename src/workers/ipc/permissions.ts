// Who may do what with a System V object (ipc/util.c): owner, creator and mode, as a file has them, and two
// capabilities.

import { EACCES, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { CAP_IPC_OWNER, CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import type { ValueOf } from "../../shared/abi/struct.ts";
import type { ipc64_perm } from "../../shared/abi/structs.ts";
import { type Credentials, capable, hasGroup } from "../credentials/credentials.ts";
import { NO_ID } from "../credentials/id_map.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";

const RWXUGO = 0o777;
export const S_IRUGO = 0o444;
export const S_IWUGO = 0o222;
export const S_IXUGO = 0o111;

export class IpcPermissions {
  key: number;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Permission bits; of a segment SHM_DEST and SHM_LOCKED too. */
  mode: number;
  /** Given by Identifiers.add. */
  id = -1;
  sequence = 0;
  /** Its identifier is no more. */
  removed = false;

  constructor(key: number, flags: number, { euid, egid }: Credentials) {
    this.key = key;
    this.uid = euid;
    this.cuid = euid;
    this.gid = egid;
    this.cgid = egid;
    this.mode = flags & RWXUGO;
  }

  /** As who is in that user namespace is told of it. */
  toStruct({ uids, gids }: UserNamespace): ValueOf<typeof ipc64_perm> {
    const { key, mode, sequence } = this;
    return {
      key,
      uid: uids.told(this.uid),
      gid: gids.told(this.gid),
      cuid: uids.told(this.cuid),
      cgid: gids.told(this.cgid),
      mode,
      seq: sequence,
      __unused1: 0,
      __unused2: 0,
    };
  }

  /** IPC_SET by somebody there: 0 or -EINVAL. */
  update(
    { uids, gids }: UserNamespace,
    { uid, gid, mode }: { uid: number; gid: number; mode: number },
  ): number {
    const owner = uids.toKernel(uid);
    const group = gids.toKernel(gid);
    if (owner === NO_ID || group === NO_ID) return -EINVAL;
    this.uid = owner;
    this.gid = group;
    this.mode = (this.mode & ~RWXUGO) | (mode & RWXUGO);
    return 0;
  }
}

/** Who wants to do something with an object of the namespace that he is in. */
export interface Asker {
  readonly credentials: Credentials;
  readonly ipc: { readonly namespace: { readonly owner: UserNamespace } };
}

function inGroup(credentials: Credentials, gid: number): boolean {
  return credentials.fsgid === gid || hasGroup(credentials, gid);
}

/** Whether the task may do what the bits of `wanted`, in whichever of the three places, stand for: 0 or -EACCES. */
export function mayUse(task: Asker, permissions: IpcPermissions, wanted: number): number {
  const { credentials } = task;
  const { uid, cuid, gid, cgid, mode } = permissions;
  const bits = (wanted >> 6) | (wanted >> 3) | wanted;
  let granted = mode;
  if (credentials.euid === cuid || credentials.euid === uid) granted >>= 6;
  else if (inGroup(credentials, cgid) || inGroup(credentials, gid)) granted >>= 3;
  if ((bits & ~granted & 7) === 0) return 0;
  return capable(credentials, task.ipc.namespace.owner, CAP_IPC_OWNER) ? 0 : -EACCES;
}

/** Whether the task may change or remove the object: 0 or -EPERM. */
export function mayControl(task: Asker, { uid, cuid }: IpcPermissions): number {
  const { euid } = task.credentials;
  if (euid === cuid || euid === uid) return 0;
  return capable(task.credentials, task.ipc.namespace.owner, CAP_SYS_ADMIN) ? 0 : -EPERM;
}
