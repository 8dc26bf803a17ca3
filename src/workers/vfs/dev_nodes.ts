// What every /dev holds: the devices that the sandbox implements, and links.

import { makedev } from "../../shared/abi/device.ts";
import { S_IFCHR, S_IFLNK } from "../../shared/abi/stat.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Inode } from "./inode.ts";

/** Name, major, minor. */
const DEVICES = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
] as const;

const LINKS = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["core", "/proc/kcore"],
  ["ptmx", "pts/ptmx"],
] as const;

/** Nodes of devices are the system's; who is in another user namespace than the first has them from there. */
const device = (mode: number, { systemOwner }: UserNamespace) => ({ mode, ...systemOwner });

export const owned = (mode: number) => ({ mode, uid: 0, gid: 0 });

/** Makes devices and links in a directory of the kernel's own; what is there already stays. */
export function makeDevNodes(directory: Inode, users: UserNamespace): void {
  for (const [name, major, minor] of DEVICES)
    directory.mknod(name, device(S_IFCHR | 0o666, users), makedev(major, minor));
  for (const [name, target] of LINKS) directory.symlink(name, target, owned(S_IFLNK | 0o777));
}
