// What mounts and their file systems keep of mount(2)'s flags.

import * as M from "../../shared/abi/mount.ts";

/** What a mount keeps. */
export const MOUNT_FLAGS =
  M.MS_RDONLY |
  M.MS_NOSUID |
  M.MS_NODEV |
  M.MS_NOEXEC |
  M.MS_NOSYMFOLLOW |
  M.MS_NOATIME |
  M.MS_NODIRATIME |
  M.MS_RELATIME;

/** How access times are kept. */
export const ATIME_FLAGS = M.MS_NOATIME | M.MS_NODIRATIME | M.MS_RELATIME;

/** Of these a mount that came from another user namespace keeps what it has. */
export const LOCKABLE_FLAGS = M.MS_RDONLY | M.MS_NODEV | M.MS_NOSUID | M.MS_NOEXEC;

/** What its file system keeps, and shows in all its mounts. */
export const SUPER_FLAGS = M.MS_SYNCHRONOUS | M.MS_DIRSYNC | M.MS_LAZYTIME;

/** A mount's flags after MS_REMOUNT: how access times are kept stays as it is where nothing is said of that. */
export function remountFlags(flags: number, old: number): number {
  const isSaid = (flags & (ATIME_FLAGS | M.MS_STRICTATIME)) !== 0;
  return isSaid ? mountFlags(flags) : (flags & MOUNT_FLAGS) | (old & ATIME_FLAGS);
}

/** A new mount's flags: relatime is the default. */
export function mountFlags(flags: number): number {
  const relatime = (flags & (M.MS_NOATIME | M.MS_STRICTATIME)) === 0 ? M.MS_RELATIME : 0;
  return ((flags & MOUNT_FLAGS) | relatime) & ((flags & M.MS_STRICTATIME) !== 0 ? ~M.MS_RELATIME : -1);
}
