// Cgroup namespaces (cgroup_namespaces(7)). Programs see the one group that they are in, as the root of what they see,
// whichever of these they are in: one differs from another by whose it is.

import { CGROUP_FIRST_INO, CGROUP_KIND, inodeOf } from "../../shared/abi/nsfs.ts";
import type { Counters } from "../counters.ts";
import type { Owned } from "../credentials/user_namespace.ts";
import { SmallNamespace } from "./small_namespace.ts";

export class CgroupNamespace extends SmallNamespace {
  constructor(counters: Counters, owned: Owned, number: number) {
    super(counters, owned, number === 0 ? CGROUP_FIRST_INO : inodeOf(CGROUP_KIND, number));
  }
}
