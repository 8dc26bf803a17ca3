// Calls whose wait is over and that have not gone on yet. They do so as a step of their own, never nested into
// whoever woke them, and a bounded number at a time: one call may end the waits of thousands (hardening.md, F26).

import type { Call } from "./call.ts";
import type { LongTurns } from "./long_turns.ts";

/** Calls that go on before requests are looked at again. */
const AT_ONCE = 128;
/** And for how long. */
const TURN_MS = 2;

export class NextSteps {
  readonly #longTurns: LongTurns;
  /** A step has thrown. */
  readonly #onThrow: (call: Call, error: unknown) => void;
  #due: Call[] = [];

  constructor(longTurns: LongTurns, onThrow: (call: Call, error: unknown) => void) {
    this.#longTurns = longTurns;
    this.#onThrow = onThrow;
  }

  push(call: Call): void {
    this.#due.push(call);
  }

  get any(): boolean {
    return this.#due.length > 0;
  }

  /** Lets calls go on; what that wakes, and who is left, comes in the next round. */
  run(): void {
    const due = this.#due;
    this.#due = due.length > AT_ONCE ? due.splice(AT_ONCE) : [];
    this.#longTurns.settle();
    const endMs = this.#longTurns.nowMs + TURN_MS;
    for (let i = 0; i < due.length; i++) {
      const call = due[i]!;
      this.#longTurns.nr = call.nr;
      try {
        call.goOn();
      } catch (error) {
        this.#onThrow(call, error);
      }
      if (this.#longTurns.end("next step", null) < endMs || i + 1 === due.length) continue;
      this.#due = [...due.slice(i + 1), ...this.#due];
      return;
    }
  }
}
