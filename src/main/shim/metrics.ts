// The answer to Stats: what a container's control groups count, in the messages of containerd/cgroups that CRI and ctr
// read, v1's or v2's as the host has them. Tasks and network devices are those that the guests see: what the groups have
// of tasks are the sandbox's own threads. Messages are loaded when they are first asked for, and one kind alone.

import type { Any } from "@bufbuild/protobuf/wkt";
import { readBounded } from "../bounded_file.ts";
import { type CgroupFiles, cgroupVersion } from "../usage/cgroup_files.ts";
import { hostStats } from "../usage/host_stats.ts";
import { type NetworkInterface, networkInterfaces } from "../usage/network_interfaces.ts";

export interface MetricsSource {
  readonly files: CgroupFiles;
  /** Process 1 of the sandbox's PID namespace: without control groups its processes are counted one by one. */
  readonly init: number;
  /** The sandbox's answer to `usage`, if it gave one; a limit of 0 is none. */
  readonly usage?:
    | { readonly tasks: number; readonly tasksLimit: number; readonly netDev: string }
    | undefined;
  /** /proc/partitions, for v1's names of block devices. */
  readonly partitions?: string;
}

/** What both kinds of metrics are made of. */
export interface Counted {
  readonly files: CgroupFiles;
  readonly tasks: { readonly current: number; readonly limit: number } | undefined;
  readonly interfaces: readonly NetworkInterface[];
}

const PARTITIONS_MAX = 1 << 20;

function partitionsOfHost(): string {
  try {
    return readBounded("/proc/partitions", PARTITIONS_MAX);
  } catch {
    return "";
  }
}

/** Never throws: what cannot be read is left out. */
export async function taskMetrics({ files, init, usage, partitions }: MetricsSource): Promise<Any> {
  const counted: Counted = {
    files,
    tasks: usage && { current: usage.tasks, limit: usage.tasksLimit > 0 ? usage.tasksLimit : Infinity },
    interfaces: usage === undefined ? [] : networkInterfaces(usage.netDev),
  };
  const version = cgroupVersion(files);
  if (version === 1) {
    const { metricsV1 } = await import("./metrics_v1.ts");
    return metricsV1(counted, partitions ?? partitionsOfHost());
  }
  const { hostMetrics, metricsV2 } = await import("./metrics_v2.ts");
  return version === 2 ? metricsV2(counted) : hostMetrics(counted, hostStats(init));
}
