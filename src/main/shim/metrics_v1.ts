// Statistics of v1's control groups, field by field as runc's shim tells them (containerd/cgroups, cgroup1).

import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  blkioEntries,
  type CgroupFiles,
  cpuUsage,
  hugePages,
  memoryEntry,
  percpuUsage,
} from "../usage/cgroup_files.ts";
import { pack } from "./any.ts";
import { uint64, uint64Fields } from "./counters.ts";
import {
  type BlkIOEntry,
  BlkIOEntrySchema,
  MemoryEntrySchema,
  MemoryOomControlSchema,
  MemoryStatSchema,
  MetricsSchema,
  NetworkStatSchema,
} from "./gen/metrics_v1_pb.ts";
import type { Counted } from "./metrics.ts";

const finite = (limit: number | undefined): number => (limit === Infinity ? 0 : (limit ?? 0));

function pids({ files, tasks }: Counted) {
  const { current, limit } = tasks ?? {
    current: files.number("pids.current"),
    limit: files.number("pids.max"),
  };
  if (current === undefined) return undefined;
  // No limit is 0 here, and the largest number in v2.
  return { current: uint64(current), limit: uint64(finite(limit)) };
}

function cpu(files: CgroupFiles) {
  const { total, kernel, user } = cpuUsage(files);
  const { nr_periods = 0, nr_throttled = 0, throttled_time = 0 } = files.table("cpu.stat") ?? {};
  return {
    usage: {
      total: uint64(total),
      kernel: uint64(kernel),
      user: uint64(user),
      perCpu: (percpuUsage(files) ?? []).map(uint64),
    },
    throttling: {
      periods: uint64(nr_periods),
      throttledPeriods: uint64(nr_throttled),
      throttledTime: uint64(throttled_time),
    },
  };
}

/** Fields that memory.stat spells differently. */
const memoryName = (field: string): string =>
  field
    .replace("pg_pg_", "pgpg")
    .replace("pg_maj_fault", "pgmajfault")
    .replace("pg_fault", "pgfault")
    .replace("hierarchical_swap_limit", "hierarchical_memsw_limit");

function memory(files: CgroupFiles) {
  const stat = files.table("memory.stat");
  if (stat === undefined) return undefined;
  const entry = (prefix: string) => {
    const { limit = 0, usage = 0, max = 0, failcnt = 0 } = memoryEntry(files, prefix) ?? {};
    return create(MemoryEntrySchema, uint64Fields(MemoryEntrySchema, { limit, usage, max, failcnt }));
  };
  return create(MemoryStatSchema, {
    ...uint64Fields(MemoryStatSchema, stat, memoryName),
    usage: entry("memory."),
    swap: entry("memory.memsw."),
    kernel: entry("memory.kmem."),
    kernelTcp: entry("memory.kmem.tcp."),
  });
}

/** Lists by the files of the CFQ scheduler, where it is the one that counts. */
const SCHEDULED = {
  sectorsRecursive: "sectors_recursive",
  ioServiceBytesRecursive: "io_service_bytes_recursive",
  ioServicedRecursive: "io_serviced_recursive",
  ioQueuedRecursive: "io_queued_recursive",
  ioServiceTimeRecursive: "io_service_time_recursive",
  ioWaitTimeRecursive: "io_wait_time_recursive",
  ioMergedRecursive: "io_merged_recursive",
  ioTimeRecursive: "time_recursive",
} as const;

/** And by those of the throttle, which always counts. */
const THROTTLED = {
  ioServicedRecursive: "throttle.io_serviced",
  ioServiceBytesRecursive: "throttle.io_service_bytes",
} as const;

type Devices = ReadonlyMap<string, string>;

/** /proc/partitions (proc_partitions(5)); of several names of a device the first. */
function devicesOf(partitions: string): Devices {
  const devices = new Map<string, string>();
  for (const [, major, minor, name] of partitions.matchAll(/^ *(\d+) +(\d+) +\d+ (\S+)$/gm)) {
    const key = `${major}:${minor}`;
    if (!devices.has(key)) devices.set(key, `/dev/${name}`);
  }
  return devices;
}

function blkioLists(files: CgroupFiles, lists: Readonly<Record<string, string>>, devices: Devices) {
  const found: Record<string, BlkIOEntry[]> = {};
  for (const [list, file] of Object.entries(lists)) {
    const entries = blkioEntries(files.text(`blkio.${file}`) ?? "");
    if (entries.length === 0) continue;
    found[list] = entries.map(({ major, minor, op, value }) =>
      create(BlkIOEntrySchema, {
        ...{ op, device: devices.get(`${major}:${minor}`) ?? "" },
        ...{ major: uint64(major), minor: uint64(minor), value: uint64(value) },
      }),
    );
  }
  return found;
}

function blkio(files: CgroupFiles, partitions: string) {
  const devices = devicesOf(partitions);
  const scheduled = blkioLists(files, SCHEDULED, devices);
  return Object.keys(scheduled).length > 0 ? scheduled : blkioLists(files, THROTTLED, devices);
}

export function metricsV1(counted: Counted, partitions: string): Any {
  const { files, interfaces } = counted;
  const oom = files.table("memory.oom_control");
  const ofGroups = { pids: pids(counted), memory: memory(files) };
  const told = Object.fromEntries(Object.entries(ofGroups).filter(([, value]) => value !== undefined));
  return pack(MetricsSchema, {
    ...told,
    cpu: cpu(files),
    blkio: blkio(files, partitions),
    ...(oom && {
      memoryOomControl: create(MemoryOomControlSchema, uint64Fields(MemoryOomControlSchema, oom)),
    }),
    hugetlb: hugePages(files).map(({ size, usage, max, failcnt }) => ({
      ...{ pagesize: size, usage: uint64(usage), max: uint64(max ?? 0), failcnt: uint64(failcnt) },
    })),
    network: interfaces.map(({ name, counts }) => ({ name, ...uint64Fields(NetworkStatSchema, counts) })),
  });
}
