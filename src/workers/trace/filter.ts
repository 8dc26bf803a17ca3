// Which events a session wants. A filter is made once, and asked of each event: sets and plain comparisons.

import type { TraceFilter } from "../../shared/trace/session.ts";
import type { Task } from "../process/task.ts";
import type { TraceEvent } from "./event.ts";

function setOf<T>(list: readonly T[] | undefined): ReadonlySet<T> | null {
  return list === undefined ? null : new Set(list);
}

export class EventFilter {
  readonly #containers: ReadonlySet<string> | null;
  readonly #comms: ReadonlySet<string> | null;
  readonly #uids: ReadonlySet<number> | null;
  readonly #paths: readonly string[] | null;
  readonly #failures: boolean;

  constructor({ containers, comms, paths, uids, failures }: TraceFilter) {
    this.#containers = setOf(containers);
    this.#comms = setOf(comms);
    this.#uids = setOf(uids);
    this.#paths = paths ?? null;
    this.#failures = failures === true;
  }

  passes({ task, path, failed }: TraceEvent): boolean {
    if (this.#failures && !failed) return false;
    if (!this.passesTask(task)) return false;
    return this.#paths === null || (path !== null && this.#paths.some((start) => path.startsWith(start)));
  }

  /** Of what is asked of an event that which its task alone decides. */
  passesTask(task: Task): boolean {
    if (this.#containers !== null && !this.#containers.has(task.container.id)) return false;
    if (this.#comms !== null && !this.#comms.has(task.comm)) return false;
    if (this.#uids !== null) {
      const { uid, euid } = task.credentials;
      return this.#uids.has(uid) || this.#uids.has(euid);
    }
    return true;
  }
}
