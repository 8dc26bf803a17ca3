// What is told in more than one turn of a kernel thread (hardening.md, F26).

import { setImmediate } from "node:timers/promises";

/** Other work of the thread, and what guests ask for, comes first. */
export async function letOthersGoOn(kernel: { owesAnswer: boolean }): Promise<void> {
  kernel.owesAnswer = true;
  await setImmediate();
}
