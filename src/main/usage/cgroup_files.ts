// The files in which control groups (cgroups(7)), v1 and v2, count what a container uses. A file that is not there leaves
// its numbers out. Numbers are doubles: of nanoseconds that is exact for a hundred days, and good enough behind them.

import { readBounded } from "../bounded_file.ts";

const FILE_MAX = 1 << 20;
export const NS_PER_US = 1000;
/** cpuacct.stat counts in ticks of USER_HZ. */
const NS_PER_TICK = 10_000_000;
/** Of v2, which says "max"; v1 has a number of its own for that, but for tasks. */
export const NO_LIMIT = Infinity;

export type Numbers = Readonly<Record<string, number>>;

/** The files of a container's groups, in whichever hierarchy they are. */
export class CgroupFiles {
  readonly #directories: readonly string[];
  readonly #read: (path: string) => string;
  /** Where a file was found: who looks again looks there first. */
  readonly #found = new Map<string, string>();

  constructor(directories: readonly string[], read = (path: string) => readBounded(path, FILE_MAX)) {
    this.#directories = directories;
    this.#read = read;
  }

  /** A file's text, or undefined where no group has it. */
  text(name: string): string | undefined {
    const known = this.#found.get(name);
    for (const directory of known === undefined ? this.#directories : [known]) {
      try {
        const text = this.#read(`${directory}/${name}`);
        this.#found.set(name, directory);
        return text;
      } catch {
        // Another hierarchy's.
      }
    }
    return undefined;
  }

  number(name: string): number | undefined {
    return parseNumber(this.text(name));
  }

  /** Lines of a name and a number. */
  table(name: string): Numbers | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseTable(text);
  }
}

function parseNumber(text: string | undefined): number | undefined {
  const word = text?.trim();
  if (word === "max") return NO_LIMIT;
  return word !== undefined && /^\d+$/.test(word) ? Number(word) : undefined;
}

function parseTable(text: string): Numbers {
  const table: Record<string, number> = Object.create(null);
  for (const [, name, value] of text.matchAll(/^(\w+) (\d+)$/gm)) table[name!] = Number(value);
  return table;
}

/** Which groups there are that count memory or CPU time; a host may have v2 beside v1 with nothing in it. */
export function cgroupVersion(files: CgroupFiles): 1 | 2 | undefined {
  const has = (name: string) => files.text(name) !== undefined;
  if (has("cpuacct.usage") || has("memory.usage_in_bytes")) return 1;
  return has("cpu.stat") || has("memory.stat") ? 2 : undefined;
}

/** How many processes the host has killed there for want of memory, so far. */
export function oomKills(files: CgroupFiles): number {
  return (files.table("memory.oom_control") ?? files.table("memory.events"))?.["oom_kill"] ?? 0;
}

/** Nanoseconds. */
export interface CpuUsage {
  readonly total: number;
  readonly kernel: number;
  readonly user: number;
}

export function cpuUsage(files: CgroupFiles): CpuUsage {
  const total = files.number("cpuacct.usage");
  if (total !== undefined) {
    const { system = 0, user = 0 } = files.table("cpuacct.stat") ?? {};
    return { total, kernel: system * NS_PER_TICK, user: user * NS_PER_TICK };
  }
  const { usage_usec = 0, user_usec = 0, system_usec = 0 } = files.table("cpu.stat") ?? {};
  return { total: usage_usec * NS_PER_US, kernel: system_usec * NS_PER_US, user: user_usec * NS_PER_US };
}

/** v1: nanoseconds of each CPU. */
export function percpuUsage(files: CgroupFiles): number[] | undefined {
  return files.text("cpuacct.usage_percpu")?.trim().split(/\s+/).map(Number).filter(Number.isFinite);
}

export interface MemoryEntry {
  readonly limit: number;
  readonly usage: number;
  readonly max: number | undefined;
  readonly failcnt: number;
}

/** v1: what a prefix of files tells of one kind of memory. */
export function memoryEntry(files: CgroupFiles, prefix: string): MemoryEntry | undefined {
  const usage = files.number(`${prefix}usage_in_bytes`);
  if (usage === undefined) return undefined;
  const [limit, max, failcnt] = ["limit_in_bytes", "max_usage_in_bytes", "failcnt"].map((name) =>
    files.number(prefix + name),
  );
  return { limit: limit ?? 0, usage, max, failcnt: failcnt ?? 0 };
}

export interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** v1: "8:0 Read 4096", or "8:0 4096"; without the lines that add up. */
export function blkioEntries(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+)(?: (\w+))? (\d+)$/gm)].map(([, major, minor, op, value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op ?? "",
    value: Number(value),
  }));
}

export interface DeviceIo {
  readonly major: number;
  readonly minor: number;
  /** Bytes (rbytes, wbytes) and operations (rios, wios), among others. */
  readonly counts: Numbers;
}

/** v2: "8:0 rbytes=4096 wbytes=0 rios=1 ...". */
export function deviceIo(text: string): DeviceIo[] {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].map(([, major, minor, pairs]) => {
    const counts: Record<string, number> = Object.create(null);
    for (const [, name, value] of pairs!.matchAll(/(\w+)=(\d+)/g)) counts[name!] = Number(value);
    return { major: Number(major), minor: Number(minor), counts };
  });
}

const PAGE_SIZES = ["64KB", "2MB", "32MB", "1GB"];

export interface HugePages {
  readonly size: string;
  readonly usage: number;
  /** v1: the most that was used. */
  readonly max: number | undefined;
  /** v2. */
  readonly limit: number | undefined;
  readonly failcnt: number;
}

export function hugePages(files: CgroupFiles): HugePages[] {
  const found: HugePages[] = [];
  for (const size of PAGE_SIZES) {
    const prefix = `hugetlb.${size}`;
    const usage = files.number(`${prefix}.usage_in_bytes`) ?? files.number(`${prefix}.current`);
    if (usage === undefined) continue;
    const max = files.number(`${prefix}.max_usage_in_bytes`);
    const limit = files.number(`${prefix}.max`);
    const failcnt = files.number(`${prefix}.failcnt`) ?? files.table(`${prefix}.events`)?.["max"] ?? 0;
    found.push({ size, usage, max, limit, failcnt });
  }
  return found;
}
