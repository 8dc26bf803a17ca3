// A process and all below it, as /proc shows them: which there are, and what they use. One that ends meanwhile uses nothing.

import { readdirSync, readFileSync } from "node:fs";

const TICK_NS = 1e7;

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

/** The sum over processes that are still there. */
function sum(pids: readonly number[], use: (pid: number) => number): number {
  return pids.reduce((all, pid) => {
    try {
      return all + use(pid);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ESRCH") return all;
      throw error;
    }
  }, 0);
}

/** Bytes: shared with nobody (clean: what could be read again from its file), or with what is shared divided by its sharers. */
export function memoryBytes(
  pids: readonly number[],
  kind: "Private_Clean" | "Private_Dirty" | "Pss",
): number {
  const pattern = new RegExp(`^${kind}: +(\\d+) kB`, "m");
  return sum(pids, (pid) => {
    const found = pattern.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"));
    return Number(found?.[1] ?? 0) * 1024;
  });
}

export function openDescriptors(pids: readonly number[]): number {
  return sum(pids, (pid) => readdirSync(`/proc/${pid}/fd`).length);
}

/** Of these processes, without children that have ended. */
export function cpuNs(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const fields = statFields(pid);
    return (Number(fields[11]) + Number(fields[12])) * TICK_NS;
  });
}
