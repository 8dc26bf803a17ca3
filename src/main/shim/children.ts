// Processes whose parent the shim is: those it starts, and those that have come to it, as the subreaper that it is, from a
// launcher that has ended (prctl(2)): waiters, and the init of a sandbox.

import type { Addon } from "./addon.ts";

/** Of strangers that have ended: one may be asked for a moment later. */
const STRANGERS_MAX = 1024;

interface Ended {
  readonly status: number;
  readonly at: number;
}

export class Children {
  readonly #addon: Addon;
  readonly #awaited = new Map<number, (status: number) => void>();
  readonly #ended = new Map<number, Ended>();
  /** How many have ended: what tells the number of a child from the same number of an earlier one. */
  #reaped = 0;

  constructor(addon: Addon) {
    this.#addon = addon;
    process.on("SIGCHLD", () => this.#reap());
  }

  /** Starts a program; its pid, or a negative errno. Its end is to be asked for by `end`. */
  spawn(file: string, args: readonly string[], descriptors: readonly number[], directory: string): number {
    return this.#addon.spawn(file, args, descriptors, directory);
  }

  get reaped(): number {
    return this.#reaped;
  }

  /** Resolves to the wait status of a child when it has ended; asked for once. `since`: `reaped` before it was made. */
  end(pid: number, since: number): Promise<number> {
    const ended = this.#ended.get(pid);
    this.#ended.delete(pid);
    if (ended !== undefined && ended.at >= since) return Promise.resolve(ended.status);
    return new Promise((resolve) => this.#awaited.set(pid, resolve));
  }

  #reap(): void {
    for (let child = this.#addon.reap(); child !== null; child = this.#addon.reap()) {
      const [pid, status] = child;
      const awaited = this.#awaited.get(pid);
      this.#awaited.delete(pid);
      if (awaited) awaited(status);
      else this.#keep(pid, status);
      this.#reaped++;
    }
  }

  #keep(pid: number, status: number): void {
    this.#ended.set(pid, { status, at: this.#reaped });
    if (this.#ended.size > STRANGERS_MAX) this.#ended.delete(this.#ended.keys().next().value!);
  }
}

/** The exit status that callers are told: 128 + signal where one has ended it. */
export function exitStatus(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}
