// ioctl(2) requests that any file answers, whatever kind it is (Linux's do_vfs_ioctl): sharing of blocks between
// files, which no file system here has, extents, and the flags of files.

import {
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  ENOMEM,
  ENOTTY,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  EXDEV,
} from "../../shared/abi/errno.ts";
import { O_APPEND } from "../../shared/abi/fcntl.ts";
import * as I from "../../shared/abi/ioctl.ts";
import { CAP_LINUX_IMMUTABLE } from "../../shared/abi/prctl.ts";
import * as S from "../../shared/abi/stat.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { capable } from "../credentials/credentials.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { isOwner } from "./permission.ts";

/** struct file_clone_range; the head of struct file_dedupe_range, and of each file in it. */
const CLONE_RANGE_SIZE = 32;
const DEDUPE_HEAD = 24;
const DEDUPE_INFO = 32;
/** struct fsxattr */
const FSXATTR_SIZE = 28;

const FLAGS_KNOWN = S.FS_IMMUTABLE_FL | S.FS_APPEND_FL | S.FS_NODUMP_FL | S.FS_NOATIME_FL;
/** FS_*_FL -> FS_XFLAG_* */
const XFLAGS = [
  [S.FS_IMMUTABLE_FL, S.FS_XFLAG_IMMUTABLE],
  [S.FS_APPEND_FL, S.FS_XFLAG_APPEND],
  [S.FS_NOATIME_FL, S.FS_XFLAG_NOATIME],
  [S.FS_NODUMP_FL, S.FS_XFLAG_NODUMP],
] as const;

/** What stands between two files that are to share blocks, up to that none here can. */
function clone(task: VfsCaller, target: OpenFile, fd: number): number {
  const source = task.files.usable(fd);
  if (source === undefined) return -EBADF;
  const [from, to] = [source.inode, target.inode];
  if (from === null || to === null || from.fs !== to.fs) return -EXDEV;
  if (from.isDirectory || to.isDirectory) return -EISDIR;
  if (from.type !== S.S_IFREG || to.type !== S.S_IFREG) return -EINVAL;
  if (!source.readable || !target.writable || (target.flags & O_APPEND) !== 0) return -EBADF;
  return -EOPNOTSUPP;
}

function* cloneRange(task: VfsCaller, file: OpenFile, address: number): Coroutine {
  task.call.outAt(address, CLONE_RANGE_SIZE, WINDOW);
  if ((yield* task.call.copyInRound()) < CLONE_RANGE_SIZE) return -EFAULT;
  return clone(task, file, task.call.view.getInt32(task.call.base + WINDOW, true));
}

function* dedupe(task: VfsCaller, file: OpenFile, address: number): Coroutine {
  task.call.outAt(address, DEDUPE_HEAD, WINDOW);
  if ((yield* task.call.copyInRound()) < DEDUPE_HEAD) return -EFAULT;
  const count = task.call.view.getUint16(task.call.base + WINDOW + 16, true);
  const reserved = task.call.view.getUint16(task.call.base + WINDOW + 18, true);
  const reserved2 = task.call.view.getUint32(task.call.base + WINDOW + 20, true);
  const size = DEDUPE_HEAD + DEDUPE_INFO * count;
  if (size > PAGE_SIZE) return -ENOMEM;
  task.call.outAt(address, size, WINDOW);
  if ((yield* task.call.copyInRound()) < size) return -EFAULT;
  if (!file.readable || reserved !== 0 || reserved2 !== 0) return -EINVAL;
  if (file.inode?.isDirectory === true) return -EISDIR;
  return file.inode?.type === S.S_IFREG ? -EOPNOTSUPP : -EINVAL;
}

function getFlags(task: VfsCaller, { inode }: OpenFile, address: number): number {
  const flags = inode?.fileFlags() ?? -ENOTTY;
  if (flags < 0) return flags;
  task.call.view.setUint32(task.call.out(address, 4), flags, true);
  return 0;
}

function* setFlags(task: VfsCaller, file: OpenFile, address: number): Coroutine {
  task.call.outAt(address, 4, WINDOW);
  if ((yield* task.call.copyInRound()) < 4) return -EFAULT;
  const flags = task.call.view.getUint32(task.call.base + WINDOW, true);
  const { inode } = file;
  if (file.path?.mount.readOnly === true) return -EROFS;
  const before = inode?.fileFlags() ?? -ENOTTY;
  if (inode === null || before < 0) return before;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  const { credentials, kernel } = task;
  if (!isOwner(task, attributes)) return -EPERM;
  const isGrave = ((flags ^ before) & (S.FS_IMMUTABLE_FL | S.FS_APPEND_FL)) !== 0;
  if (isGrave && !capable(credentials, kernel.users.initial, CAP_LINUX_IMMUTABLE)) return -EPERM;
  if ((flags & ~FLAGS_KNOWN) !== 0) return -EOPNOTSUPP;
  const error = inode.setFileFlags(flags);
  if (error === 0) kernel.fileEvents.attributed(inode, file.path?.dentry ?? null);
  return error;
}

function getXattr(task: VfsCaller, { inode }: OpenFile, address: number): number {
  const flags = inode?.fileFlags() ?? -ENOTTY;
  if (flags < 0) return flags;
  let xflags = 0;
  for (const [flag, xflag] of XFLAGS) if ((flags & flag) !== 0) xflags |= xflag;
  const at = task.call.out(address, FSXATTR_SIZE);
  task.call.bytes.fill(0, at, at + FSXATTR_SIZE);
  task.call.view.setUint32(at, xflags, true);
  return 0;
}

/** Null: another request. */
export function fileIoctl(task: VfsCaller, file: OpenFile, request: number, argument: number): number | null {
  switch (request) {
    case I.FICLONE:
      return clone(task, file, argument | 0);
    case I.FICLONERANGE:
      return task.call.start(cloneRange(task, file, argument));
    case I.FIDEDUPERANGE:
      return task.call.start(dedupe(task, file, argument));
    case I.FS_IOC_FIEMAP:
      return -EOPNOTSUPP;
    case I.FS_IOC_GETFLAGS:
      return getFlags(task, file, argument);
    case I.FS_IOC_SETFLAGS:
      return task.call.start(setFlags(task, file, argument));
    case I.FS_IOC_FSGETXATTR:
      return getXattr(task, file, argument);
    default:
      return null;
  }
}
