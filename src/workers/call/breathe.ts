// Calls with much to do let others go on between their rounds, when a turn is full (LongTurns.isFull; F26).

import type { Caller } from "./caller.ts";

/** Lets other tasks go on. True: a signal has come. */
export function* breathe(task: Caller): Generator<void, boolean, void> {
  task.call.completeWait(0);
  return yield* task.call.wait();
}

/** As breathe, in a call that no signal ends. */
export function* breatheOn(task: Caller): Generator<void, void, void> {
  task.call.replyBlocked();
  task.call.completeWait(0);
  yield;
}
