// What the kernel knows of the control group that a container's programs are in.

import { type CgroupLimits, type CgroupUse, NO_CGROUP_LIMITS } from "../../shared/cgroup.ts";

export class Cgroup {
  limits: CgroupLimits = NO_CGROUP_LIMITS;
  /** Most bytes that were seen. */
  peak = 0;
  #userUsec = 0;
  #systemUsec = 0;

  /** Who has used what; CPU time does not go back when processes end. */
  seen(use: CgroupUse): CgroupUse {
    this.peak = Math.max(this.peak, use.programs + use.common);
    this.#userUsec = Math.max(this.#userUsec, use.userUsec);
    this.#systemUsec = Math.max(this.#systemUsec, use.systemUsec);
    return { ...use, userUsec: this.#userUsec, systemUsec: this.#systemUsec };
  }

  change(limits: Partial<CgroupLimits>): void {
    this.limits = { ...this.limits, ...limits };
  }
}
