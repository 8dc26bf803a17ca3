// What control groups count of a container (cgroups(7)), v1 and v2, in the form of runc's events (its types/events.go): a
// file that is not there leaves its numbers out.

import { readBounded } from "./state_directory.ts";

const FILE_MAX = 1 << 20;
const NS_PER_US = 1000;
/** cpuacct.stat counts in ticks of USER_HZ. */
const NS_PER_TICK = 10_000_000;
/** Of v2, which says "max"; v1 has a number of its own for that. */
const NO_LIMIT = Infinity;
const UINT64_MAX = "18446744073709551615";

type Numbers = Record<string, number>;

/** The files of a container's groups, in whichever hierarchy they are. */
export class CgroupFiles {
  readonly #directories: readonly string[];
  readonly #read: (path: string) => string;

  constructor(directories: readonly string[], read = (path: string) => readBounded(path, FILE_MAX)) {
    this.#directories = directories;
    this.#read = read;
  }

  /** A file's text, or undefined where no group has it. */
  text(name: string): string | undefined {
    for (const directory of this.#directories) {
      try {
        return this.#read(`${directory}/${name}`);
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
  const table: Numbers = Object.create(null);
  for (const [, name, value] of text.matchAll(/^(\w+) (\d+)$/gm)) table[name!] = Number(value);
  return table;
}

/** JSON with all digits of large numbers, which Go's callers read as 64 bits. */
export function exactJson(value: object): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== "number" || Number.isSafeInteger(member)) return member;
    return rawJson(member >= 2 ** 64 ? UINT64_MAX : BigInt(Math.floor(member)).toString());
  });
}

function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}

/** Without the numbers that nobody told. */
function known<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

// ---- CPU ----

function percpu(files: CgroupFiles): object {
  const each = files.text("cpuacct.usage_percpu")?.trim().split(/\s+/).map(Number);
  const rows = files.text("cpuacct.usage_all")?.trim().split("\n").slice(1);
  const column = (index: number) => rows?.map((row) => Number(row.split(" ")[index]));
  return known({ percpu: each, percpu_kernel: column(2), percpu_user: column(1) });
}

function cpuUsage(files: CgroupFiles): object {
  const total = files.number("cpuacct.usage");
  const ticks = files.table("cpuacct.stat");
  if (total !== undefined) {
    const kernel = (ticks?.["system"] ?? 0) * NS_PER_TICK;
    return { total, ...percpu(files), kernel, user: (ticks?.["user"] ?? 0) * NS_PER_TICK };
  }
  const { usage_usec = 0, user_usec = 0, system_usec = 0 } = files.table("cpu.stat") ?? {};
  return { total: usage_usec * NS_PER_US, kernel: system_usec * NS_PER_US, user: user_usec * NS_PER_US };
}

function throttling(files: CgroupFiles): object {
  const { nr_periods, nr_throttled, throttled_time, throttled_usec } = files.table("cpu.stat") ?? {};
  const time = throttled_time ?? (throttled_usec === undefined ? undefined : throttled_usec * NS_PER_US);
  const counted = { periods: nr_periods, throttledPeriods: nr_throttled, throttledTime: time };
  return Object.fromEntries(Object.entries(counted).filter(([, value]) => value !== undefined && value > 0));
}

// ---- Memory ----

function memoryEntry(files: CgroupFiles, prefix: string): object | undefined {
  const usage = files.number(`${prefix}usage_in_bytes`);
  if (usage === undefined) return undefined;
  const [limit, max, failcnt] = ["limit_in_bytes", "max_usage_in_bytes", "failcnt"].map((name) =>
    files.number(prefix + name),
  );
  return known({ limit: limit ?? 0, usage, max, failcnt: failcnt ?? 0 });
}

function memoryV1(files: CgroupFiles): object {
  const raw = files.table("memory.stat") ?? {};
  return known({
    cache: raw["cache"],
    usage: memoryEntry(files, "memory."),
    swap: memoryEntry(files, "memory.memsw."),
    kernel: memoryEntry(files, "memory.kmem."),
    kernelTCP: memoryEntry(files, "memory.kmem.tcp."),
    raw,
  });
}

/** As runc does, swap counts what lies in memory too, as v1's does. */
function memoryV2(files: CgroupFiles): object {
  const raw = files.table("memory.stat") ?? {};
  const usage = files.number("memory.current") ?? 0;
  const limit = files.number("memory.max") ?? NO_LIMIT;
  const swap = files.number("memory.swap.current");
  const swapLimit = files.number("memory.swap.max") ?? NO_LIMIT;
  const failcnt = files.table("memory.events")?.["max"] ?? 0;
  return known({
    cache: raw["file"],
    usage: known({ limit, usage, max: files.number("memory.peak"), failcnt }),
    swap: swap === undefined ? undefined : { limit: limit + swapLimit, usage: usage + swap, failcnt: 0 },
    raw,
  });
}

