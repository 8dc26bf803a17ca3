// The types of file systems, one row each: the number that statfs(2) tells, whether /proc/filesystems lists it, and
// whether mount(2) and config.json can ask for a new one by that name, which mountable.ts then makes.

import * as S from "../../shared/abi/stat.ts";

interface FileSystemType {
  readonly magic: number;
  readonly listed: boolean;
  readonly mountable: boolean;
}

export const FILE_SYSTEM_TYPES = {
  sysfs: { magic: S.SYSFS_MAGIC, listed: true, mountable: true },
  tmpfs: { magic: S.TMPFS_MAGIC, listed: true, mountable: true },
  ramfs: { magic: S.RAMFS_MAGIC, listed: true, mountable: true },
  proc: { magic: S.PROC_SUPER_MAGIC, listed: true, mountable: true },
  devpts: { magic: S.DEVPTS_SUPER_MAGIC, listed: true, mountable: true },
  mqueue: { magic: S.MQUEUE_MAGIC, listed: true, mountable: true },
  // The one group that programs are in (proc/cgroup_files.ts).
  cgroup: { magic: S.CGROUP_SUPER_MAGIC, listed: true, mountable: true },
  cgroup2: { magic: S.CGROUP2_SUPER_MAGIC, listed: true, mountable: true },
  // Of these there is what the sandbox has made.
  devtmpfs: { magic: S.TMPFS_MAGIC, listed: true, mountable: false },
  overlay: { magic: S.OVERLAYFS_SUPER_MAGIC, listed: true, mountable: false },
  pipefs: { magic: S.PIPEFS_MAGIC, listed: true, mountable: false },
  sockfs: { magic: S.SOCKFS_MAGIC, listed: true, mountable: false },
  nsfs: { magic: S.NSFS_MAGIC, listed: false, mountable: false },
  anon_inodefs: { magic: S.ANON_INODE_FS_MAGIC, listed: false, mountable: false },
  // A directory of the host, which tells its own number (gofer_fs.ts).
  gofer: { magic: 0, listed: false, mountable: false },
} as const satisfies Record<string, FileSystemType>;

type Types = typeof FILE_SYSTEM_TYPES;
export type FileSystemTypeName = keyof Types;
export type MountableTypeName = {
  [Name in FileSystemTypeName]: Types[Name]["mountable"] extends true ? Name : never;
}[FileSystemTypeName];

/** /proc/filesystems: none of them stands on a block device. */
export function listedTypes(): string {
  return Object.entries(FILE_SYSTEM_TYPES)
    .filter(([, { listed }]) => listed)
    .map(([name]) => `nodev\t${name}\n`)
    .join("");
}
