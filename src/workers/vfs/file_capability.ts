// File capabilities as their attribute carries them (struct vfs_ns_cap_data, capabilities(7)): sets, and in revision 3 the
// root in whose user namespace they hold. What is kept names him by the kernel's id; who sets and reads them, by his own.

import { EINVAL, EOVERFLOW } from "../../shared/abi/errno.ts";
import { NO_ID } from "../credentials/id_map.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";

const REVISION_MASK = 0xff000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const EFFECTIVE = 1;
const SIZE_2 = 20;
const SIZE_3 = 24;
const SIZES: ReadonlyMap<number, number> = new Map([
  [REVISION_2, SIZE_2],
  [REVISION_3, SIZE_3],
]);
const ROOT_AT = 20;

export interface FileCapability {
  /** Words of the sets. */
  readonly permitted: readonly [number, number];
  readonly inheritable: readonly [number, number];
  readonly effective: boolean;
  /** Null: that of who has mounted the file system. */
  readonly rootUid: number | null;
}

/** Null: it is none. */
export function readCapability(bytes: Buffer): FileCapability | null {
  if (bytes.length < 4) return null;
  const magic = bytes.readUInt32LE(0);
  const revision = (magic & REVISION_MASK) >>> 0;
  if (SIZES.get(revision) !== bytes.length) return null;
  return {
    permitted: [bytes.readInt32LE(4), bytes.readInt32LE(12)],
    inheritable: [bytes.readInt32LE(8), bytes.readInt32LE(16)],
    effective: (magic & EFFECTIVE) !== 0,
    rootUid: revision === REVISION_3 ? bytes.readUInt32LE(ROOT_AT) : null,
  };
}

/** Whose they are, on a file system of that owner. */
export function rootOf({ rootUid }: FileCapability, owner: UserNamespace): number {
  return rootUid ?? owner.rootUid;
}

function withRoot(bytes: Buffer, rootUid: number): Buffer {
  const whole = Buffer.alloc(SIZE_3);
  bytes.copy(whole, 0, 0, SIZE_2);
  const flags = bytes.readUInt32LE(0) & EFFECTIVE;
  whole.writeUInt32LE((REVISION_3 | flags) >>> 0, 0);
  whole.writeUInt32LE(rootUid, ROOT_AT);
  return whole;
}

/**
 * What is kept of what somebody of a user namespace sets, who may (cap_convert_nscap): or -EINVAL. `isPlain`: he may set them
 * for all that the file system is mounted for.
 */
export function keptCapability(given: Buffer, users: UserNamespace, isPlain: boolean): Buffer | number {
  const capability = readCapability(given);
  if (capability === null) return -EINVAL;
  if (capability.rootUid === null && isPlain) return given;
  const root = users.uids.toKernel(capability.rootUid ?? 0);
  return root === NO_ID ? -EINVAL : withRoot(given, root);
}

/** What somebody of a user namespace is told of it (cap_inode_getsecurity): or -EOVERFLOW. */
export function toldCapability(kept: Buffer, users: UserNamespace, owner: UserNamespace): Buffer | number {
  const capability = readCapability(kept);
  if (capability === null) return kept;
  const root = rootOf(capability, owner);
  const own = users.uids.fromKernel(root);
  if (own !== NO_ID && own !== 0) return withRoot(kept, own);
  if (!users.hasRootAbove(root)) return -EOVERFLOW;
  const plain = Buffer.from(kept.subarray(0, SIZE_2));
  plain.writeUInt32LE((REVISION_2 | (kept.readUInt32LE(0) & EFFECTIVE)) >>> 0, 0);
  return plain;
}
