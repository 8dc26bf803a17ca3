// Credentials of a task (credentials(7)): immutable; a change makes a new object. Capabilities are
// bit sets of 64 bits in two words, checked in the user namespace that the credentials carry.

/** A user namespace; the sandbox's own is the only one until guests make more. */
export class UserNamespace {
  readonly parent: UserNamespace | null;
  constructor(parent: UserNamespace | null) {
    this.parent = parent;
  }
}

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

/** Credentials of a program that is started from outside: uid 0 has every capability inside. */
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
    groups,
    effectiveLow: root ? ALL_LOW : 0,
    effectiveHigh: root ? ALL_HIGH : 0,
    permittedLow: root ? ALL_LOW : 0,
    permittedHigh: root ? ALL_HIGH : 0,
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

/** Whether the task may do what `capability` (CAP_* number) guards in a namespace. */
export function capable(credentials: Credentials, namespace: UserNamespace, capability: number): boolean {
  // An ancestor's owner rights would be looked up here; there is one namespace so far.
  if (credentials.userNamespace !== namespace) return false;
  const word = capability < 32 ? credentials.effectiveLow : credentials.effectiveHigh;
  return ((word >>> (capability & 31)) & 1) !== 0;
}
