// Making file systems that are mounted by their type's name, by a container's config.json or by a guest's
// mount(2). What there is to know of a type stands in file_system_types.ts.

import { ENODEV } from "../../shared/abi/errno.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { VfsContext } from "./context.ts";
import type { MountableTypeName } from "./file_system_types.ts";
import type { FileSystem, Inode } from "./inode.ts";
import { MemoryFs } from "./memory/memory_fs.ts";
import { makeSys } from "./sys/sys_fs.ts";

const EMPTY_LIMIT = 1 << 16;
const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A byte count of tmpfs's size=: digits, with k, m, g, or % of the memory. */
function readSize(text: string, memory: number): number | null {
  const parts = /^(\d{1,15})([kmg%]?)$/i.exec(text);
  if (parts === null) return null;
  const [count, unit] = [Number(parts[1]), parts[2]!.toLowerCase()];
  return unit === "%" ? Math.floor((memory * count) / 100) : count * SIZE_UNITS[unit]!;
}

/**
 * tmpfs(5)'s options that have a meaning here, and runc's tmpcopyup: what the mount covers stays visible, as the
 * lower layer of an overlay.
 */
function tmpfs(
  kernel: VfsContext,
  data: readonly string[],
  covered: Inode | undefined,
  type: "tmpfs" | "ramfs" | "mqueue",
): MemoryFs {
  const option = (name: string) => data.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const most = kernel.commonMemory.limit;
  const size = readSize(option("size") ?? "", kernel.commonMemory.available) ?? 0;
  const mode = /^[0-7]{1,5}$/.exec(option("mode") ?? "")?.[0];
  const limit = size > 0 ? Math.min(size, most) : most;
  if (covered?.isDirectory === true && data.includes("tmpcopyup"))
    return new MemoryFs(kernel, { limit, lower: covered });
  const fs = new MemoryFs(kernel, {
    limit,
    rootMode: mode === undefined ? 0o1777 : Number.parseInt(mode, 8),
    type,
  });
  const [uid, gid] = [Number(option("uid") ?? 0), Number(option("gid") ?? 0)];
  if (uid > 0 || gid > 0) fs.root.setAttributes({ uid, gid });
  return fs;
}

export function emptyFs(kernel: VfsContext): MemoryFs {
  return new MemoryFs(kernel, { limit: EMPTY_LIMIT, rootMode: 0o755 });
}

type Make = (kernel: VfsContext, data: readonly string[], covered: Inode | undefined) => FileSystem | number;

const MAKERS: Readonly<Record<MountableTypeName, Make>> = {
  tmpfs: (kernel, data, covered) => tmpfs(kernel, data, covered, "tmpfs"),
  ramfs: (kernel, data, covered) => tmpfs(kernel, data, covered, "ramfs"),
  mqueue: (kernel, data, covered) => tmpfs(kernel, data, covered, "mqueue"),
  proc: (kernel) => kernel.newProc(),
  sysfs: makeSys,
  devpts: (kernel) => kernel.devPts,
  cgroup: (kernel, data) => kernel.newCgroups("cgroup", data),
  cgroup2: (kernel, data) => kernel.newCgroups("cgroup2", data),
};

/** Whether options name no owners whom nobody in the namespace can be. */
export function ownersFit({ uids, gids }: UserNamespace, data: readonly string[]): boolean {
  return data.every((word) => {
    const [, name, id] = /^(uid|gid)=(\d{1,10})$/.exec(word) ?? [];
    return name === undefined || (name === "uid" ? uids : gids).has(Number(id));
  });
}

/**
 * A file system of that type, or a negative errno: -ENODEV where there is none. `data`: its options, word by word; `covered`: what
 * stands in its place.
 */
export function newFileSystem(
  kernel: VfsContext,
  type: string,
  data: readonly string[],
  covered?: Inode,
): FileSystem | number {
  return Object.hasOwn(MAKERS, type) ? MAKERS[type as MountableTypeName](kernel, data, covered) : -ENODEV;
}
