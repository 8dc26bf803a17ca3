// Statistics of a control group of v2, field by field as runc's shim tells them (containerd/cgroups, cgroup2).

import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type CgroupFiles, deviceIo, hugePages, NS_PER_US } from "../usage/cgroup_files.ts";
import type { HostStats } from "../usage/host_stats.ts";
import { pack } from "./any.ts";
import { uint64, uint64Fields } from "./counters.ts";
import {
  CPUStatSchema,
  IOEntrySchema,
  MemoryEventsSchema,
  MemoryStatSchema,
  MetricsSchema,
  NetworkStatSchema,
  PSIDataSchema,
  PSIStatsSchema,
} from "./gen/metrics_v2_pb.ts";
import type { Counted } from "./metrics.ts";

/** "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and the same of "full". */
const PRESSURE = /^(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=(\d+\.\d+) total=(\d+)$/gm;

/** A member `psi`, where the host counts pressure. */
function pressure(files: CgroupFiles, name: string) {
  const text = files.text(name);
  if (text === undefined) return {};
  const psi = create(PSIStatsSchema);
  for (const [, kind, avg10, avg60, avg300, total] of text.matchAll(PRESSURE))
    psi[kind as "some" | "full"] = create(PSIDataSchema, {
      ...{ avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300) },
      total: uint64(Number(total)),
    });
  return { psi };
}

/** Fields of MemoryStat that are files of their own. */
const MEMORY_FILES = {
  usage: "memory.current",
  usage_limit: "memory.max",
  max_usage: "memory.peak",
  swap_usage: "memory.swap.current",
  swap_limit: "memory.swap.max",
  swap_max_usage: "memory.swap.peak",
} as const;

function memory(files: CgroupFiles) {
  const table: Record<string, number> = { ...files.table("memory.stat") };
  for (const [field, file] of Object.entries(MEMORY_FILES)) {
    const value = files.number(file);
    if (value !== undefined) table[field] = value;
  }
  return { ...uint64Fields(MemoryStatSchema, table), ...pressure(files, "memory.pressure") };
}

function pids({ files, tasks }: Counted) {
  const { current, limit } = tasks ?? {
    current: files.number("pids.current"),
    limit: files.number("pids.max"),
  };
  return { current: uint64(current ?? 0), limit: uint64(limit ?? 0) };
}

function network({ interfaces }: Counted) {
  return interfaces.map(({ name, counts }) => ({ name, ...uint64Fields(NetworkStatSchema, counts) }));
}

export function metricsV2(counted: Counted): Any {
  const { files } = counted;
  const cpu = files.table("cpu.stat") ?? {};
  const events = files.table("memory.events");
  return pack(MetricsSchema, {
    pids: pids(counted),
    cpu: { ...uint64Fields(CPUStatSchema, cpu), ...pressure(files, "cpu.pressure") },
    memory: memory(files),
    io: {
      usage: deviceIo(files.text("io.stat") ?? "").map(({ major, minor, counts }) =>
        create(IOEntrySchema, uint64Fields(IOEntrySchema, { ...counts, major, minor })),
      ),
      ...pressure(files, "io.pressure"),
    },
    hugetlb: hugePages(files).map(({ size, usage, limit, failcnt }) => ({
      ...{ pagesize: size, current: uint64(usage), max: uint64(limit ?? 0), failcnt: uint64(failcnt) },
    })),
    ...(events && { memoryEvents: create(MemoryEventsSchema, uint64Fields(MemoryEventsSchema, events)) }),
    network: network(counted),
  });
}

/** Where there are no control groups: what the host counts of the sandbox's processes. */
export function hostMetrics(counted: Counted, { cpu, memory }: HostStats): Any {
  const { total, kernel, user } = cpu.usage;
  const usec = (ns: number) => uint64(ns / NS_PER_US);
  return pack(MetricsSchema, {
    pids: pids(counted),
    cpu: { usageUsec: usec(total), userUsec: usec(user), systemUsec: usec(kernel) },
    memory: { usage: uint64(memory.usage.usage), usageLimit: uint64(Infinity) },
    network: network(counted),
  });
}
