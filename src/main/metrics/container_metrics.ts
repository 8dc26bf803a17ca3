// What is told of a container: what its sandbox says of it, and what the host's control groups count. The sandbox's own
// kernel is in the groups of its first container, of a pod in those of the one that holds it.

import type { ToldContainer } from "./answer.ts";
import type { HostFigures } from "./host_figures.ts";
import type { Metric, Unit } from "./metric.ts";

export interface ContainerFigures {
  readonly info: Readonly<Record<string, string>>;
  /** Seconds since 1970; undefined: nobody has noted it. */
  readonly created: number | undefined;
  /** null: nobody says; "stopped" where its sandbox has gone. */
  readonly status: string | null;
  readonly told: ToldContainer | null;
  /** How often it was seen to begin anew; undefined: nobody has watched. */
  readonly restarts: number | undefined;
  readonly host: HostFigures;
}

type Row = Metric<ContainerFigures>;

function ofHost(name: string, field: keyof HostFigures, unit: Unit, help: string, files: string): Row {
  const kind = name.endsWith("_total") ? "counter" : "gauge";
  return { name: `container_${name}`, kind, unit, help, from: files, value: ({ host }) => host[field] };
}

export const CONTAINER_METRICS: readonly Row[] = [
  {
    name: "container_info",
    kind: "gauge",
    unit: "",
    help: "Always 1: what there is to know of the container.",
    from: "state.json, config.json",
    labels: ["root", "type", "uid"],
    value: ({ info }) => [{ labels: info, value: 1 }],
  },
  {
    name: "container_status",
    kind: "gauge",
    unit: "",
    help: "Always 1: with the container's status, one of created, running, paused, stopped.",
    from: "the sandbox; stopped, if there is none",
    labels: ["status"],
    value: ({ status }) => (status === null ? undefined : [{ labels: { status }, value: 1 }]),
  },
  {
    name: "container_created_timestamp_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "When the container was created, since 1970.",
    from: "state.json",
    value: ({ created }) => created,
  },
  {
    name: "container_restarts_total",
    kind: "counter",
    unit: "",
    help: "How often a container of that name in its pod, or of that id, was made anew, while the server watched.",
    from: "`metric-server`; or the annotation `io.kubernetes.container.restartCount`",
    value: ({ restarts }) => restarts,
  },
  {
    name: "container_tasks",
    kind: "gauge",
    unit: "",
    help: "Threads of its processes, as the sandbox's kernel counts them.",
    from: "the sandbox",
    value: ({ told }) => told?.tasks,
  },
  {
    name: "container_tasks_limit",
    kind: "gauge",
    unit: "",
    help: "How many there may be, if there is a limit.",
    from: "the sandbox",
    value: ({ told }) => told?.tasksLimit || undefined,
  },
  ofHost("cpu_usage_seconds_total", "cpuSeconds", "seconds", "CPU time used.", "cpuacct.usage; cpu.stat"),
  ofHost(
    "cpu_user_seconds_total",
    "cpuUserSeconds",
    "seconds",
    "CPU time used in user mode.",
    "cpuacct.stat; cpu.stat",
  ),
  ofHost(
    "cpu_system_seconds_total",
    "cpuSystemSeconds",
    "seconds",
    "CPU time used in the host's kernel.",
    "cpuacct.stat; cpu.stat",
  ),
  ofHost("cpu_cfs_periods_total", "periods", "", "Periods of the CPU quota that have passed.", "cpu.stat"),
  ofHost(
    "cpu_cfs_throttled_periods_total",
    "throttledPeriods",
    "",
    "Periods in which the quota was used up.",
    "cpu.stat",
  ),
  ofHost(
    "cpu_cfs_throttled_seconds_total",
    "throttledSeconds",
    "seconds",
    "Time for which the quota held it back.",
    "cpu.stat",
  ),
  ofHost(
    "memory_usage_bytes",
    "memoryUsage",
    "bytes",
    "Memory used, with caches of files.",
    "memory.usage_in_bytes; memory.current",
  ),
  ofHost(
    "memory_working_set_bytes",
    "memoryWorkingSet",
    "bytes",
    "Memory used, without files that nobody has used for a while: what evictions go by.",
    "the same, less (total_)inactive_file of memory.stat",
  ),
  ofHost("memory_rss_bytes", "memoryRss", "bytes", "Memory of no file.", "memory.stat: total_rss; anon"),
  ofHost(
    "memory_cache_bytes",
    "memoryCache",
    "bytes",
    "Caches of files, and shared memory.",
    "memory.stat: total_cache; file",
  ),
  ofHost(
    "memory_mapped_file_bytes",
    "memoryMapped",
    "bytes",
    "Mapped files, with shared memory of guests.",
    "memory.stat: total_mapped_file; file_mapped",
  ),
  ofHost(
    "memory_swap_bytes",
    "memorySwap",
    "bytes",
    "Swap used.",
    "memory.stat: total_swap; memory.swap.current",
  ),
  ofHost(
    "memory_max_usage_bytes",
    "memoryMax",
    "bytes",
    "The most that was used so far.",
    "memory.max_usage_in_bytes; memory.peak",
  ),
  ofHost(
    "spec_memory_limit_bytes",
    "memoryLimit",
    "bytes",
    "The limit of memory, if there is one.",
    "memory.stat: hierarchical_memory_limit; memory.max",
  ),
  ofHost(
    "memory_failcnt_total",
    "memoryFailures",
    "",
    "How often the limit of memory was hit.",
    "memory.failcnt; memory.events: max",
  ),
  ofHost(
    "oom_events_total",
    "oomKills",
    "",
    "Processes that the host has killed for want of memory.",
    "memory.oom_control; memory.events: oom_kill",
  ),
  ofHost(
    "fs_reads_bytes_total",
    "readBytes",
    "bytes",
    "Bytes read from block devices.",
    "blkio.throttle.io_service_bytes; io.stat",
  ),
  ofHost(
    "fs_writes_bytes_total",
    "writtenBytes",
    "bytes",
    "Bytes written to block devices.",
    "blkio.throttle.io_service_bytes; io.stat",
  ),
  ofHost("fs_reads_total", "reads", "", "Reads of block devices.", "blkio.throttle.io_serviced; io.stat"),
  ofHost("fs_writes_total", "writes", "", "Writes to block devices.", "blkio.throttle.io_serviced; io.stat"),
];
