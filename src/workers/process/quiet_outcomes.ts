// Lists behind which a stub goes back to its guest, and whose outcome wakes nobody: what they change is one process's own
// memory, of which nobody else is told. A kernel thread that sleeps learns of it when it wakes for something else, before it
// serves that; where somebody waits for the pages, the stub is told to wake it after all (AddressSpace.onWait).
//
// A wake-up is two switches of threads where all are on one CPU, and a wake-up of another CPU elsewhere: more than all the
// rest of an mmap.

import { kindOf } from "../../shared/ring/claims.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import type { SupervisorContext } from "./context.ts";
import type { Task } from "./task.ts";

/** Each wake-up looks at all of them. */
const QUIET_MAX = 32;

export class QuietOutcomes {
  readonly #kernel: SupervisorContext;
  #tasks: Task[] = [];

  constructor(kernel: SupervisorContext) {
    this.#kernel = kernel;
  }

  /** Whether a list of the task's may be quiet: nobody but its kernel thread is to see it end, or waits for its pages. */
  mayBe(task: Task): boolean {
    const { kernel, stub } = task;
    return (
      this.#tasks.length < QUIET_MAX &&
      stub.tasks.length === 1 &&
      task.tracee === null &&
      !stub.space.locks.isAwaited &&
      kernel.observer === null &&
      kernel.tracer === null &&
      kernel.otherThreads === null
    );
  }

  add(task: Task): void {
    this.#tasks.push(task);
  }

  /** Lists that are done by now are written down; requests that their tasks have made since are served in their turn. */
  look(): void {
    if (this.#tasks.length === 0) return;
    const { claims, taskAt, thread, requests } = this.#kernel;
    this.#tasks = this.#tasks.filter((task) => {
      const { call } = task;
      if (taskAt[call.slot] !== task || !call.returns) return false;
      const kind = kindOf(claims.peek(call.slot, thread));
      if (kind === 0) return true;
      if (kind === Request.OPS_DONE && call.listHasReturned) requests.settle(task);
      return false;
    });
  }
}
