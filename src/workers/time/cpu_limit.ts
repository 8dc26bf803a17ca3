// RLIMIT_CPU (setrlimit(2)): SIGXCPU when a thread group has used the soft limit, again with every further
// second, and SIGKILL at the hard one.

import { RLIMIT_CPU } from "../../shared/abi/resource.ts";
import { SIGKILL, SIGXCPU } from "../../shared/abi/signal.ts";
import { NSEC_PER_SEC } from "../../shared/abi/time.ts";
import { fromKernel } from "../call/siginfo.ts";
import type { ThreadGroup } from "../process/task.ts";
import { recentGroupCpuTime, total } from "./cpu_time.ts";
import { type Armed, CpuClock } from "./timer_clocks.ts";

export class CpuLimit {
  readonly #group: ThreadGroup;
  readonly #clock: CpuClock;
  #armed: Armed | null = null;

  constructor(group: ThreadGroup) {
    this.#group = group;
    this.#clock = new CpuClock(
      group.kernel,
      () => total(recentGroupCpuTime(group)),
      () => group.alive,
    );
  }

  /** The limit is another one, or the group is new. */
  changed(): void {
    this.stop();
    const [soft, hard] = this.#group.rlimits[RLIMIT_CPU]!;
    const seconds = Math.min(soft, hard);
    if (!Number.isFinite(seconds)) return;
    this.#armed = this.#clock.arm(seconds * NSEC_PER_SEC, () => this.#reached());
  }

  stop(): void {
    this.#armed?.cancel();
    this.#armed = null;
  }

  #reached(): void {
    this.#armed = null;
    const limit = this.#group.rlimits[RLIMIT_CPU]!;
    const [soft, hard] = limit;
    const used = this.#clock.now() / NSEC_PER_SEC;
    if (used >= hard) {
      // Process 1 cannot refuse it either.
      this.#group.send({ ...fromKernel(SIGKILL), isFromOutside: true });
      return;
    }
    if (used >= soft) {
      limit[0] = soft + 1;
      this.#group.send(fromKernel(SIGXCPU));
    }
    if (!this.#group.exiting) this.changed();
  }
}
