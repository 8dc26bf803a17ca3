// User namespaces (user_namespaces(7)). Ids in the kernel are those of the namespace that guests begin in; those that guests
// make below it have maps of their own (id_map.ts). Whoever is in one has the capabilities that his credentials say over what
// belongs to it and to those below (credentials.ts).
//
// A namespace lasts for as long as a task is in it, or something belongs to it or stands for it. Credentials that are kept
// elsewhere (of who has opened a file) keep what is left behind then: whose it was, and nobody in it.

import { ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import { inodeOf, USER_FIRST_INO, USER_KIND } from "../../shared/abi/nsfs.ts";
import type { IdRange, UserMaps } from "../../shared/process_spec.ts";
import { IdMap, NO_ID, NOBODY_MAPPED } from "./id_map.ts";

/** How deep they may be nested: Linux makes none below one of level 33 (create_user_ns). */
const LEVEL_MAX = 33;
/** How many of a kind there may be where nobody has said so. */
export const LIMIT_MAX = 0x7fffffff;

/** What belongs to user namespaces, and is counted there (/proc/sys/user). */
export const OWNED_KINDS = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] as const;
export type OwnedKind = (typeof OWNED_KINDS)[number];
export type MapName = "uids" | "gids" | "projects";

const WHOLE: readonly IdRange[] = [[0, 0, NO_ID]];

/** Somebody's ids, the kernel's. */
export interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

const ROOT: OwnerIds = { uid: 0, gid: 0 };
const NOBODY: OwnerIds = { uid: NO_ID, gid: NO_ID };

/** All those of a kernel that guests have made. */
export interface UserNamespaceSet {
  readonly counters: { userNamespaces: number; idExtents: number };
  /** One of its maps was written. */
  mapped(namespace: UserNamespace, name: MapName): void;
  gone(namespace: UserNamespace): void;
}

/** What one is that guests have made. */
export interface Made {
  readonly set: UserNamespaceSet;
  readonly number: number;
  readonly owner: OwnerIds;
  /** Its maker had CAP_SETFCAP: he may map root of the namespace above. */
  readonly makerMaySetFileCaps: boolean;
}

/** Something belongs to a user namespace, and counts as made there by that user, for as long as it lasts. */
export class Owned {
  readonly users: UserNamespace;
  readonly #kind: OwnedKind;
  readonly #uid: number;
  #isOver = false;

  constructor(users: UserNamespace, kind: OwnedKind, uid: number) {
    this.users = users.hold();
    this.#kind = kind;
    this.#uid = uid;
    users.count(kind, uid, 1);
  }

  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.users.count(this.#kind, this.#uid, -1);
    this.users.release();
  }
}

export class UserNamespace {
  readonly parent: UserNamespace | null;
  /** Of the one that Linux itself starts with: 0. */
  readonly level: number;
  /** Of those that guests have made; 0: one that was there before. */
  readonly number: number;
  /** Who has made it, which gives him all capabilities in it while he is in the one above. */
  readonly owner: OwnerIds;
  readonly makerMaySetFileCaps: boolean;
  /** What its file in /proc/PID/ns says. */
  readonly inode: number;
  #uids: IdMap;
  #gids: IdMap;
  #projects: IdMap;
  #allowsSetgroups: boolean;
  /** How many of a kind whoever may make in it, and below. */
  readonly limits = new Map<OwnedKind, number>();
  /** How many somebody has made; those of namespaces below are their owners'. */
  readonly #counts = new Map<string, number>();
  readonly #set: UserNamespaceSet | null;
  /** It counts in the one above. */
  readonly #owned: Owned | null;
  #holders = 0;

  constructor(
    parent: UserNamespace | null,
    { uids, gids, setgroups }: Partial<UserMaps> = {},
    made: Made | null = null,
  ) {
    this.parent = parent;
    this.level = parent === null ? 0 : parent.level + 1;
    this.number = made?.number ?? 0;
    this.owner = made?.owner ?? ROOT;
    this.makerMaySetFileCaps = made?.makerMaySetFileCaps ?? true;
    this.#set = made?.set ?? null;
    if (made === null) {
      this.#uids = new IdMap(uids ?? WHOLE);
      this.#gids = new IdMap(gids ?? WHOLE);
      this.#allowsSetgroups = setgroups ?? true;
      // Quotas of projects are the host's: nobody has mapped any.
      this.#projects = parent === null ? this.#uids : new IdMap([]);
      this.inode = parent === null ? USER_FIRST_INO : inodeOf(USER_KIND, 1);
      this.#owned = null;
      return;
    }
    this.#uids = NOBODY_MAPPED;
    this.#gids = NOBODY_MAPPED;
    this.#projects = NOBODY_MAPPED;
    this.#allowsSetgroups = parent!.allowsSetgroups;
    this.inode = inodeOf(USER_KIND, 1 + made.number);
    this.#owned = new Owned(parent!, "user", made.owner.uid);
    made.set.counters.userNamespaces++;
  }

