// Access control lists (acl(5)) in the form in which extended attributes carry them: a version, then entries of
// eight bytes: tag, permissions, id. They are read where they stand.

import { EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";

export const ACL_ACCESS = "system.posix_acl_access";
export const ACL_DEFAULT = "system.posix_acl_default";

const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const RWX = 7;

const USER_OBJ = 1;
const USER = 2;
const GROUP_OBJ = 4;
const GROUP = 8;
const MASK = 16;
const OTHER = 32;

const tagAt = (acl: Buffer, at: number) => acl.readUInt16LE(at);
const permissionsAt = (acl: Buffer, at: number) => acl.readUInt16LE(at + 2);
const idAt = (acl: Buffer, at: number) => acl.readUInt32LE(at + 4);

function find(acl: Buffer, tag: number): number {
  for (let at = HEADER; at < acl.length; at += ENTRY) if (tagAt(acl, at) === tag) return at;
  return -1;
}

/**
 * 0, or why the value is no list: the owner, then users, the group, groups, the mask, which must be there if anybody
 * is named, and the others. No entries: there is to be no list.
 */
export function checkAcl(value: Buffer, { uids, gids }: UserNamespace): number {
  if (value.length < HEADER || (value.length - HEADER) % ENTRY !== 0) return -EINVAL;
  if (value.readUInt32LE(0) !== VERSION) return -EOPNOTSUPP;
  if (value.length === HEADER) return 0;
  let last = 0;
  let isNamed = false;
  let seen = 0;
  for (let at = HEADER; at < value.length; at += ENTRY) {
    const tag = tagAt(value, at);
    const names = tag === USER || tag === GROUP;
    if (![USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER].includes(tag)) return -EINVAL;
    if (tag < last || (tag === last && !names) || (permissionsAt(value, at) & ~RWX) !== 0) return -EINVAL;
    if (names && !(tag === USER ? uids : gids).has(idAt(value, at))) return -EINVAL;
    isNamed ||= names;
    seen |= tag;
    last = tag;
  }
  const needed = USER_OBJ | GROUP_OBJ | OTHER | (isNamed ? MASK : 0);
  return (seen & needed) === needed ? 0 : -EINVAL;
}

/** A list with other ids: those of users and groups that it names. */
function withIds(acl: Buffer, user: (id: number) => number, group: (id: number) => number): Buffer {
  const changed = Buffer.from(acl);
  for (let at = HEADER; at < acl.length; at += ENTRY) {
    const tag = tagAt(acl, at);
    if (tag !== USER && tag !== GROUP) continue;
    changed.writeUInt32LE((tag === USER ? user : group)(idAt(acl, at)), at + 4);
  }
  return changed;
}

/** A list that somebody of a user namespace has given and that was checked, with the kernel's ids. */
export function aclOfKernel(acl: Buffer, { uids, gids }: UserNamespace): Buffer {
  return withIds(
    acl,
    (id) => uids.toKernel(id),
    (id) => gids.toKernel(id),
  );
}

/** A list as somebody of a user namespace is told of it (posix_acl_to_xattr). */
export function aclFor(acl: Buffer, { uids, gids }: UserNamespace): Buffer {
  return withIds(
    acl,
    (id) => uids.told(id),
    (id) => gids.told(id),
  );
}

/** Whether a list says more than a mode can. */
export function isExtended(acl: Buffer): boolean {
  return acl.length > HEADER + 3 * ENTRY;
}

/** The permission bits of a mode that belong to a list: the group's are its mask's. */
export function modeOf(acl: Buffer): number {
  const group = find(acl, MASK) >= 0 ? find(acl, MASK) : find(acl, GROUP_OBJ);
  const bits = (at: number) => permissionsAt(acl, at) & RWX;
  return (bits(find(acl, USER_OBJ)) << 6) | (bits(group) << 3) | bits(find(acl, OTHER));
}

/** The list after chmod(2). */
export function withMode(acl: Buffer, mode: number): Buffer {
  const changed = Buffer.from(acl);
  const set = (at: number, bits: number) => at >= 0 && changed.writeUInt16LE(bits & RWX, at + 2);
  set(find(acl, USER_OBJ), mode >> 6);
  set(find(acl, MASK) >= 0 ? find(acl, MASK) : find(acl, GROUP_OBJ), mode >> 3);
  set(find(acl, OTHER), mode);
  return changed;
}

/** What a new file gets of its directory's default list, where it is made with that mode. */
export function inherited(acl: Buffer, mode: number): Buffer {
  return withMode(acl, mode & modeOf(acl));
}

/**
 * What the list lets somebody do who is not the file's owner: whether it is all of `wanted` (MAY_*).
 * `isMember`: of a group.
 */
export function aclAllows(
  acl: Buffer,
  fsuid: number,
  gid: number,
  isMember: (gid: number) => boolean,
  wanted: number,
): boolean {
  const mask = find(acl, MASK);
  const limit = mask < 0 ? RWX : permissionsAt(acl, mask);
  let isFound = false;
  for (let at = HEADER; at < acl.length; at += ENTRY) {
    const tag = tagAt(acl, at);
    const bits = permissionsAt(acl, at);
    if (tag === USER && idAt(acl, at) === fsuid) return (bits & limit & wanted) === wanted;
    if (tag === GROUP_OBJ || tag === GROUP) {
      if (!isMember(tag === GROUP_OBJ ? gid : idAt(acl, at))) continue;
      isFound = true;
      if ((bits & wanted) === wanted) return (limit & wanted) === wanted;
    }
    if (tag === OTHER) return !isFound && (bits & wanted) === wanted;
  }
  return false;
}
