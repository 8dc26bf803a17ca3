// What the host calls a sandbox's kernel threads, which know themselves by the numbers of their PID namespace.

import { readdirSync, readFileSync } from "node:fs";

/** The threads' own numbers as the host knows them; where it does not tell, they stay as they are. */
export function withHostTids<T extends { readonly tid: number }>(threads: readonly T[], init: number): T[] {
  const known = new Map<number, number>();
  try {
    const children = readFileSync(`/proc/${init}/task/${init}/children`, "latin1").trim().split(" ");
    for (const pid of children.filter(Boolean))
      for (const tid of readdirSync(`/proc/${pid}/task`)) {
        const [, inside] = /^NSpid:.*\s(\d+)$/m.exec(
          readFileSync(`/proc/${pid}/task/${tid}/status`, "latin1"),
        ) ?? [0, tid];
        known.set(Number(inside), Number(tid));
      }
  } catch {
    // It has ended, or is another user's.
  }
  return threads.map((thread) => ({ ...thread, tid: known.get(thread.tid) ?? thread.tid }));
}
