// What a call uses of its kernel. Each room names what it uses beside it in a context of its own (vfs/context.ts,
// ...); the Kernel object is all of them.

import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import type { Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { LongTurns } from "./long_turns.ts";
import type { NextSteps } from "./next_steps.ts";
import type { SlotContext } from "./slot_io.ts";

/** Who is told of every call (--strace). */
export interface CallTracer {
  /** It has been claimed; its frame and number stand. */
  enter(call: Call): void;
  /** It has its result; the reply is not given yet. */
  leave(call: Call, result: number): void;
}

export interface CallContext extends SlotContext {
  readonly counters: Counters;
  readonly log: Log;
  readonly longTurns: LongTurns;
  readonly nextSteps: NextSteps;
  readonly tracer: CallTracer | null;
  /** On whose behalf the kernel works right now: what /proc/self and /dev/tty are about. */
  current: Caller | null;
}
