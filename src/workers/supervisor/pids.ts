// Process numbers as the guest sees them (pid_namespaces(7)): allotted upwards, wrapping below
// pid_max, never one in use. Host pids are never shown.

import type { ThreadGroup } from "./task.ts";

const PID_MAX = 32768;
const FIRST_AFTER_WRAP = 300; // Linux's RESERVED_PIDS

export class PidNamespace {
  readonly #groups = new Map<number, ThreadGroup>();
  readonly #used = new Set<number>();
  #last = 0;

  /** A number that nobody has, or -1 when all are taken (EAGAIN). */
  allot(): number {
    for (let tries = 0; tries < PID_MAX; tries++) {
      this.#last = this.#last + 1 >= PID_MAX ? FIRST_AFTER_WRAP : this.#last + 1;
      if (this.#used.has(this.#last)) continue;
      this.#used.add(this.#last);
      return this.#last;
    }
    return -1;
  }

  register(group: ThreadGroup): void {
    this.#groups.set(group.pid, group);
  }

  release(pid: number): void {
    this.#groups.delete(pid);
    this.#used.delete(pid);
  }

  group(pid: number): ThreadGroup | undefined {
    return this.#groups.get(pid);
  }

  groups(): IterableIterator<ThreadGroup> {
    return this.#groups.values();
  }
}
