// Whether credentials allow an access (path_resolution(7), capabilities(7)).

import { EACCES } from "../../shared/abi/errno.ts";
import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID } from "../../shared/abi/prctl.ts";
import { S_IFDIR, S_IFMT, S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import { type Credentials, capable, hasGroup } from "../credentials/credentials.ts";
import { NO_ID } from "../credentials/id_map.ts";
import { aclAllows } from "./acl.ts";
import type { VfsCaller } from "./caller.ts";

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

export interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly acl: Buffer | null;
}

export function inGroup(credentials: Credentials, gid: number): boolean {
  return credentials.fsgid === gid || hasGroup(credentials, gid);
}

/** Whether the task may leave a set-group-ID bit on such a file. */
function mayGiveGroup({ credentials }: VfsCaller, file: Ids): boolean {
  return inGroup(credentials, file.gid) || capableOver(credentials, file, CAP_FSETID);
}

/** Bits for chmod, or for something new in such a directory: without set-group-ID where the task is no member. */
export function withoutForeignGroup(task: VfsCaller, mode: number, file: Ids): number {
  return (mode & S_ISGID) === 0 || mayGiveGroup(task, file) ? mode : mode & ~S_ISGID;
}

/**
 * A mode without its set-id bits; set-group-ID without x for the group means a kind of locks, and stays for members.
 */
export function withoutSetIds(task: VfsCaller, mode: number, file: Ids): number {
  const drops = (mode & 0o010) !== 0 || !mayGiveGroup(task, file);
  return mode & ~(S_ISUID | (drops ? S_ISGID : 0));
}

/** The mode of a file after a task has written to it: set-id bits go, but for the mighty. */
export function withoutPrivileges(task: VfsCaller, file: Ids & { readonly mode: number }): number {
  const { mode } = file;
  if ((mode & (S_ISUID | S_ISGID)) === 0) return mode;
  if (capable(task.credentials, task.kernel.users, CAP_FSETID)) return mode;
  return withoutSetIds(task, mode, file);
}

type Ids = { readonly uid: number; readonly gid: number };

/**
 * Whether a capability that the task has in its own user namespace holds for that file: of who is not mapped there, nothing
 * is in its reach (capable_wrt_inode_uidgid).
 */
export function capableOver(credentials: Credentials, { uid, gid }: Ids, capability: number): boolean {
  const { userNamespace: users } = credentials;
  return capable(credentials, users, capability) && users.uids.knows(uid) && users.gids.knows(gid);
}

/** Whether the task is the file's owner, or as good as that (inode_owner_or_capable). */
export function isOwner({ credentials }: VfsCaller, { uid }: Ids): boolean {
  if (uid === NO_ID) return false;
  const { fsuid, userNamespace: users } = credentials;
  return fsuid === uid || (users.uids.knows(uid) && capable(credentials, users, CAP_FOWNER));
}

/** 0, or -EACCES. `mask` is a set of MAY_*. */
export function permission(credentials: Credentials, file: Owned, mask: number): number {
  const bits =
    credentials.fsuid === file.uid
      ? (file.mode >> 6) & 7
      : inGroup(credentials, file.gid)
        ? (file.mode >> 3) & 7
        : file.mode & 7;
  if (file.acl !== null && credentials.fsuid !== file.uid && (file.mode & 0o070) !== 0) {
    const isMember = (gid: number) => inGroup(credentials, gid);
    if (aclAllows(file.acl, credentials.fsuid, file.gid, isMember, mask)) return 0;
  } else if ((mask & ~bits) === 0) return 0;
  const isDirectory = (file.mode & S_IFMT) === S_IFDIR;
  if (capableOver(credentials, file, CAP_DAC_OVERRIDE)) {
    // Execution needs some x bit even for the mighty.
    if ((mask & MAY_EXEC) === 0 || isDirectory || (file.mode & 0o111) !== 0) return 0;
  }
  if (capableOver(credentials, file, CAP_DAC_READ_SEARCH)) {
    if (mask === MAY_READ || (isDirectory && (mask & MAY_WRITE) === 0)) return 0;
  }
  return -EACCES;
}
