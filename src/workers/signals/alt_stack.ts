// Where signal handlers run (sigaltstack(2)), and what a task was before one was entered.

import { SS_DISABLE } from "../../shared/abi/signal.ts";
import { FRAME_SIZE } from "../../shared/ring/layout.ts";
import { SignalSet } from "../call/signal_set.ts";

export interface AltStack {
  sp: number;
  size: number;
  flags: number;
}

export const NO_ALT_STACK: AltStack = { sp: 0, size: 0, flags: SS_DISABLE };

/** A task before it was sent to a handler: one object for all of its handlers, until one's frame cannot be written. */
export class BeforeHandler {
  signo = 0;
  readonly registers = new Int32Array(FRAME_SIZE >>> 2);
  readonly blocked = new SignalSet();
  savedMask = new SignalSet();
  altStack = NO_ALT_STACK;
}
