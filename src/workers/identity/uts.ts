// UTS namespaces (uts_namespaces(7)): what uname(2) says. The release is a Linux that has every call a libc may probe for
// by version; it is not the host's, which is nobody's business inside.

import { inodeOf, UTS_FIRST_INO, UTS_KIND } from "../../shared/abi/nsfs.ts";
import type { Counters } from "../counters.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";

export const RELEASE = "6.12.0-ringfence";
export const VERSION = "#1 SMP PREEMPT_DYNAMIC Ringfence";

export class UtsNamespace {
  readonly #counters: Counters;
  readonly #owned: Owned;
  readonly inode: number;
  nodename: string;
  domainname = "(none)";
  #holders = 0;

  constructor(counters: Counters, owned: Owned, number: number, nodename: string) {
    this.#counters = counters;
    this.#owned = owned;
    this.inode = number === 0 ? UTS_FIRST_INO : inodeOf(UTS_KIND, number);
    this.nodename = nodename;
    counters.smallNamespaces++;
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned.users;
  }

  /** One that begins with the same names. */
  copy(owned: Owned, number: number): UtsNamespace {
    const copy = new UtsNamespace(this.#counters, owned, number, this.nodename);
    copy.domainname = this.domainname;
    return copy;
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
