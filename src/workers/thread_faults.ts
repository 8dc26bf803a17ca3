// Ends of a kernel thread that it has not deserved, for tests (`hold --host-faults`).

import type { ThreadFault } from "../shared/process_spec.ts";
import type { PassEnd } from "./call/pass_end.ts";

/** Fills the heap, as what is forgotten does. */
function leak(): void {
  for (let last: object | null = null; ; ) last = { before: last };
}

/** Where the thread's loop catches nothing, if it is not one that several kernels share. */
function throwInTurn(passEnd: PassEnd): void {
  let isLast = false;
  passEnd.add({
    passEnds() {
      if (isLast) return true;
      isLast = true;
      throw new Error("a turn broken by a test");
    },
  });
}

export function breakThread(how: ThreadFault, { passEnd }: { readonly passEnd: PassEnd }): void {
  if (how === "throw in a turn") {
    throwInTurn(passEnd);
    return;
  }
  setImmediate(() => {
    if (how === "leak") leak();
    throw new Error("broken by a test");
  });
}
