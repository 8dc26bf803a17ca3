// memfd_create(2): a file of a memory file system that is mounted nowhere, as Linux's internal tmpfs mount.

import { EINVAL, ENAMETOOLONG, ENOSYS } from "../../shared/abi/errno.ts";
import { F_SEAL_EXEC, NAME_MAX, O_LARGEFILE, O_RDWR } from "../../shared/abi/fcntl.ts";
import * as M from "../../shared/abi/mman.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { VfsCaller } from "./caller.ts";
import type { VfsContext } from "./context.ts";
import { install } from "./install.ts";
import { MemoryFs } from "./memory/memory_fs.ts";
import type { MemoryRegular } from "./memory/memory_regular.ts";
import { attach } from "./open_file.ts";
import { Dentry, Mount, Path } from "./path.ts";

const PREFIX = "memfd:";
const KNOWN = M.MFD_CLOEXEC | M.MFD_ALLOW_SEALING | M.MFD_HUGETLB | M.MFD_NOEXEC_SEAL | M.MFD_EXEC;
/** Size of huge pages, beside MFD_HUGETLB alone. */
const HUGE_SIZES = 0x3f << 26;
const MODE = 0o777;
const X_BITS = 0o111;

/** The mount that no tree has. */
export function makeMemoryFiles(kernel: VfsContext): Mount {
  const fs = new MemoryFs(kernel, { limit: kernel.commonMemory.limit });
  return new Mount(kernel.mounts.nextId(), fs, new Dentry("", null, fs.root), 0, fs.type);
}

function create(task: VfsCaller, name: string, flags: number): number {
  const mount = task.kernel.memoryFiles;
  const { fsuid, fsgid } = task.credentials;
  const mode = (flags & M.MFD_NOEXEC_SEAL) !== 0 ? MODE & ~X_BITS : MODE;
  const inode = mount.root.inode!.tmpfile({ mode: S_IFREG | mode, uid: fsuid, gid: fsgid }, false);
  if (typeof inode === "number") return inode;
  const node = inode as MemoryRegular;
  if ((flags & M.MFD_NOEXEC_SEAL) !== 0) node.seals = F_SEAL_EXEC;
  else if ((flags & M.MFD_ALLOW_SEALING) !== 0) node.seals = 0;
  const dentry = new Dentry(PREFIX + name, mount.root, node);
  dentry.deleted = true;
  // Not counted among its writers: it may be run while this descriptor is open.
  const file = node.open(O_RDWR | O_LARGEFILE);
  if (typeof file === "number") return file;
  return install(task, attach(task, file, new Path(mount, dentry)), (flags & M.MFD_CLOEXEC) !== 0);
}

export const MEMORY_FILE_HANDLERS: Handlers<VfsCaller> = {
  memfd_create: (task, _name, flags) => {
    const huge = (flags & M.MFD_HUGETLB) !== 0;
    if ((flags & ~(huge ? KNOWN | HUGE_SIZES : KNOWN)) !== 0) return -EINVAL;
    if ((flags & M.MFD_EXEC) !== 0 && (flags & M.MFD_NOEXEC_SEAL) !== 0) return -EINVAL;
    const name = task.call.inString(0);
    if (name === -ENAMETOOLONG) return -EINVAL;
    if (typeof name === "number") return name;
    if (name.length > NAME_MAX - PREFIX.length) return -EINVAL;
    return huge ? -ENOSYS : create(task, name, flags); // as without hugetlbfs
  },
};
