// Files of /proc that are about the system as a whole (proc(5)). CPUs and their times, memory and load are
// the host's, as the guest can find them out by itself anyway.

import { freemem, loadavg, totalmem } from "node:os";
import { readI64 } from "../../shared/abi/struct.ts";
import { CLOCK_BOOTTIME, CLOCK_REALTIME } from "../../shared/abi/time.ts";
import { readHostText } from "../host_text.ts";
import { RELEASE, VERSION } from "../identity/uts.ts";
import type { SupervisorContext } from "../process/context.ts";
import { listedTypes } from "../vfs/file_system_types.ts";
import { constant, directory, file, type Node } from "../vfs/generated/nodes.ts";
import { cpuCount, cpuTimes } from "../vfs/sys/cpus.ts";
import { cgroupTable } from "./cgroup_files.ts";
import { stateOf } from "./process_state.ts";
import type { SystemSubject } from "./subjects.ts";

const CPUINFO_MAX = 4 << 20;
export const TICKS_PER_SECOND = 100;
const NS_PER_SECOND = 1e9;

export function clockSeconds(kernel: SupervisorContext, clock: number): number {
  kernel.native.clockGettime(clock);
  const { scratchView } = kernel.native;
  return readI64(scratchView, 0) + readI64(scratchView, 8) / NS_PER_SECOND;
}

function runningTasks(kernel: SupervisorContext): number {
  let running = 0;
  for (const group of kernel.pids.groups())
    for (const task of group.tasks) if (stateOf(task) === "R") running++;
  return running;
}

function stat({ kernel }: SystemSubject): string {
  const lines = cpuTimes(kernel);
  const boot = clockSeconds(kernel, CLOCK_REALTIME) - clockSeconds(kernel, CLOCK_BOOTTIME);
  lines.push(
    "intr 0",
    `ctxt ${kernel.counters.requests}`,
    `btime ${Math.floor(boot)}`,
    `processes ${kernel.pids.last}`,
    `procs_running ${runningTasks(kernel)}`,
    "procs_blocked 0",
    "softirq 0 0 0 0 0 0 0 0 0 0 0",
  );
  return `${lines.join("\n")}\n`;
}

function uptime({ kernel }: SystemSubject): string {
  const idle = Number(cpuTimes(kernel)[0]!.split(/ +/)[4]);
  return `${clockSeconds(kernel, CLOCK_BOOTTIME).toFixed(2)} ${(idle / TICKS_PER_SECOND).toFixed(2)}\n`;
}

function load({ kernel }: SystemSubject): string {
  const averages = loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
  return `${averages} ${runningTasks(kernel)}/${kernel.counters.tasks} ${(kernel.current ?? kernel).pids.last}\n`;
}

const MEMINFO_ROWS = [
  "MemTotal",
  "MemFree",
  "MemAvailable",
  "Buffers",
  "Cached",
  "SwapCached",
  "Active",
  "Inactive",
  "Active(anon)",
  "Inactive(anon)",
  "Active(file)",
  "Inactive(file)",
  "Unevictable",
  "Mlocked",
  "SwapTotal",
  "SwapFree",
  "Dirty",
  "Writeback",
  "AnonPages",
  "Mapped",
  "Shmem",
  "KReclaimable",
  "Slab",
  "SReclaimable",
  "SUnreclaim",
  "KernelStack",
  "PageTables",
  "NFS_Unstable",
  "Bounce",
  "WritebackTmp",
  "CommitLimit",
  "Committed_AS",
  "VmallocTotal",
  "VmallocUsed",
  "VmallocChunk",
  "Percpu",
  "HardwareCorrupted",
  "AnonHugePages",
] as const;

function meminfo({ kernel }: SystemSubject): string {
  const total = Math.floor(totalmem() / 1024);
  const shared = Math.floor(kernel.counters.memoryFileBytes / 1024);
  // What Node calls free is Linux's MemAvailable.
  const available = Math.floor(freemem() / 1024);
  const known: Record<string, number> = {
    MemTotal: total,
    MemFree: available,
    MemAvailable: available,
    Active: total - available,
    "Active(anon)": total - available,
    AnonPages: Math.max(0, total - available - shared),
    Cached: shared,
    Shmem: shared,
    CommitLimit: Math.floor(total / 2),
    VmallocTotal: 34359738367,
  };
  let text = "";
  for (const name of MEMINFO_ROWS)
    text += `${`${name}:`.padEnd(15)} ${String(known[name] ?? 0).padStart(8)} kB\n`;
  const huge = ["HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp"];
  for (const name of huge) text += `${`${name}:`.padEnd(15)} ${"0".padStart(8)}\n`;
  return `${text}Hugepagesize:       2048 kB\nHugetlb:               0 kB\n`;
}

// The guest has CPUID anyway. fsgsbase stays unmentioned: the stub keeps its slot in the gs base (F17).
function cpuinfo({ kernel }: SystemSubject): string {
  const text = readHostText(kernel, kernel.descriptors.cpuinfo, CPUINFO_MAX);
  return text.replaceAll(/^(flags\t.*) fsgsbase\b/gm, "$1");
}

function vmstat(): string {
  const free = Math.floor(freemem() / 4096);
  const rows: [string, number][] = [
    ["nr_free_pages", free],
    ["nr_inactive_anon", 0],
    ["nr_active_anon", Math.floor(totalmem() / 4096) - free],
    ["nr_inactive_file", 0],
    ["nr_active_file", 0],
    ["nr_dirty", 0],
    ["nr_writeback", 0],
    ["pgpgin", 0],
    ["pgpgout", 0],
    ["pswpin", 0],
    ["pswpout", 0],
    ["pgfault", 0],
    ["pgmajfault", 0],
    ["oom_kill", 0],
  ];
  return rows.map(([name, value]) => `${name} ${value}\n`).join("");
}

function interrupts({ kernel }: SystemSubject): string {
  let text = "".padEnd(11);
  for (let cpu = 0; cpu < cpuCount(kernel); cpu++) text += `CPU${cpu}`.padEnd(11);
  return `${text}\n`;
}

const DEVICES = `Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
136 pts

Block devices:
`;

/** Nobody is made to wait by others in the sandbox, as far as it knows. */
const PRESSURE = ["some", "full"]
  .map((kind) => `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=0`)
  .join("\n");

export const SYSTEM_FILES: Readonly<Record<string, Node<SystemSubject>>> = {
  cmdline: constant(""),
  consoles: file(() => ""),
  cpuinfo: file(cpuinfo),
  devices: file(() => DEVICES),
  diskstats: file(() => ""),
  cgroups: file(({ kernel }) => cgroupTable(kernel.hierarchies)),
  filesystems: file(listedTypes),
  interrupts: file(interrupts),
  loadavg: file(load),
  locks: file(() => ""),
  meminfo: file(meminfo),
  modules: file(() => ""),
  pressure: directory<SystemSubject>(
    Object.fromEntries(["cpu", "io", "memory"].map((name) => [name, constant(PRESSURE)])),
  ),
  partitions: file(() => "major minor  #blocks  name\n\n"),
  stat: file(stat),
  swaps: file(() => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
  uptime: file(uptime),
  version: file(() => `Linux version ${RELEASE} (ringfence@ringfence) (ringfence) ${VERSION}\n`),
  vmstat: file(vmstat),
};
