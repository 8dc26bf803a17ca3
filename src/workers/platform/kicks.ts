// Kicks that were sent and not answered yet (docs/hardening.md, F14): a guest can block the host signal, so
// each has a deadline in CPU time of its own thread, and one for a thread that sleeps on at the host; after it the
// process is killed and counted. A thread that the host does not let run, because many others want to, or because it
// is stopped or waits for a disk, is never late. The same holds of what a stub is asked for while its thread stands, for
// its tracer (ptrace/stops.ts): a guest may have made its stub serve nothing.

import { Looks } from "../call/looks.ts";
import type { PlatformContext } from "./context.ts";
import type { HostThread } from "./host_thread.ts";
import { isAsleep, threadTimeNs } from "./thread_time.ts";

const LOOK_NS = 50e6;
const DEADLINE_CPU_NS = 100e6;
/** Looks that find the thread asleep: a second of them. A sandbox that is frozen does not look. */
const DEADLINE_LOOKS_ASLEEP = 20;

/** What is asked of a thread, and what the log says if it does not do it. */
const ASKED = {
  kick: "a task ignores kicks: killed",
  aside: "a traced task does not do what its tracer asks for: killed",
} as const;
type Asked = keyof typeof ASKED;

interface Kicked {
  readonly asked: Asked;
  /** CPU time of the task's thread when it was first looked at; negative before. */
  sinceNs: number;
  looksAsleep: number;
}

export class Kicks {
  readonly #kernel: PlatformContext;
  readonly #waiting = new Map<HostThread, Kicked>();
  readonly #looks: Looks;

  constructor(kernel: PlatformContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** Kicks that were not answered: for counters. */
  get size(): number {
    return this.#waiting.size;
  }

  watch(task: HostThread, asked: Asked = "kick"): void {
    if (!this.#waiting.has(task)) this.#waiting.set(task, { asked, sinceNs: -1, looksAsleep: 0 });
    this.#looks.begin();
  }

  /** The task has entered the kernel. */
  answered(task: HostThread): void {
    if (this.#waiting.size > 0) this.#waiting.delete(task);
  }

  #look(): boolean {
    for (const [task, kicked] of this.#waiting) {
      if (task.dead || (task.group.exiting && !task.leaving)) {
        this.#waiting.delete(task);
        continue;
      }
      const now = threadTimeNs(this.#kernel, task);
      if (kicked.sinceNs < 0) kicked.sinceNs = now;
      if (isAsleep(this.#kernel, task)) kicked.looksAsleep++;
      if (now - kicked.sinceNs >= DEADLINE_CPU_NS || kicked.looksAsleep >= DEADLINE_LOOKS_ASLEEP)
        this.#kill(task, kicked);
    }
    return this.#waiting.size > 0;
  }

  #kill(task: HostThread, { asked }: Kicked): void {
    this.#waiting.delete(task);
    this.#kernel.counters.ignoredKicks++;
    this.#kernel.log("warn", ASKED[asked], { pid: task.group.id.first });
    // A task that is leaving has ended for the guest: only the death of all in its memory stops its thread.
    if (task.leaving) task.stub.kill();
    else task.killHostile();
  }
}
