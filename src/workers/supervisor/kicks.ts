// Kicks that were sent and not answered yet (hardening.md, F14): a guest can block the host signal, so
// each has a deadline in CPU time of its process; after it the process is killed and counted.

import type { Kernel } from "../kernel.ts";
import type { Task } from "./task.ts";

const LOOK_NS = 50e6;
const DEADLINE_CPU_NS = 100e6;

export class Kicks {
  readonly #kernel: Kernel;
  readonly #waiting = new Map<Task, number>();
  #armed = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  watch(task: Task): void {
    if (!this.#waiting.has(task)) this.#waiting.set(task, task.stub.cpuTimeNs());
    if (this.#armed) return;
    this.#armed = true;
    this.#kernel.timers.add(this.#kernel.native.monotonicNs() + LOOK_NS, () => this.#look());
  }

  /** The task has entered the kernel. */
  answered(task: Task): void {
    if (this.#waiting.size > 0) this.#waiting.delete(task);
  }

  #look(): void {
    this.#armed = false;
    for (const [task, since] of this.#waiting) {
      if (task.dead || task.group.exiting) {
        this.#waiting.delete(task);
        continue;
      }
      if (task.stub.cpuTimeNs() - since < DEADLINE_CPU_NS) continue;
      this.#waiting.delete(task);
      this.#kernel.counters.ignoredKicks++;
      this.#kernel.log("warn", "a task ignores kicks: killed", { pid: task.group.pid });
      this.#kernel.killHostile(task);
    }
    if (this.#waiting.size === 0) return;
    this.#armed = true;
    this.#kernel.timers.add(this.#kernel.native.monotonicNs() + LOOK_NS, () => this.#look());
  }
}
