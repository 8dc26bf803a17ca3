// UTS namespaces (uts_namespaces(7)): what uname(2) says. The release is a Linux that has every call a libc may probe for
// by version; it is not the host's, which is nobody's business inside.

import { inodeOf, UTS_FIRST_INO, UTS_KIND } from "../../shared/abi/nsfs.ts";
import type { Counters } from "../counters.ts";
import type { Owned } from "../credentials/user_namespace.ts";
import { SmallNamespace } from "./small_namespace.ts";

export const RELEASE = "6.12.0-ringfence";
export const VERSION = "#1 SMP PREEMPT_DYNAMIC Ringfence";

export class UtsNamespace extends SmallNamespace {
  nodename: string;
  domainname = "(none)";

  constructor(counters: Counters, owned: Owned, number: number, nodename: string) {
    super(counters, owned, number === 0 ? UTS_FIRST_INO : inodeOf(UTS_KIND, number));
    this.nodename = nodename;
  }

  /** One that begins with the same names. */
  copy(owned: Owned, number: number): UtsNamespace {
    const copy = new UtsNamespace(this.counters, owned, number, this.nodename);
    copy.domainname = this.domainname;
    return copy;
  }
}
