// Ends of a kernel thread that it has not deserved, for tests (`hold --host-faults`).

import type { ThreadFault } from "../shared/process_spec.ts";

const PIECE = 1 << 12;

/** Fills the heap, between turns of the loop, as what is forgotten does. */
function leak(): void {
  const held: object[] = [];
  const more = () => {
    for (let i = 0; i < PIECE; i++) held.push({ at: i, next: held.at(-1) });
    setImmediate(more);
  };
  more();
}

export function breakThread(how: ThreadFault): void {
  if (how === "leak") leak();
  else
    setImmediate(() => {
      throw new Error("broken by a test");
    });
}
