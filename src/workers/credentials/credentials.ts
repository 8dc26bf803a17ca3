// Credentials of a task (credentials(7)): immutable; a change makes a new object. Ids are the kernel's own, whatever user
// namespace the task is in (user_namespace.ts). Capabilities are bit sets of 64 bits in two words, which hold in the user
// namespace that the credentials carry, and in those below.

import { CAP_SETUID } from "../../shared/abi/prctl.ts";
import type { CapabilitySets } from "../../shared/process_spec.ts";
import type { UserNamespace } from "./user_namespace.ts";

const ALL_LOW = -1;
const ALL_HIGH = 0x1ff; // CAP_LAST_CAP is 40 (CAP_CHECKPOINT_RESTORE)

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly euid: number;
  readonly egid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly fsuid: number;
  readonly fsgid: number;
  /** In ascending order. */
  readonly groups: readonly number[];
  // Capability sets, each in two words.
  readonly effectiveLow: number;
  readonly effectiveHigh: number;
  readonly permittedLow: number;
  readonly permittedHigh: number;
  readonly inheritableLow: number;
  readonly inheritableHigh: number;
  readonly boundingLow: number;
  readonly boundingHigh: number;
  readonly ambientLow: number;
  readonly ambientHigh: number;
  /** SECBIT_*, SECBIT_KEEP_CAPS among them. */
  readonly securebits: number;
  readonly userNamespace: UserNamespace;
}

/** What somebody has who begins in a user namespace, as root of it or not. */
function atFirst(root: boolean, userNamespace: UserNamespace) {
  const [low, high] = root ? [ALL_LOW, ALL_HIGH] : [0, 0];
  return {
    effectiveLow: low,
    effectiveHigh: high,
    permittedLow: low,
    permittedHigh: high,
    inheritableLow: 0,
    inheritableHigh: 0,
    boundingLow: ALL_LOW,
    boundingHigh: ALL_HIGH,
    ambientLow: 0,
    ambientHigh: 0,
    securebits: 0,
    userNamespace,
  };
}

/**
 * Credentials of a program that is started from outside: uid 0 has every capability inside. Groups in order, as
 * setgroups(2) keeps them.
 */
export function initialCredentials(
  uid: number,
  gid: number,
  groups: readonly number[],
  userNamespace: UserNamespace,
): Credentials {
  const root = uid === 0;
  return {
    uid,
    gid,
    euid: uid,
    egid: gid,
    suid: uid,
    sgid: gid,
    fsuid: uid,
    fsgid: gid,
    groups: [...groups].sort((a, b) => a - b),
    ...atFirst(root, userNamespace),
  };
}

/** Whether a group is among the supplementary ones, of which there may be 65 536. */
export function hasGroup({ groups }: Credentials, gid: number): boolean {
  let low = 0;
  let high = groups.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (groups[middle]! < gid) low = middle + 1;
    else high = middle;
  }
  return groups[low] === gid;
}

/** For whoever keeps credentials and asks for capabilities and owners alone: groups may be many. */
export function withoutGroups(credentials: Credentials): Credentials {
  return credentials.groups.length === 0 ? credentials : { ...credentials, groups: [] };
}

/** Credentials with the sets that a container's configuration gives (16 hexadecimal digits each). */
export function withCapabilities(old: Credentials, sets: CapabilitySets): Credentials {
  const result: Record<string, unknown> = { ...old };
  for (const [name, digits] of Object.entries(sets)) {
    result[`${name}High`] = Number.parseInt(digits.slice(0, 8), 16) & ALL_HIGH;
    result[`${name}Low`] = Number.parseInt(digits.slice(8), 16) | 0;
  }
  const given = result as unknown as Credentials;
  // None is ambient that is not inheritable and permitted as well, whatever was asked for.
  return {
    ...given,
    ambientLow: given.ambientLow & given.inheritableLow & given.permittedLow,
    ambientHigh: given.ambientHigh & given.inheritableHigh & given.permittedHigh,
  };
}

