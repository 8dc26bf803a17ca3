// The mount tree that a sandbox starts with: the caller's file system under a memory overlay, and over it
// the sandbox's own /proc, /sys, /dev, /dev/pts and /dev/shm. Mount points that are missing are made in the overlay.

import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME } from "../../shared/abi/mount.ts";
import { S_IFDIR } from "../../shared/abi/stat.ts";
import { GoferFs } from "../gofer/gofer_fs.ts";
import type { VfsContext } from "./context.ts";
import { makeDevNodes, owned } from "./dev_nodes.ts";
import type { FileSystem, Inode } from "./inode.ts";
import { MemoryFs } from "./memory/memory_fs.ts";
import { Path } from "./path.ts";
import { makeSys } from "./sys/sys_fs.ts";

const DEV_LIMIT = 1 << 20;

const DIRECTORIES = [
  ["pts", 0o755],
  ["shm", 0o1777],
  ["mqueue", 0o1777],
] as const;

export function mountInitialTree(kernel: VfsContext): Path {
  const limit = kernel.commonMemory.limit;
  const rootFs = makeRoot(kernel, kernel.descriptors.root);
  const root = kernel.mounts.mountRoot(rootFs, MS_RELATIME, rootFs.type);
  mountAt(kernel, root, "proc", kernel.newProc(), MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "proc");
  const sysFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;
  mountAt(kernel, root, "sys", makeSys(kernel), sysFlags, "sysfs");
  const dev = mountAt(kernel, root, "dev", makeDev(kernel), MS_NOSUID, "devtmpfs");
  if (dev !== null) {
    mountAt(kernel, dev, "pts", kernel.devPts, MS_NOSUID | MS_NOEXEC | MS_RELATIME, "devpts");
    const shm = new MemoryFs(kernel, { limit, rootMode: 0o1777 });
    mountAt(kernel, dev, "shm", shm, MS_NOSUID, "shm");
  }
  return root;
}

/** The host's files in that directory under a layer in memory, or themselves. */
export function makeRoot(kernel: VfsContext, directory: number): FileSystem {
  const limit = kernel.commonMemory.limit;
  const direct = kernel.config.options.overlay2 === "none";
  const host = new GoferFs(kernel, directory, direct);
  return direct ? host : new MemoryFs(kernel, { limit, lower: host.root });
}

/** Mounts a file system on a directory right below `at`; null where a file is in its place. */
function mountAt(
  kernel: VfsContext,
  at: Path,
  name: string,
  fs: FileSystem,
  flags: number,
  source: string,
): Path | null {
  let dentry = kernel.dentries.lookup(at.dentry, name);
  if (typeof dentry === "number") return null;
  if (dentry.inode === null) {
    const made = at.inode.mkdir(name, owned(S_IFDIR | 0o755));
    if (typeof made === "number") return null;
    kernel.dentries.instantiate(dentry, made);
    dentry = kernel.dentries.lookup(at.dentry, name);
    if (typeof dentry === "number") return null;
  }
  if (dentry.inode?.isDirectory !== true) return null;
  const mount = kernel.mounts.mount(fs, new Path(at.mount, dentry), flags, source);
  return new Path(mount, mount.root);
}

function makeDev(kernel: VfsContext): MemoryFs {
  const fs = new MemoryFs(kernel, { limit: DEV_LIMIT, rootMode: 0o755 });
  const root: Inode = fs.root;
  makeDevNodes(root, kernel.users);
  for (const [name, mode] of DIRECTORIES) root.mkdir(name, owned(S_IFDIR | mode));
  return fs;
}
