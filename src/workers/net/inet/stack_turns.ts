// Whose turn it is among the stacks of a kernel thread. What one sends over a cable waits at another, which is looked at when
// the first is done: never in the middle of it, so that packets that go round many of them, or round and round, take turns
// and no stack of calls. What a few turns do not finish goes on later (F26).

import type { LongTurns } from "../../call/long_turns.ts";
import type { Steps } from "../../call/steps.ts";

/** A stack that can be run. */
export interface Runner {
  /** Looks at some of what waits. */
  turn(): void;
}

/** Turns that follow on what one call has sent. */
const AT_ONCE = 16;

interface StackTurnsContext {
  readonly steps: Steps;
  readonly longTurns: LongTurns;
}

export class StackTurns {
  readonly #kernel: StackTurnsContext;
  readonly #waiting: Runner[] = [];
  #isRunning = false;
  #isBehind = false;

  constructor(kernel: StackTurnsContext) {
    this.#kernel = kernel;
  }

  /** Something waits at a stack. */
  add(runner: Runner): void {
    if (!this.#waiting.includes(runner)) this.#waiting.push(runner);
    if (!this.#isRunning) this.#goOnLater();
  }

  /** A stack is to be run. False: another is, and it is to wait. */
  begin(): boolean {
    if (this.#isRunning) return false;
    this.#isRunning = true;
    return true;
  }

  /** It was: those follow at which something waits now. */
  end(): void {
    try {
      if (this.#waiting.length > 0) this.#runWaiting();
    } finally {
      this.#isRunning = false;
    }
    if (this.#waiting.length > 0) this.#goOnLater();
  }

  #runWaiting(): void {
    const { longTurns } = this.#kernel;
    for (let i = 0; i < AT_ONCE && this.#waiting.length > 0 && !longTurns.isFull; i++)
      this.#waiting.shift()!.turn();
  }

  #goOnLater(): void {
    if (this.#isBehind) return;
    this.#isBehind = true;
    this.#kernel.steps.later(() => {
      this.#isBehind = false;
      this.#isRunning = true;
      this.end();
      return true;
    });
  }
}