  get uids(): IdMap {
    return this.#uids;
  }

  get gids(): IdMap {
    return this.#gids;
  }

  get projects(): IdMap {
    return this.#projects;
  }

  get allowsSetgroups(): boolean {
    return this.#allowsSetgroups;
  }

  /** The one that Linux itself starts with: whatever is the whole system's is its. */
  get initial(): UserNamespace {
    return this.parent?.initial ?? this;
  }

  /** The one in which the sandbox's guests begin, whose ids are the kernel's. */
  get ofGuests(): UserNamespace {
    return this.number === 0 ? this : this.parent!.ofGuests;
  }

  /** Whom files belong to that are the system's own: its root, who is nobody in other namespaces. */
  get systemOwner(): OwnerIds {
    return this.parent === null ? ROOT : NOBODY;
  }

  /** Its user 0, as the kernel has him, or NO_ID. */
  get rootUid(): number {
    return this.#uids.toKernel(0);
  }

  /** As rootUid, with the group 0. */
  get root(): OwnerIds {
    return { uid: this.#uids.toKernel(0), gid: this.#gids.toKernel(0) };
  }

  /** Whether it is that one, or below it. */
  isWithin(other: UserNamespace): boolean {
    let at: UserNamespace = this;
    while (at.level > other.level) at = at.parent!;
    return at === other;
  }

  /** Whether somebody is user 0 here, or in a namespace above. */
  hasRootAbove(uid: number): boolean {
    for (let at: UserNamespace | null = this; at !== null; at = at.parent)
      if (at.#uids.fromKernel(uid) === 0) return true;
    return false;
  }

  // ---- Those below it, and what belongs to it ----

  /** Whether somebody in it may make one below: 0, -ENOSPC or -EPERM. */
  mayHaveBelow({ uid, gid }: OwnerIds): number {
    if (this.level >= LEVEL_MAX) return -ENOSPC;
    const full = this.mayOwn("user", uid);
    if (full < 0) return full;
    // Who has made it must be somebody whom those above can be told of.
    return this.#uids.knows(uid) && this.#gids.knows(gid) ? 0 : -EPERM;
  }

  /** Whether there may be one more of a kind that is that user's: 0 or -ENOSPC. */
  mayOwn(kind: OwnedKind, uid: number): number {
    let user = uid;
    for (let at: UserNamespace | null = this; at !== null; at = at.parent) {
      if ((at.#counts.get(`${kind} ${user}`) ?? 0) >= (at.limits.get(kind) ?? LIMIT_MAX)) return -ENOSPC;
      user = at.owner.uid;
    }
    return 0;
  }

  /** So many more that somebody has made, here and by the owners of the namespaces up from here. */
  count(kind: OwnedKind, uid: number, change: 1 | -1): void {
    let user = uid;
    for (let at: UserNamespace | null = this; at !== null; at = at.parent) {
      const name = `${kind} ${user}`;
      const left = (at.#counts.get(name) ?? 0) + change;
      if (left > 0) at.#counts.set(name, left);
      else at.#counts.delete(name);
      user = at.owner.uid;
    }
  }

  // ---- Maps, each of which is written once ----

  map(name: MapName, ranges: readonly IdRange[]): void {
    const map = IdMap.below(ranges);
    if (name === "uids") this.#uids = map;
    else if (name === "gids") this.#gids = map;
    else this.#projects = map;
    if (this.#set === null) return;
    this.#set.counters.idExtents += ranges.length;
    this.#set.mapped(this, name);
  }

  denySetgroups(): void {
    this.#allowsSetgroups = false;
  }

  // ---- How long it lasts ----

  /** It is not what is left behind. */
  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** A task is in it, or something belongs to it or stands for it. */
  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0 || this.#set === null || this.#owned === null) return;
    const { counters } = this.#set;
    counters.userNamespaces--;
    counters.idExtents -= this.#uids.size + this.#gids.size + this.#projects.size;
    this.#uids = NOBODY_MAPPED;
    this.#gids = NOBODY_MAPPED;
    this.#projects = NOBODY_MAPPED;
    this.#set.gone(this);
    this.#owned.release();
  }
}

/** The namespace of a sandbox's guests. */
export function guestNamespace(maps: UserMaps | undefined): UserNamespace {
  const initial = new UserNamespace(null);
  if (maps === undefined) return initial;
  const guests = new UserNamespace(initial, maps);
  return guests.uids.isWhole && guests.gids.isWhole && guests.allowsSetgroups ? initial : guests;
}
