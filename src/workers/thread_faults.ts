// Ends of a kernel thread that it has not deserved, for tests (`hold --host-faults`).

import type { ThreadFault } from "../shared/process_spec.ts";

/** Fills the heap, as what is forgotten does. */
function leak(): void {
  for (let last: object | null = null; ; ) last = { before: last };
}

export function breakThread(how: ThreadFault): void {
  setImmediate(() => {
    if (how === "leak") leak();
    throw new Error("broken by a test");
  });
}
