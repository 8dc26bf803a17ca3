// Extended attributes (xattr(7)): setxattr(2), getxattr(2), listxattr(2), removexattr(2). Here is which
// names there are and who may use them; the values are the file system's.

import {
  E2BIG,
  EACCES,
  EBADF,
  EFAULT,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  EROFS,
} from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { CAP_SETFCAP, CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import { S_IFDIR, S_IFREG, S_ISVTX } from "../../shared/abi/stat.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { numberAnswered } from "../call/asked.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { ACL_ACCESS, ACL_DEFAULT, aclFor, aclOfKernel, checkAcl, isExtended, modeOf } from "./acl.ts";
import type { VfsCaller } from "./caller.ts";
import { keptCapability, toldCapability } from "./file_capability.ts";
import { mayChange } from "./file_flags.ts";
import type { Attributes, Inode } from "./inode.ts";
import { attributesOf, dentryOf, inodeOf, lookupTarget, type Target } from "./lookup.ts";
import { type Dentry, Path } from "./path.ts";
import { capableOver, isOwner, MAY_READ, MAY_WRITE, permission, withoutForeignGroup } from "./permission.ts";

/** A list without entries. */
const ACL_EMPTY = 4;
const CAPABILITY_NAME = "security.capability";

function isAcl(name: string): boolean {
  return name === ACL_ACCESS || name === ACL_DEFAULT;
}

/** Sets an access control list, or takes it away where `value` is empty (vfs_set_acl of Linux). */
function setAcl(task: VfsCaller, { inode, dentry, name }: Use, given: Buffer): number {
  if (inode.isSymlink) return -EOPNOTSUPP;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  const { kernel, credentials } = task;
  const error = given.length === 0 ? 0 : checkAcl(given, credentials.userNamespace);
  if (error < 0) return error;
  const value = aclOfKernel(given, credentials.userNamespace);
  if (!isOwner(task, attributes)) return -EPERM;
  const acl = value.length > ACL_EMPTY ? value : null;
  let done: number;
  if (name === ACL_DEFAULT) {
    if (!inode.isDirectory) return acl === null ? 0 : -EACCES;
    done = inode.setAcl(name, acl, null);
  } else if (acl === null) done = inode.setAcl(name, null, null);
  else {
    const mode = withoutForeignGroup(task, (attributes.mode & 0o7000) | modeOf(acl), attributes);
    done = inode.setAcl(name, isExtended(acl) ? acl : null, mode);
  }
  if (done === 0) kernel.fileEvents.attributed(inode, dentry);
  return done;
}

/** Whether the task may use the attribute of a file, on a file system of that owner: 0 or a negative errno (xattr_permission). */
function mayUse(
  task: VfsCaller,
  name: string,
  attributes: Attributes,
  owner: UserNamespace,
  mask: number,
): number {
  const dot = name.indexOf(".");
  const space = dot < 0 ? "" : name.slice(0, dot);
  const { credentials, kernel } = task;
  const writes = mask === MAY_WRITE;
  switch (space) {
    case "trusted":
      if (capable(credentials, kernel.users.initial, CAP_SYS_ADMIN)) return 0;
      return writes ? -EPERM : -ENODATA;
    case "security":
      if (!writes) return 0;
      if (name !== CAPABILITY_NAME) return capable(credentials, owner, CAP_SYS_ADMIN) ? 0 : -EPERM;
      return capableOver(credentials, attributes, CAP_SETFCAP) ? 0 : -EPERM;
    case "user": {
      const type = attributes.mode & 0o170000;
      if (type !== S_IFREG && type !== S_IFDIR) return writes ? -EPERM : -ENODATA;
      const isSticky = type === S_IFDIR && (attributes.mode & S_ISVTX) !== 0;
      if (isSticky && writes && !isOwner(task, attributes)) return -EPERM;
      return permission(credentials, attributes, mask);
    }
    default:
      return isAcl(name) ? 0 : -EOPNOTSUPP;
  }
}

interface Use {
  readonly inode: Inode;
  readonly dentry: Dentry | null;
  readonly name: string;
}

/** What a call with a name means: the inode, if the name is valid and the task may use it so. */
function use(task: VfsCaller, target: Target | number, piece: 0 | 1, mask: number): Use | number {
  const name = task.call.inString(piece);
  if (typeof name === "number") return name === -EFAULT ? name : -ERANGE;
  if (name === "" || name.length > F.XATTR_NAME_MAX) return -ERANGE;
  if (typeof target === "number") return target;
  const inode = inodeOf(target);
  const attributes = attributesOf(target);
  if (typeof attributes === "number") return attributes;
  if (mask === MAY_WRITE && (target instanceof Path ? target.mount : target.path?.mount)?.readOnly === true)
    return -EROFS;
  if (mask === MAY_WRITE && mayChange(inode) < 0) return -EPERM;
  const error = mayUse(task, name, attributes, inode?.fs.owner ?? task.kernel.users, mask);
  if (error < 0) return error;
  return inode === null ? -EOPNOTSUPP : { inode, dentry: dentryOf(target), name };
}

function set(
  task: VfsCaller,
  target: Target | number,
  piece: 0 | 1,
  address: number,
  size: number,
  flags: number,
): number {
  if ((flags & ~(F.XATTR_CREATE | F.XATTR_REPLACE)) !== 0) return -EINVAL;
  if (size > F.XATTR_SIZE_MAX) return -E2BIG;
  const found = use(task, target, piece, MAY_WRITE);
  if (typeof found === "number") return found;
  return size === 0 ? put("") : task.call.start(take());

  function put(value: string): number {
    const { inode, dentry, name } = found as Use;
    if (isAcl(name)) return setAcl(task, found as Use, Buffer.from(value, "latin1"));
    const kept = name === CAPABILITY_NAME ? keptFor(task, inode, value) : value;
    if (typeof kept === "number") return kept;
    const error = inode.setxattr(name, kept, flags);
    if (error === 0) task.kernel.fileEvents.attributed(inode, dentry);
    return error;
  }

  function* take(): Coroutine {
    let value = "";
    for (let done = 0; done < size; ) {
      const n = Math.min(size - done, WINDOW_SIZE);
      task.call.outAt(address + done, n, WINDOW);
      if ((yield* task.call.copyInRound()) < n) return -EFAULT;
      const at = task.call.base + WINDOW;
      value += Buffer.from(task.call.bytes.subarray(at, at + n)).toString("latin1");
      done += n;
    }
    return yield* numberAnswered(task, () => put(value));
  }
}

/** Gives bytes to a buffer of the guest; with a size of 0 only their number is told. */
function give(task: VfsCaller, text: string, address: number, size: number): number {
  if (size === 0) return text.length;
  if (text.length > size) return -ERANGE;
  if (text.length <= WINDOW_SIZE) {
    put(task, text, task.call.out(address, text.length));
    return text.length;
  }
  return task.call.start(rounds());

  function* rounds(): Coroutine {
    for (let done = 0; done < text.length; ) {
      const part = text.slice(done, done + WINDOW_SIZE);
      put(task, part, task.call.base + WINDOW);
      task.call.outAt(address + done, part.length, WINDOW);
      if ((yield* task.call.copyOutRound()) < part.length) return -EFAULT;
      done += part.length;
    }
    return text.length;
  }
}

function put(task: VfsCaller, text: string, at: number): void {
  for (let i = 0; i < text.length; i++) task.call.bytes[at + i] = text.charCodeAt(i);
}

function get(task: VfsCaller, target: Target | number, piece: 0 | 1, address: number, size: number): number {
  const found = use(task, target, piece, MAY_READ);
  if (typeof found === "number") return found;
  const value = found.inode.getxattr(found.name);
  const told = typeof value === "number" ? value : toldOf(task, found, value);
  return typeof told === "number" ? told : give(task, told, address, size);
}

/** What a task is told of a value: with the ids of its own user namespace. */
function toldOf({ credentials }: VfsCaller, { inode, name }: Use, value: string): string | number {
  const { userNamespace: users } = credentials;
  if (!isAcl(name) && name !== CAPABILITY_NAME) return value;
  const kept = Buffer.from(value, "latin1");
  const told = isAcl(name) ? aclFor(kept, users) : toldCapability(kept, users, inode.fs.owner);
  return typeof told === "number" ? told : told.toString("latin1");
}

/** What is kept of file capabilities that a task sets. */
function keptFor({ credentials, kernel }: VfsCaller, { fs }: Inode, value: string): string | number {
  const { userNamespace: users } = credentials;
  // Who may say whatever the host takes.
  if (users === kernel.users) return value;
  const kept = keptCapability(
    Buffer.from(value, "latin1"),
    users,
    capable(credentials, fs.owner, CAP_SETFCAP),
  );
  return typeof kept === "number" ? kept : kept.toString("latin1");
}

function list(task: VfsCaller, target: Target | number, address: number, size: number): number {
  if (typeof target === "number") return target;
  const names = inodeOf(target)?.listxattr() ?? [];
  if (typeof names === "number") return names;
  const mighty = capable(task.credentials, task.kernel.users.initial, CAP_SYS_ADMIN);
  let text = "";
  for (const name of names) if (mighty || !name.startsWith("trusted.")) text += `${name}\0`;
  return give(task, text, address, Math.min(size, F.XATTR_LIST_MAX));
}

function remove(task: VfsCaller, target: Target | number, piece: 0 | 1): number {
  const found = use(task, target, piece, MAY_WRITE);
  if (typeof found === "number") return found;
  if (isAcl(found.name)) return setAcl(task, found, Buffer.alloc(0));
  const error = found.inode.removexattr(found.name);
  if (error === 0) task.kernel.fileEvents.attributed(found.inode, found.dentry);
  return error;
}

const followed = (task: VfsCaller) => lookupTarget(task, F.AT_FDCWD, task.call.inString(0), 0);
const itself = (task: VfsCaller) =>
  lookupTarget(task, F.AT_FDCWD, task.call.inString(0), F.AT_SYMLINK_NOFOLLOW);

function opened(task: VfsCaller, fd: number): Target | number {
  return task.files.usable(fd) ?? -EBADF;
}

export const XATTR_HANDLERS: Handlers<VfsCaller> = {
  setxattr: (task, _path, _name, address, size, flags) => set(task, followed(task), 1, address, size, flags),
  lsetxattr: (task, _path, _name, address, size, flags) => set(task, itself(task), 1, address, size, flags),
  fsetxattr: (task, fd, _name, address, size, flags) => set(task, opened(task, fd), 0, address, size, flags),

  getxattr: (task, _path, _name, address, size) => get(task, followed(task), 1, address, size),
  lgetxattr: (task, _path, _name, address, size) => get(task, itself(task), 1, address, size),
  fgetxattr: (task, fd, _name, address, size) => get(task, opened(task, fd), 0, address, size),

  listxattr: (task, _path, address, size) => list(task, followed(task), address, size),
  llistxattr: (task, _path, address, size) => list(task, itself(task), address, size),
  flistxattr: (task, fd, address, size) => list(task, opened(task, fd), address, size),

  removexattr: (task) => remove(task, followed(task), 1),
  lremovexattr: (task) => remove(task, itself(task), 1),
  fremovexattr: (task, fd) => remove(task, opened(task, fd), 0),
};
