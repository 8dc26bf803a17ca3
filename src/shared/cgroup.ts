// What a container's control group says to the programs in it: where it stands, and its limits.

/** A hierarchy as a line of /proc/PID/cgroup has it; v2's has the id 0 and no controllers. */
export interface CgroupHierarchy {
  readonly id: number;
  /** Joined by commas, as mount options. */
  readonly controllers: string;
}

/** linux.resources, as numbers of v1's files; -1: none, or not set. */
export interface CgroupLimits {
  /** Bytes. */
  readonly memory: number;
  /** Bytes of memory and swap. */
  readonly swap: number;
  readonly reservation: number;
  /** Microseconds in each period. */
  readonly quota: number;
  /** Microseconds. */
  readonly period: number;
  readonly burst: number;
  readonly shares: number;
  readonly idle: number;
  readonly tasks: number;
  readonly ioWeight: number;
  /** Lists of CPUs and memory nodes; "": all. */
  readonly cpus: string;
  readonly mems: string;
}

/** What programs have used. */
export interface CgroupUse {
  /** Bytes of their memory. */
  programs: number;
  /** Bytes that no process owns: of memory file systems, pipes, sockets. */
  common: number;
  userUsec: number;
  systemUsec: number;
}

export const NO_CGROUP_LIMITS: CgroupLimits = {
  memory: -1,
  swap: -1,
  reservation: -1,
  quota: -1,
  period: 100_000,
  burst: 0,
  shares: 1024,
  idle: 0,
  tasks: -1,
  ioWeight: -1,
  cpus: "",
  mems: "",
};

const CPUS_MAX = 8192;

/** The numbers of a list like "1,3-5"; null: it is no such list. */
export function readCpuList(text: string): Set<number> | null {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (match === null) return null;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last >= CPUS_MAX) return null;
    for (let cpu = first; cpu <= last; cpu++) found.add(cpu);
  }
  return found;
}

/** Such a list of numbers in their order. */
export function writeCpuList(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
