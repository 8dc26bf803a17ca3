// When reading a file changes its access time (mount(2)): MS_RELATIME, the default, does so once after each
// change of the file, and once a day.

import { O_NOATIME } from "../../shared/abi/fcntl.ts";
import { MS_NOATIME } from "../../shared/abi/mount.ts";
import { isBefore } from "./clock.ts";
import type { Time } from "./inode.ts";
import type { Path } from "./path.ts";

const DAY_S = 86400;

export function keepsAccessTimes(flags: number, path: Path | null): boolean {
  if ((flags & O_NOATIME) !== 0) return false;
  return path === null || (path.mount.flags & MS_NOATIME) === 0;
}

/** Whether an access time is to be renewed now. What is read a second time costs no clock of the host. */
export function isStale(atime: Time, mtime: Time, ctime: Time): boolean {
  return !isBefore(mtime, atime) || !isBefore(ctime, atime) || Date.now() / 1000 - atime.sec >= DAY_S;
}
