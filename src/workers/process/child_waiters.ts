// Calls that wait for children, and for traced threads: woken by whatever these have to tell.

import type { ThreadGroup } from "./task.ts";

/** Wakes the group's tasks that wait for children. */
export function wakeWaiters(parent: ThreadGroup): void {
  for (const waiter of [...parent.childWaiters]) waiter();
}