function has({ effectiveLow, effectiveHigh }: Credentials, capability: number): boolean {
  const word = capability < 32 ? effectiveLow : effectiveHigh;
  return ((word >>> (capability & 31)) & 1) !== 0;
}

/**
 * Whether the task may do what `capability` (CAP_* number) guards in a namespace: its own, or one below it. Who has made
 * one from the namespace right above has all capabilities there (cap_capable of Linux).
 */
export function capable(credentials: Credentials, namespace: UserNamespace, capability: number): boolean {
  const own = credentials.userNamespace;
  for (let at = namespace; at !== own; at = at.parent!) {
    if (at.level <= own.level) return false;
    if (at.parent === own && at.owner.uid === credentials.euid) return true;
  }
  return has(credentials, capability);
}

/** In a user namespace that was just made or entered: with all capabilities there, and none that were kept from before. */
export function inNamespace(old: Credentials, userNamespace: UserNamespace): Credentials {
  return { ...old, ...atFirst(true, userNamespace) };
}

const SECBIT_NOROOT = 1 << 0;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const SECBIT_KEEP_CAPS = 1 << 4;

/** Capabilities that go with a file system uid of 0: CHOWN to FSETID, LINUX_IMMUTABLE, MKNOD; MAC_OVERRIDE. */
const FS_LOW = 0x1f | (1 << 9) | (1 << 27);
const FS_HIGH = 1;

/** What a change of user ids does to capabilities ("Effect of user ID changes on capabilities"). */
export function withoutRoot(old: Credentials, next: Credentials): Credentials {
  if ((old.securebits & SECBIT_NO_SETUID_FIXUP) !== 0) return next;
  const result = { ...next };
  const root = old.userNamespace.rootUid;
  const wasRoot = old.uid === root || old.euid === root || old.suid === root;
  const isRoot = next.uid === root || next.euid === root || next.suid === root;
  if (wasRoot && !isRoot) {
    if ((old.securebits & SECBIT_KEEP_CAPS) === 0)
      Object.assign(result, { permittedLow: 0, permittedHigh: 0, effectiveLow: 0, effectiveHigh: 0 });
    Object.assign(result, { ambientLow: 0, ambientHigh: 0 });
  }
  if (old.euid === root && next.euid !== root) Object.assign(result, { effectiveLow: 0, effectiveHigh: 0 });
  if (old.euid !== root && next.euid === root)
    Object.assign(result, { effectiveLow: result.permittedLow, effectiveHigh: result.permittedHigh });
  // setfsuid alone: the file system's part of the effective set.
  if (old.euid === next.euid && old.fsuid === root && next.fsuid !== root)
    Object.assign(result, {
      effectiveLow: result.effectiveLow & ~FS_LOW,
      effectiveHigh: result.effectiveHigh & ~FS_HIGH,
    });
  if (old.euid === next.euid && old.fsuid !== root && next.fsuid === root)
    Object.assign(result, {
      effectiveLow: result.effectiveLow | (result.permittedLow & FS_LOW),
      effectiveHigh: result.effectiveHigh | (result.permittedHigh & FS_HIGH),
    });
  return result;
}

/** What a program file grants: its owner where set-user-ID and set-group-ID bits count, its capabilities. */
export interface FileGrant {
  readonly uid: number | null;
  readonly gid: number | null;
  /** Words of the permitted and inheritable sets; null: no file capabilities. */
  readonly capabilities: {
    readonly permitted: readonly [number, number];
    readonly inheritable: readonly [number, number];
    readonly effective: boolean;
  } | null;
}

/** Whether `target` may have nothing that `credentials` may not have (effective: has not at the moment). */
export function coversCapabilities(
  credentials: Credentials,
  target: Credentials,
  effective: boolean,
): boolean {
  const [low, high] = effective
    ? [credentials.effectiveLow, credentials.effectiveHigh]
    : [credentials.permittedLow, credentials.permittedHigh];
  return (target.permittedLow & ~low) === 0 && (target.permittedHigh & ~high) === 0;
}

