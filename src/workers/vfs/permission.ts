// Whether credentials allow an access (path_resolution(7), capabilities(7)).

import { EACCES } from "../../shared/abi/errno.ts";
import { S_IFDIR, S_IFMT } from "../../shared/abi/stat.ts";
import type { UserNamespace } from "../supervisor/credentials.ts";
import { type Credentials, capable } from "../supervisor/credentials.ts";

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

const CAP_DAC_OVERRIDE = 1;
const CAP_DAC_READ_SEARCH = 2;

export interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export function inGroup(credentials: Credentials, gid: number): boolean {
  return credentials.fsgid === gid || credentials.groups.includes(gid);
}

/** 0, or -EACCES. `mask` is a set of MAY_*. */
export function permission(
  credentials: Credentials,
  namespace: UserNamespace,
  file: Owned,
  mask: number,
): number {
  const bits =
    credentials.fsuid === file.uid
      ? (file.mode >> 6) & 7
      : inGroup(credentials, file.gid)
        ? (file.mode >> 3) & 7
        : file.mode & 7;
  if ((mask & ~bits) === 0) return 0;
  const isDirectory = (file.mode & S_IFMT) === S_IFDIR;
  if (capable(credentials, namespace, CAP_DAC_OVERRIDE)) {
    // Execution needs some x bit even for the mighty.
    if ((mask & MAY_EXEC) === 0 || isDirectory || (file.mode & 0o111) !== 0) return 0;
  }
  if (capable(credentials, namespace, CAP_DAC_READ_SEARCH)) {
    if (mask === MAY_READ || (isDirectory && (mask & MAY_WRITE) === 0)) return 0;
  }
  return -EACCES;
}
