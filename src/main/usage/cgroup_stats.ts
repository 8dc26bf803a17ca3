// What control groups count of a container, in the form of runc's events (its types/events.go).

import {
  type BlkioEntry,
  blkioEntries,
  type CgroupFiles,
  cpuUsage,
  deviceIo,
  hugePages,
  memoryEntry,
  NO_LIMIT,
  NS_PER_US,
  percpuUsage,
} from "./cgroup_files.ts";

const UINT64_MAX = "18446744073709551615";

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
  const rows = files.text("cpuacct.usage_all")?.trim().split("\n").slice(1);
  const column = (index: number) => rows?.map((row) => Number(row.split(" ")[index]));
  return known({ percpu: percpuUsage(files), percpu_kernel: column(2), percpu_user: column(1) });
}

function usageOfCpus(files: CgroupFiles): object {
  const { total, kernel, user } = cpuUsage(files);
  return { total, ...percpu(files), kernel, user };
}

function throttling(files: CgroupFiles): object {
  const { nr_periods, nr_throttled, throttled_time, throttled_usec } = files.table("cpu.stat") ?? {};
  const time = throttled_time ?? (throttled_usec === undefined ? undefined : throttled_usec * NS_PER_US);
  const counted = { periods: nr_periods, throttledPeriods: nr_throttled, throttledTime: time };
  return Object.fromEntries(Object.entries(counted).filter(([, value]) => value !== undefined && value > 0));
}

// ---- Memory ----

function entryOf(files: CgroupFiles, prefix: string): object | undefined {
  const entry = memoryEntry(files, prefix);
  return entry && known(entry);
}

function memoryV1(files: CgroupFiles): object {
  const raw = files.table("memory.stat") ?? {};
  return known({
    cache: raw["cache"],
    usage: entryOf(files, "memory."),
    swap: entryOf(files, "memory.memsw."),
    kernel: entryOf(files, "memory.kmem."),
    kernelTCP: entryOf(files, "memory.kmem.tcp."),
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

const V2_OPERATIONS: Readonly<Record<string, readonly [list: "bytes" | "operations", op: string]>> = {
  rbytes: ["bytes", "Read"],
  wbytes: ["bytes", "Write"],
  rios: ["operations", "Read"],
  wios: ["operations", "Write"],
};

function blkioV2(text: string): Record<"bytes" | "operations", BlkioEntry[]> {
  const found = { bytes: [] as BlkioEntry[], operations: [] as BlkioEntry[] };
  for (const { major, minor, counts } of deviceIo(text))
    for (const [name, value] of Object.entries(counts)) {
      const known = V2_OPERATIONS[name];
      if (known !== undefined) found[known[0]].push({ major, minor, op: known[1], value });
    }
  return found;
}

function blkio(files: CgroupFiles): object {
  const v1 = (name: string) => files.text(`blkio.throttle.${name}`) ?? files.text(`blkio.${name}`);
  const [bytes, operations] = [v1("io_service_bytes_recursive"), v1("io_serviced_recursive")].map(
    (text) => text && blkioEntries(text),
  );
  const io = files.text("io.stat");
  const lists = io === undefined ? { bytes, operations } : blkioV2(io);
  const told = { ioServiceBytesRecursive: lists.bytes, ioServicedRecursive: lists.operations };
  return Object.fromEntries(Object.entries(told).filter(([, list]) => list && list.length > 0));
}

function hugetlb(files: CgroupFiles): object {
  return Object.fromEntries(
    hugePages(files).map(({ size, usage, max, failcnt }) => [size, known({ usage, max, failcnt })]),
  );
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
    cpu: { usage: usageOfCpus(files), throttling: throttling(files) },
    cpuset: cpuset(files),
    memory: files.number("memory.current") === undefined ? memoryV1(files) : memoryV2(files),
    blkio: blkio(files),
    hugetlb: hugetlb(files),
  };
}
