// What a call asks of those who answer later, on threads of the host's (gofer/transaction.ts). Who needs an answer that is not
// there says NOT_AT_HAND, which goes up as any error does: whatever was begun is undone on the way. The call then waits, and
// its handler runs once more from its beginning, or a coroutine from where it has asked; what has been answered is there
// by then. Nothing that changes the host is done twice: it is an answer like the others.

import type { Coroutine } from "./call.ts";
import type { Caller } from "./caller.ts";

/** No errno and no address: above BLOCKED, and below all results. */
export const NOT_AT_HAND = -0x7ffffffe;

export interface Asked {
  /** Calls `then` once something is answered, perhaps at once; and forgets it when the call ends. A handler begins anew a bounded number of times. */
  whenAnswered(then: () => void, beginsAnew: boolean): void;
  /** The call is over, or its task gone: what was answered for it is given back, what comes yet will be. */
  end(): void;
}

/** Makes an attempt again for as long as it says NOT_AT_HAND. No signal but the end of its task ends the wait. */
export function* untilAnswered<T>(
  task: Caller,
  attempt: () => T | number,
): Generator<void, T | number, void> {
  for (;;) {
    const result = attempt();
    if (result !== NOT_AT_HAND) return result;
    yield* task.call.answer();
  }
}

/** The same of attempts whose result is a number. */
export function* numberAnswered(task: Caller, attempt: () => number): Coroutine {
  return yield* untilAnswered<number>(task, attempt);
}
