// Where signal handlers run (sigaltstack(2)), and what a task was before one was entered.

import { SS_DISABLE } from "../../shared/abi/signal.ts";
import type { SignalSet } from "../call/signal_set.ts";

export interface AltStack {
  sp: number;
  size: number;
  flags: number;
}

export const NO_ALT_STACK: AltStack = { sp: 0, size: 0, flags: SS_DISABLE };

/** A task before it was sent to a handler. */
export interface BeforeHandler {
  readonly signo: number;
  readonly registers: Int32Array;
  readonly blocked: SignalSet;
  readonly savedMask: SignalSet;
  readonly altStack: AltStack;
}
