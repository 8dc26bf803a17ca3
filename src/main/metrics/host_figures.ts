// What the host's control groups count of a container, of v1 or v2, in base units.

import {
  blkioEntries,
  type CgroupFiles,
  cgroupVersion,
  cpuUsage,
  deviceIo,
  type Numbers,
} from "../usage/cgroup_files.ts";

const NS_PER_SECOND = 1e9;
const US_PER_SECOND = 1e6;
/** v1 says so that there is no limit; more than any host has. */
const LIMIT_MAX = 2 ** 62;

/** What nobody tells is not there. */
export type HostFigures = Readonly<Partial<Record<(typeof FIGURES)[number], number>>>;

const FIGURES = [
  ...(["cpuSeconds", "cpuUserSeconds", "cpuSystemSeconds"] as const),
  ...(["periods", "throttledPeriods", "throttledSeconds"] as const),
  ...(["memoryUsage", "memoryWorkingSet", "memoryRss", "memoryCache", "memoryMapped"] as const),
  ...(["memorySwap", "memoryMax", "memoryLimit", "memoryFailures", "oomKills"] as const),
  ...(["readBytes", "writtenBytes", "reads", "writes"] as const),
] as const;

const NOTHING: HostFigures = {};

/** As cpu.stat counts what the CPU quota has held back, in either version. */
function throttling({ nr_periods, nr_throttled, throttled_time, throttled_usec }: Partial<Numbers>) {
  return {
    periods: nr_periods,
    throttledPeriods: nr_throttled,
    throttledSeconds:
      throttled_time === undefined
        ? throttled_usec && throttled_usec / US_PER_SECOND
        : throttled_time / NS_PER_SECOND,
  };
}

function cpuV1(files: CgroupFiles) {
  const { total, user, kernel } = cpuUsage(files);
  return {
    cpuSeconds: total / NS_PER_SECOND,
    cpuUserSeconds: user / NS_PER_SECOND,
    cpuSystemSeconds: kernel / NS_PER_SECOND,
    ...throttling(files.table("cpu.stat") ?? {}),
  };
}

function cpuV2(files: CgroupFiles) {
  const stat = files.table("cpu.stat") ?? {};
  const { usage_usec = 0, user_usec = 0, system_usec = 0 } = stat;
  return {
    cpuSeconds: usage_usec / US_PER_SECOND,
    cpuUserSeconds: user_usec / US_PER_SECOND,
    cpuSystemSeconds: system_usec / US_PER_SECOND,
    ...throttling(stat),
  };
}

/** Working set as kubelets have it. */
function withoutInactive(usage: number | undefined, inactive = 0): number | undefined {
  return usage === undefined ? undefined : Math.max(0, usage - inactive);
}

const limited = (limit: number | undefined) => (limit !== undefined && limit < LIMIT_MAX ? limit : undefined);

function memoryV1(files: CgroupFiles, stat: Numbers) {
  const usage = files.number("memory.usage_in_bytes");
  return {
    memoryUsage: usage,
    memoryWorkingSet: withoutInactive(usage, stat["total_inactive_file"]),
    memoryRss: stat["total_rss"],
    memoryCache: stat["total_cache"],
    memoryMapped: stat["total_mapped_file"],
    memorySwap: stat["total_swap"],
    memoryMax: files.number("memory.max_usage_in_bytes"),
    memoryLimit: limited(stat["hierarchical_memory_limit"]),
    memoryFailures: files.number("memory.failcnt"),
    oomKills: files.table("memory.oom_control")?.["oom_kill"] ?? 0,
  };
}

function memoryV2(files: CgroupFiles, stat: Numbers) {
  const usage = files.number("memory.current");
  const events = files.table("memory.events");
  return {
    memoryUsage: usage,
    memoryWorkingSet: withoutInactive(usage, stat["inactive_file"]),
    memoryRss: stat["anon"],
    memoryCache: stat["file"],
    memoryMapped: stat["file_mapped"],
    memorySwap: files.number("memory.swap.current"),
    memoryMax: files.number("memory.peak"),
    memoryLimit: limited(files.number("memory.max")),
    memoryFailures: events?.["max"],
    oomKills: events?.["oom_kill"] ?? 0,
  };
}

/** What was read and written, by the first of these files that there is. */
function readAndWritten(files: CgroupFiles, names: readonly string[]): readonly (number | undefined)[] {
  for (const name of names) {
    const text = files.text(name);
    if (text === undefined) continue;
    const entries = blkioEntries(text);
    return ["Read", "Write"].map((op) =>
      entries.reduce((all, entry) => (entry.op === op ? all + entry.value : all), 0),
    );
  }
  return [];
}

const BYTES = ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"];
const OPERATIONS = ["blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced"];

function blocksV1(files: CgroupFiles) {
  const [readBytes, writtenBytes] = readAndWritten(files, BYTES);
  const [reads, writes] = readAndWritten(files, OPERATIONS);
  return { readBytes, writtenBytes, reads, writes };
}

function blocksV2(files: CgroupFiles) {
  const text = files.text("io.stat");
  if (text === undefined) return {};
  const devices = deviceIo(text);
  const of = (name: string) => devices.reduce((all, { counts }) => all + (counts[name] ?? 0), 0);
  return { readBytes: of("rbytes"), writtenBytes: of("wbytes"), reads: of("rios"), writes: of("wios") };
}

/** Never throws: groups that are gone count nothing. `version`: as cgroupVersion says, which stays so. No file is read twice. */
export function hostFigures(files: CgroupFiles, version = cgroupVersion(files)): HostFigures {
  if (version === undefined) return NOTHING;
  const stat = files.table("memory.stat");
  const [cpu, memory, blocks] =
    version === 1 ? ([cpuV1, memoryV1, blocksV1] as const) : ([cpuV2, memoryV2, blocksV2] as const);
  const figures = { ...cpu(files), ...(stat !== undefined && memory(files, stat)), ...blocks(files) };
  return figures as HostFigures;
}