// ---- Block devices, huge pages ----

interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** v1: "8:0 Read 4096"; without the lines that add up. */
function blkioV1(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op, value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op!,
    value: Number(value),
  }));
}

const V2_OPERATIONS: Readonly<Record<string, readonly [list: "bytes" | "operations", op: string]>> = {
  rbytes: ["bytes", "Read"],
  wbytes: ["bytes", "Write"],
  rios: ["operations", "Read"],
  wios: ["operations", "Write"],
};

/** v2: "8:0 rbytes=4096 wbytes=0 rios=1 ...". */
function blkioV2(text: string): Record<"bytes" | "operations", BlkioEntry[]> {
  const found = { bytes: [] as BlkioEntry[], operations: [] as BlkioEntry[] };
  for (const [, major, minor, pairs] of text.matchAll(/^(\d+):(\d+) (.*)$/gm))
    for (const [, name, value] of pairs!.matchAll(/(\w+)=(\d+)/g)) {
      const known = V2_OPERATIONS[name!];
      if (known === undefined) continue;
      found[known[0]].push({
        major: Number(major),
        minor: Number(minor),
        op: known[1],
        value: Number(value),
      });
    }
  return found;
}

function blkio(files: CgroupFiles): object {
  const v1 = (name: string) => files.text(`blkio.throttle.${name}`) ?? files.text(`blkio.${name}`);
  const [bytes, operations] = [v1("io_service_bytes_recursive"), v1("io_serviced_recursive")].map(
    (text) => text && blkioV1(text),
  );
  const io = files.text("io.stat");
  const lists = io === undefined ? { bytes, operations } : blkioV2(io);
  const told = { ioServiceBytesRecursive: lists.bytes, ioServicedRecursive: lists.operations };
  return Object.fromEntries(Object.entries(told).filter(([, list]) => list && list.length > 0));
}

const PAGE_SIZES = ["64KB", "2MB", "32MB", "1GB"];

function hugetlb(files: CgroupFiles): object {
  const sizes: Record<string, object> = {};
  for (const size of PAGE_SIZES) {
    const v1 = files.number(`hugetlb.${size}.usage_in_bytes`);
    const usage = v1 ?? files.number(`hugetlb.${size}.current`);
    if (usage === undefined) continue;
    const max = files.number(`hugetlb.${size}.max_usage_in_bytes`);
    const failcnt =
      files.number(`hugetlb.${size}.failcnt`) ?? files.table(`hugetlb.${size}.events`)?.["max"] ?? 0;
    sizes[size] = known({ usage, max, failcnt });
  }
  return sizes;
}

/** "0-2,4" as numbers. */
function numberSet(text: string | undefined): number[] | undefined {
  if (text === undefined || !/^[\d,-]+\s*$/.test(text)) return undefined;
  return text
    .trim()
    .split(",")
    .flatMap((range) => {
      const [first, last = first] = range.split("-").map(Number);
      return Array.from({ length: Math.min(last! - first! + 1, 8192) }, (_, i) => first! + i);
    });
}

/** Of v1; of v2, which has no such files, runc tells 0 as well. */
const CPUSET_FLAGS = [
  ...["cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page"],
  ...["memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"],
];

function cpuset(files: CgroupFiles): object {
  const set = (name: string) =>
    numberSet(files.text(`cpuset.effective_${name}`) ?? files.text(`cpuset.${name}.effective`));
  // The level may be -1: the system's own.
  const flag = (name: string) => Number(/^-?\d+$/m.exec(files.text(`cpuset.${name}`) ?? "")?.[0] ?? 0);
  const flags = Object.fromEntries(CPUSET_FLAGS.map((name) => [name, flag(name)]));
  return known({ cpus: set("cpus"), mems: set("mems"), ...flags });
}

/** Everything that runc tells of control groups. */
export function cgroupStats(files: CgroupFiles): Record<string, object> {
  return {
    cpu: { usage: cpuUsage(files), throttling: throttling(files) },
    cpuset: cpuset(files),
    memory: files.number("memory.current") === undefined ? memoryV1(files) : memoryV2(files),
    blkio: blkio(files),
    hugetlb: hugetlb(files),
  };
}

/** How many processes the host has killed there for want of memory, so far. */
export function oomKills(files: CgroupFiles): number {
  return (files.table("memory.oom_control") ?? files.table("memory.events"))?.["oom_kill"] ?? 0;
}

/** Whether there is a group at all that counts memory or CPU time. */
export function hasCgroups(files: CgroupFiles): boolean {
  return ["cpuacct.usage", "cpu.stat", "memory.stat"].some((name) => files.text(name) !== undefined);
}
