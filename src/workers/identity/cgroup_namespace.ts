// Cgroup namespaces (cgroup_namespaces(7)). Programs see the one group that they are in, as the root of what they see,
// whichever of these they are in: one differs from another by whose it is.

import { CGROUP_FIRST_INO, CGROUP_KIND, inodeOf } from "../../shared/abi/nsfs.ts";
import type { Counters } from "../counters.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";

export class CgroupNamespace {
  readonly #counters: Counters;
  readonly #owned: Owned;
  readonly inode: number;
  #holders = 0;

  constructor(counters: Counters, owned: Owned, number: number) {
    this.#counters = counters;
    this.#owned = owned;
    this.inode = number === 0 ? CGROUP_FIRST_INO : inodeOf(CGROUP_KIND, number);
    counters.smallNamespaces++;
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned.users;
  }

  /** A task is in it, or somebody stands at its file. */
  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.#counters.smallNamespaces--;
    this.#owned.release();
  }
}
