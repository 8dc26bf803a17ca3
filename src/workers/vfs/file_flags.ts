// Flags of files beside their mode (FS_IOC_GETFLAGS, chattr(1)): what may not be done to a file that is immutable
// or may only grow, whoever asks. Calls ask here; inodes keep the flags.

import { EPERM } from "../../shared/abi/errno.ts";
import * as S from "../../shared/abi/stat.ts";
import type { Inode } from "./inode.ts";

function has(inode: Inode | null, mask: number): boolean {
  const flags = inode?.fileFlags() ?? 0;
  return flags > 0 && (flags & mask) !== 0;
}

export function isImmutable(inode: Inode | null): boolean {
  return has(inode, S.FS_IMMUTABLE_FL);
}

export function isAppendOnly(inode: Inode | null): boolean {
  return has(inode, S.FS_APPEND_FL);
}

/** Neither attributes nor names of it change: 0 or -EPERM. */
export function mayChange(inode: Inode | null): number {
  return has(inode, S.FS_IMMUTABLE_FL | S.FS_APPEND_FL) ? -EPERM : 0;
}

/** STATX_ATTR_* of FS_*_FL. */
export function statxAttributes(inode: Inode | null): number {
  // The bits are the same, where both know one.
  const flags = inode?.fileFlags() ?? 0;
  return flags > 0 ? flags & (S.FS_IMMUTABLE_FL | S.FS_APPEND_FL | S.FS_NODUMP_FL) : 0;
}
