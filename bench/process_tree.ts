// A process and all below it, as /proc shows them: which there are, and what memory they share with nobody.

import { readdirSync, readFileSync } from "node:fs";

/** Fields of /proc/PID/stat behind the name (proc_pid_stat(5)): the state first. */
export function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

export function processesBelow(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name))
      try {
        parents.set(Number(name), Number(statFields(Number(name))[1]));
      } catch {
        // It has ended meanwhile.
      }
  const found = [pid];
  for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child);
  return found;
}

/** Bytes. */
export function privateBytes(pids: readonly number[], kind: "Clean" | "Dirty"): number {
  const pattern = new RegExp(`^Private_${kind}: +(\\d+) kB`, "m");
  return pids.reduce((sum, pid) => {
    const found = pattern.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"));
    return sum + Number(found?.[1] ?? 0) * 1024;
  }, 0);
}
