// Signals for many processes that come while one of these makes another, which has them as soon as it is there (Linux's
// multiprocess_signals): whoever signals a process group misses nobody who is on the way.

import { SIGCONT } from "../../shared/abi/signal.ts";
import { SignalSet } from "../call/signal_set.ts";
import { STOP_SIGNALS } from "./signals.ts";

const NOTHING_BLOCKED = new SignalSet();

export class DelayedSignals {
  readonly #set = new SignalSet();

  /** A stop and a continuation cancel each other, as in a queue. */
  add(signo: number): void {
    if (signo === SIGCONT) this.#set.subtract(STOP_SIGNALS);
    else if (STOP_SIGNALS.has(signo)) this.#set.remove(SIGCONT);
    this.#set.add(signo);
  }

  /** One of them, which does not wait any more; 0: there is none. */
  take(): number {
    const signo = this.#set.firstOutside(NOTHING_BLOCKED);
    if (signo !== 0) this.#set.remove(signo);
    return signo;
  }
}
