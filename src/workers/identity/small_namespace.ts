// What namespaces of little have in common (uts.ts, cgroup_namespace.ts): whose they are, and who is in them.

import type { Counters } from "../counters.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";

export abstract class SmallNamespace {
  protected readonly counters: Counters;
  readonly #owned: Owned;
  /** Of its file in nsfs. */
  readonly inode: number;
  #holders = 0;

  constructor(counters: Counters, owned: Owned, inode: number) {
    this.counters = counters;
    this.#owned = owned;
    this.inode = inode;
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
    this.counters.smallNamespaces--;
    this.#owned.release();
  }
}
