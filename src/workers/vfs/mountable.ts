// Making file systems that are mounted by their type's name, by a container's config.json or by a guest's
// mount(2). What there is to know of a type stands in file_system_types.ts.

import { ENODEV } from "../../shared/abi/errno.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { NO_ID } from "../credentials/id_map.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { VfsContext } from "./context.ts";
import type { MountableTypeName } from "./file_system_types.ts";
import type { FileSystem, Inode } from "./inode.ts";
import { MemoryFs } from "./memory/memory_fs.ts";
import { makeSys } from "./sys/sys_fs.ts";
import { DevPts } from "./tty/dev_pts.ts";
import { Ptys } from "./tty/pty.ts";

const EMPTY_LIMIT = 1 << 16;
const TMPFS_MODE = 0o1777;
const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A byte count of tmpfs's size=: digits, with k, m, g, or % of the memory. */
function readSize(text: string, memory: number): number | null {
  const parts = /^(\d{1,15})([kmg%]?)$/i.exec(text);
  if (parts === null) return null;
  const [count, unit] = [Number(parts[1]), parts[2]!.toLowerCase()];
  return unit === "%" ? Math.floor((memory * count) / 100) : count * SIZE_UNITS[unit]!;
}

interface TmpfsOptions {
  /** Bytes, in whole pages; null: not said; 0: no limit. */
  size: number | null;
  nodes: number | null;
  mode: number;
  uid: number;
  gid: number;
}

/** `mounter`: whose it is where nothing is said of that. */
function readTmpfsOptions(data: readonly string[], memory: number, mounter: Credentials): TmpfsOptions {
  const option = (name: string) =>
    data.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const pages = readSize(option("nr_blocks") ?? "", 0);
  const bytes = pages === null ? readSize(option("size") ?? "", memory) : pages * PAGE_SIZE;
  const mode = /^[0-7]{1,5}$/.exec(option("mode") ?? "")?.[0];
  const id = (name: string, otherwise: number) => Math.max(0, Number(option(name) ?? otherwise) || 0);
  return {
    size: bytes === null ? null : Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE,
    nodes: readSize(option("nr_inodes") ?? "", 0),
    mode: mode === undefined ? TMPFS_MODE : Number.parseInt(mode, 8) & 0o7777,
    uid: id("uid", mounter.fsuid),
    gid: id("gid", mounter.fsgid),
  };
}

/** As Linux shows them (shmem_show_options): what is not the default. */
function shown({ size, nodes, mode, uid, gid }: TmpfsOptions): string {
  return [
    size === null ? "" : `,size=${size / 1024}k`,
    nodes === null ? "" : `,nr_inodes=${nodes}`,
    mode === TMPFS_MODE ? "" : `,mode=${mode.toString(8).padStart(3, "0")}`,
    uid === 0 ? "" : `,uid=${uid}`,
    gid === 0 ? "" : `,gid=${gid}`,
  ]
    .join("")
    .slice(1);
}

/**
 * tmpfs(5)'s options that have a meaning here, and runc's tmpcopyup: what the mount covers stays visible, as the
 * lower layer of an overlay.
 */
function tmpfs(
  kernel: VfsContext,
  data: readonly string[],
  mounter: Credentials,
  covered: Inode | undefined,
  type: "tmpfs" | "ramfs",
): MemoryFs {
  const options = readTmpfsOptions(data, kernel.commonMemory.available, mounter);
  const { size, nodes, mode: rootMode, uid, gid } = options;
  const most = kernel.commonMemory.limit;
  const limit = size !== null && size > 0 ? Math.min(size, most) : most;
  if (covered?.isDirectory === true && data.includes("tmpcopyup"))
    return new MemoryFs(kernel, { limit, lower: covered });
  const text = type === "tmpfs" ? shown(options) : "";
  const fs = new MemoryFs(kernel, { limit, nodes: nodes ?? 0, rootMode, type, shown: text });
  if (uid > 0 || gid > 0) fs.root.setAttributes({ uid, gid });
  return fs;
}

export function emptyFs(kernel: VfsContext): MemoryFs {
  return new MemoryFs(kernel, { limit: EMPTY_LIMIT, rootMode: 0o755 });
}

type Make = (
  kernel: VfsContext,
  data: readonly string[],
  mounter: Credentials,
  covered: Inode | undefined,
) => FileSystem | number;

const MAKERS: Readonly<Record<MountableTypeName, Make>> = {
  tmpfs: (kernel, data, mounter, covered) => tmpfs(kernel, data, mounter, covered, "tmpfs"),
  ramfs: (kernel, data, mounter, covered) => tmpfs(kernel, data, mounter, covered, "ramfs"),
  mqueue: (kernel) => kernel.messageQueues(),
  proc: (kernel) => kernel.newProc(),
  sysfs: makeSys,
  devpts: (kernel, _data, { userNamespace }) =>
    userNamespace === kernel.users ? kernel.devPts : new DevPts(kernel, new Ptys(kernel)),
  cgroup: (kernel, data) => kernel.newCgroups("cgroup", data),
  cgroup2: (kernel, data) => kernel.newCgroups("cgroup2", data),
};

/** Options with the kernel's ids of owners; null: there is nobody of such an id in the namespace, or it is no number. */
export function withKernelOwners(
  data: readonly string[],
  { uids, gids }: UserNamespace,
): readonly string[] | null {
  const words: string[] = [];
  for (const word of data) {
    const [, name, id] = /^(uid|gid)=(.*)$/.exec(word) ?? [];
    if (name === undefined) {
      words.push(word);
      continue;
    }
    const owner = /^\d{1,10}$/.test(id!) ? (name === "uid" ? uids : gids).toKernel(Number(id)) : NO_ID;
    if (owner === NO_ID) return null;
    words.push(`${name}=${owner}`);
  }
  return words;
}

/** Whether options name no owners whom nobody in the namespace can be, and none that is no number. */
export function ownersFit(users: UserNamespace, data: readonly string[]): boolean {
  return withKernelOwners(data, users) !== null;
}

/**
 * A file system of that type, or a negative errno: -ENODEV where there is none. `data`: its options, word by word; `mounter`: who
 * asks for it; `covered`: what stands in its place.
 */
export function newFileSystem(
  kernel: VfsContext,
  type: string,
  data: readonly string[],
  mounter: Credentials,
  covered?: Inode,
): FileSystem | number {
  if (!Object.hasOwn(MAKERS, type)) return -ENODEV;
  return MAKERS[type as MountableTypeName](kernel, data, mounter, covered);
}
