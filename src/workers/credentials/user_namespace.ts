// User namespaces (user_namespaces(7)). Ids in the kernel are those of the namespace that its guests are in: owners of
// the host's files are translated by the host's own kernel, whose namespace for the sandbox has the same ids
// (native/launcher/user_namespace.h). Guests make no further ones.

import { inodeOf, USER_FIRST_INO, USER_KIND } from "../../shared/abi/nsfs.ts";
import type { IdRange, UserMaps } from "../../shared/process_spec.ts";

/** An id that is none (INVALID_UID): of an owner who is not mapped. Nobody has it, and nobody can be given it. */
export const NO_ID = 0xffffffff;
/** What is told in its place (/proc/sys/kernel/overflowuid). */
export const OVERFLOW_ID = 65534;
/** Beyond so many lines Linux keeps a map in order (UID_GID_MAP_MAX_BASE_EXTENTS). */
const UNSORTED_MAX = 5;

const WHOLE: readonly IdRange[] = [[0, 0, NO_ID]];

/** An id as guests are told of it (from_kuid_munged). */
export function told(id: number): number {
  return id === NO_ID ? OVERFLOW_ID : id;
}

export class IdMap {
  readonly #ranges: readonly IdRange[];
  /** By the first number: no two overlap. */
  readonly #inOrder: readonly IdRange[];
  readonly isWhole: boolean;
  /** The host tells OVERFLOW_ID of owners that are not mapped, and of none else. */
  readonly #overflows: boolean;

  constructor(ranges: readonly IdRange[]) {
    this.#inOrder = [...ranges].sort(([a], [b]) => a - b);
    this.#ranges = ranges.length > UNSORTED_MAX ? this.#inOrder : ranges;
    this.isWhole =
      ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === 0 && ranges[0]![2] === NO_ID;
    this.#overflows = !this.has(OVERFLOW_ID);
  }

  has(id: number): boolean {
    if (this.isWhole) return id < NO_ID;
    let [low, high] = [0, this.#inOrder.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#inOrder[middle]![0] <= id) low = middle + 1;
      else high = middle;
    }
    const last = this.#inOrder[low - 1];
    return last !== undefined && id - last[0] < last[2];
  }

  /**
   * An owner as the host tells it. Where OVERFLOW_ID is somebody's here, it cannot be told from who is not mapped: then
   * the host's kernel is who lets nobody of the sandbox have what is not his.
   */
  fromHost(id: number): number {
    return this.#overflows && id === OVERFLOW_ID ? NO_ID : id;
  }

  /** /proc/PID/uid_map. */
  get text(): string {
    const column = (number: number): string => String(number).padStart(10);
    return this.#ranges.map((range) => `${range.map(column).join(" ")}\n`).join("");
  }
}

export class UserNamespace {
  readonly parent: UserNamespace | null;
  readonly uids: IdMap;
  readonly gids: IdMap;
  readonly allowsSetgroups: boolean;
  readonly inode: number;

  constructor(parent: UserNamespace | null, { uids, gids, setgroups }: Partial<UserMaps> = {}) {
    this.parent = parent;
    this.uids = new IdMap(uids ?? WHOLE);
    this.gids = new IdMap(gids ?? WHOLE);
    this.allowsSetgroups = setgroups ?? true;
    this.inode = parent === null ? USER_FIRST_INO : inodeOf(USER_KIND, 1);
  }

  /** The one that Linux itself starts with: whatever is the whole system's is its. */
  get initial(): UserNamespace {
    return this.parent?.initial ?? this;
  }

  /** Whom files belong to that are the system's own: its root, who is nobody in other namespaces. */
  get systemOwner(): { readonly uid: number; readonly gid: number } {
    return this.parent === null ? ROOT : NOBODY;
  }
}

const ROOT = { uid: 0, gid: 0 };
const NOBODY = { uid: NO_ID, gid: NO_ID };

/** The namespace of a sandbox's guests. */
export function guestNamespace(maps: UserMaps | undefined): UserNamespace {
  const initial = new UserNamespace(null);
  if (maps === undefined) return initial;
  const guests = new UserNamespace(initial, maps);
  return guests.uids.isWhole && guests.gids.isWhole && guests.allowsSetgroups ? initial : guests;
}
