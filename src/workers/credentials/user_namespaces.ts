// The user namespaces that a kernel's guests have made: their numbers, and who is told of them.

import { ENOSPC, EPERM } from "../../shared/abi/errno.ts";
import { CAP_SETFCAP } from "../../shared/abi/prctl.ts";
import type { Counters } from "../counters.ts";
import type { HeapBudget } from "../heap_budget.ts";
import { type Credentials, capable } from "./credentials.ts";
import { type MapName, UserNamespace, type UserNamespaceSet } from "./user_namespace.ts";

/** Who is told: what other kernel threads know of them, and what threads of theirs answer by themselves. */
export interface UserNamespaceWatcher {
  usersMade(namespace: UserNamespace): void;
  usersMapped(namespace: UserNamespace, name: MapName): void;
  usersGone(namespace: UserNamespace): void;
}

export class UserNamespaces implements UserNamespaceSet {
  readonly counters: Counters;
  readonly #heap: HeapBudget;
  readonly #watcher: UserNamespaceWatcher;
  #last = 0;

  constructor({ counters, heap }: { counters: Counters; heap: HeapBudget }, watcher: UserNamespaceWatcher) {
    this.counters = counters;
    this.#heap = heap;
    this.#watcher = watcher;
  }

  /** Whether somebody may make one: 0, -ENOSPC or -EPERM. `isChrooted`: his root is not that of his mounts. */
  mayMake({ euid, egid, userNamespace }: Credentials, isChrooted: boolean): number {
    const refused = userNamespace.mayHaveBelow({ uid: euid, gid: egid });
    if (refused < 0) return refused;
    // What lies beside his root is not for him, though he will have all capabilities over his mounts.
    if (isChrooted) return -EPERM;
    return this.#heap.hasRoom("userNamespaces") ? 0 : -ENOSPC;
  }

  /** That of a maker, which may be made (mayMake); it lasts while somebody holds it. */
  make(maker: Credentials): UserNamespace {
    const namespace = new UserNamespace(
      maker.userNamespace,
      {},
      {
        set: this,
        number: ++this.#last,
        owner: { uid: maker.euid, gid: maker.egid },
        makerMaySetFileCaps: capable(maker, maker.userNamespace, CAP_SETFCAP),
      },
    );
    this.#watcher.usersMade(namespace);
    return namespace;
  }

  /** Whether it may have so many lines more in its maps. */
  hasRoomFor(lines: number): boolean {
    return this.#heap.hasRoom("idExtents", lines);
  }

  mapped(namespace: UserNamespace, name: MapName): void {
    this.#watcher.usersMapped(namespace, name);
  }

  gone(namespace: UserNamespace): void {
    this.#watcher.usersGone(namespace);
  }
}