/** As coversCapabilities, of those that are permitted, where the other may be in a namespace below (cred_cap_issubset). */
function coversAll(old: Credentials, next: Credentials): boolean {
  const [own, other] = [old.userNamespace, next.userNamespace];
  if (own === other) return coversCapabilities(old, next, false);
  for (let at = other; at.level > own.level; at = at.parent!)
    if (at.parent === own && at.owner.uid === old.euid) return true;
  return false;
}

/** Whether a change of credentials is one after which a process is no longer its user's to look into. */
export function gainsBy(old: Credentials, next: Credentials): boolean {
  return (
    old.euid !== next.euid ||
    old.egid !== next.egid ||
    old.fsuid !== next.fsuid ||
    old.fsgid !== next.fsgid ||
    !coversAll(old, next)
  );
}

/**
 * Credentials of a program that execve starts ("Transformation of capabilities during execve()"), and
 * whether it is to distrust its environment (AT_SECURE). Where somebody outside shares what the program goes
 * on with (its working directory, its root), it gains nothing (F29).
 */
export function credentialsAfterExec(
  old: Credentials,
  grant: FileGrant,
  isShared: boolean,
): { credentials: Credentials; secure: boolean } {
  const file = grant.capabilities;
  const rootUid = old.userNamespace.rootUid;
  const granted = { euid: grant.uid ?? old.euid, egid: grant.gid ?? old.egid };
  // A set-user-ID-root program with capabilities of its own gets those alone.
  const limited = file !== null && granted.euid === rootUid && old.uid !== rootUid;
  const root =
    (old.securebits & SECBIT_NOROOT) === 0 && !limited && (old.uid === rootUid || granted.euid === rootUid);
  const isSetId = granted.euid !== old.uid || granted.egid !== old.gid;
  const ambient: [number, number] = file !== null || isSetId ? [0, 0] : [old.ambientLow, old.ambientHigh];
  const before = [old.permittedLow, old.permittedHigh];
  const inheritable = [old.inheritableLow, old.inheritableHigh];
  const bounding = [old.boundingLow, old.boundingHigh];
  const all = [ALL_LOW, ALL_HIGH];
  let permitted = [0, 1].map((word) => {
    const filePermitted = root ? all[word]! : (file?.permitted[word] ?? 0);
    const fileInheritable = root ? all[word]! : (file?.inheritable[word] ?? 0);
    return (inheritable[word]! & fileInheritable) | (filePermitted & bounding[word]!);
  });
  let { euid, egid } = granted;
  const changesIds = euid !== old.euid || (egid !== old.egid && !hasGroup(old, egid));
  const gainsCapabilities = permitted.some((bits, word) => (bits & ~before[word]!) !== 0);
  if (isShared && (changesIds || gainsCapabilities)) {
    if (!capable(old, old.userNamespace, CAP_SETUID)) {
      euid = old.uid;
      egid = old.gid;
    }
    permitted = permitted.map((bits, word) => bits & before[word]!);
  }
  permitted = permitted.map((bits, word) => bits | ambient[word]!);
  const isEffective = root ? granted.euid === rootUid : (file?.effective ?? false);
  const effective = isEffective ? permitted : ambient;
  const credentials = {
    ...old,
    euid,
    egid,
    suid: euid,
    sgid: egid,
    fsuid: euid,
    fsgid: egid,
    permittedLow: permitted[0]!,
    permittedHigh: permitted[1]!,
    effectiveLow: effective[0]!,
    effectiveHigh: effective[1]!,
    ambientLow: ambient[0],
    ambientHigh: ambient[1],
    securebits: old.securebits & ~SECBIT_KEEP_CAPS,
  };
  const exceedsAmbient = permitted.some((bits, word) => (bits & ~ambient[word]!) !== 0);
  return { credentials, secure: isSetId || (old.uid !== rootUid && (isEffective || exceedsAmbient)) };
}
