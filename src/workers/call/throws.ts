// What code of the kernel threw: counted, and logged with its stack, as far as the log is not flooded. A throw is a
// fault of ours, whoever caused it; the sandbox goes on (hardening.md, F21).

import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import type { Call } from "./call.ts";

/** Throws that are logged: later ones are only counted. */
const LOGGED_MAX = 100;

export class Throws {
  readonly #counters: Counters;
  readonly #log: Log;

  constructor(counters: Counters, log: Log) {
    this.#counters = counters;
    this.#log = log;
  }

  /** What served a call, or let it go on: its process ends. */
  inCall({ caller, nr }: Call, error: unknown): void {
    this.caught("a handler threw: its process is killed", error, { pid: caller.firstPid, nr });
    caller.killHostile();
  }

  caught(message: string, error: unknown, fields: Record<string, unknown> = {}): void {
    if (this.#counters.handlerErrors++ >= LOGGED_MAX) return;
    const stack = error instanceof Error ? error.stack : String(error);
    this.#log("error", message, { ...fields, stack });
  }
}
