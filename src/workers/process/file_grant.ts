// What a program file grants to whoever runs it (execve(2), capabilities(7)): its owner's ids by its
// set-user-ID and set-group-ID bits, and the capabilities in its security.capability attribute. Nothing on a
// nosuid mount, on one of another namespace, and where the file system is mounted by somebody of another user namespace than
// the caller's or one above it; and nothing for a task with no_new_privs.

import { MS_NOSUID } from "../../shared/abi/mount.ts";
import { S_ISGID, S_ISUID, S_IXGRP } from "../../shared/abi/stat.ts";
import { CAPABILITY_XATTR } from "../../shared/abi/xattr.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Credentials, FileGrant } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { readCapability, rootOf } from "../vfs/file_capability.ts";
import type { MountNamespace, Path } from "../vfs/path.ts";

const NOTHING: FileGrant = { uid: null, gid: null, capabilities: null };

export function grantOf(
  path: Path,
  { userNamespace: users }: Credentials,
  namespace: MountNamespace,
  noNewPrivileges: boolean,
): FileGrant {
  const { mount, inode } = path;
  if (noNewPrivileges || (mount.flags & MS_NOSUID) !== 0) return NOTHING;
  if (mount.namespace !== namespace || !users.isWithin(inode.fs.owner)) return NOTHING;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return NOTHING;
  const { mode, uid, gid } = attributes;
  // Of an owner whom nobody there can be: its bits say nothing.
  const isMapped = users.uids.knows(uid) && users.gids.knows(gid);
  const setsGroup = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  return {
    uid: isMapped && (mode & S_ISUID) !== 0 ? uid : null,
    gid: isMapped && setsGroup ? gid : null,
    capabilities: capabilitiesOf(path, users),
  };
}

/** What a file grants can be told at once: the host has said it. */
export function isGrantAtHand({ inode }: Path): boolean {
  if (!inode.isSlow) return true;
  return inode.attributes() !== NOT_AT_HAND && inode.getxattr(CAPABILITY_XATTR) !== NOT_AT_HAND;
}

function capabilitiesOf({ inode }: Path, users: UserNamespace): FileGrant["capabilities"] {
  const value = inode.getxattr(CAPABILITY_XATTR);
  if (typeof value === "number") return null;
  const capability = readCapability(Buffer.from(value, "latin1"));
  // They are for programs of one root's user namespace and those below it.
  return capability !== null && users.hasRootAbove(rootOf(capability, inode.fs.owner)) ? capability : null;
}
