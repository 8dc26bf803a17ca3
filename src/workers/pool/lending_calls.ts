// Calls that kernel threads which move bytes could serve, where thread 0 serves them: the file is lent by and by.

import { POSTED_TO_MOVERS } from "../../shared/abi/unseen_calls.ts";
import type { Handler } from "../call/dispatch.ts";
import type { VfsCaller } from "../vfs/caller.ts";

const WRITES: ReadonlySet<string> = new Set(["write", "writev", "pwrite64", "pwritev"]);

function lending<C extends VfsCaller>(handler: Handler<C>, writes: boolean): Handler<C> {
  return (task, fd, a1, a2, a3, a4, a5) => {
    task.kernel.lending?.used(task, fd, writes);
    return handler(task, fd, a1, a2, a3, a4, a5);
  };
}

/** The handlers of thread 0 where there are such threads. */
export function lendingHandlers<C extends VfsCaller>(
  handlers: ReadonlyMap<string, Handler<C>>,
): ReadonlyMap<string, Handler<C>> {
  const wrapped = new Map(handlers);
  for (const name of POSTED_TO_MOVERS) wrapped.set(name, lending(handlers.get(name)!, WRITES.has(name)));
  return wrapped;
}
