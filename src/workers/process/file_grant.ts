// What a program file grants to whoever runs it (execve(2), capabilities(7)): its owner's ids by its
// set-user-ID and set-group-ID bits, and the capabilities in its security.capability attribute. Nothing on a
// nosuid mount, and nothing for a task with no_new_privs.

import { MS_NOSUID } from "../../shared/abi/mount.ts";
import { S_ISGID, S_ISUID, S_IXGRP } from "../../shared/abi/stat.ts";
import { CAPABILITY_XATTR } from "../../shared/abi/xattr.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { FileGrant } from "../credentials/credentials.ts";
import { NO_ID } from "../credentials/user_namespace.ts";
import type { Path } from "../vfs/path.ts";

const NOTHING: FileGrant = { uid: null, gid: null, capabilities: null };

// struct vfs_ns_cap_data: revisions 2 and 3
const REVISION_MASK = 0xff000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const EFFECTIVE = 1;
const SIZES: ReadonlyMap<number, number> = new Map([
  [REVISION_2, 20],
  [REVISION_3, 24],
]);

export function grantOf(path: Path, noNewPrivileges: boolean): FileGrant {
  if (noNewPrivileges || (path.mount.flags & MS_NOSUID) !== 0) return NOTHING;
  const attributes = path.inode.attributes();
  if (typeof attributes === "number") return NOTHING;
  const { mode, uid, gid } = attributes;
  // Of an owner whom nobody here can be: its bits say nothing.
  const isMapped = uid !== NO_ID && gid !== NO_ID;
  const setsGroup = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  return {
    uid: isMapped && (mode & S_ISUID) !== 0 ? uid : null,
    gid: isMapped && setsGroup ? gid : null,
    capabilities: capabilitiesOf(path),
  };
}

/** What a file grants can be told at once: the host has said it. */
export function isGrantAtHand({ inode }: Path): boolean {
  if (!inode.isSlow) return true;
  return inode.attributes() !== NOT_AT_HAND && inode.getxattr(CAPABILITY_XATTR) !== NOT_AT_HAND;
}

function capabilitiesOf(path: Path): FileGrant["capabilities"] {
  const value = path.inode.getxattr(CAPABILITY_XATTR);
  if (typeof value === "number") return null;
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 4) return null;
  const magic = bytes.readUInt32LE(0);
  const revision = (magic & REVISION_MASK) >>> 0;
  if (SIZES.get(revision) !== bytes.length) return null;
  // Of another user namespace's root.
  if (revision === REVISION_3 && bytes.readUInt32LE(20) !== 0) return null;
  return {
    permitted: [bytes.readInt32LE(4), bytes.readInt32LE(12)],
    inheritable: [bytes.readInt32LE(8), bytes.readInt32LE(16)],
    effective: (magic & EFFECTIVE) !== 0,
  };
}
