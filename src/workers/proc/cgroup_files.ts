// Control groups as programs in a container see them (cgroups(7)): the one that they are in, which is the root of what they
// see. Its files say what the container's limits are, and what its kernel counts; nothing is changed by them, and there
// are no groups below. Files of v2, and of each hierarchy of v1.

import { EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import type { CgroupHierarchy, CgroupUse } from "../../shared/cgroup.ts";
import { readCpuList, writeCpuList } from "../../shared/cpu_list.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { AnyNode, FileNode, Subject, Table } from "../vfs/generated/nodes.ts";
import { bound, directory, file } from "../vfs/generated/nodes.ts";
import { allCpus } from "../vfs/sys/cpus.ts";
import { hostAccount } from "./host_account.ts";

/** As many processes are asked what they use; more are taken to use as much as those on average. */
const MEASURED_MAX = 128;
const PAGE_SIZE = 4096;
const USEC_PER_TICK = 10_000;
/** v1's "no limit": the greatest number of pages, in bytes. */
const V1_UNLIMITED = "9223372036854771712";

export class CgroupSubject implements Subject {
  readonly kernel: SupervisorContext;
  readonly inoBase = 0;
  readonly exists = true;
  readonly owner = { uid: 0, gid: 0 };

  constructor(kernel: SupervisorContext) {
    this.kernel = kernel;
  }
}

type File = FileNode<CgroupSubject>;

// ---- What is counted ----

function measure({ kernel }: CgroupSubject): CgroupUse {
  const pids = new Set<number>();
  let all = 0;
  const { container } = kernel;
  for (const group of container.pids.groups()) {
    if (group.container !== container) continue;
    if (group.state !== "running" || group.exiting || group.leader.dead) continue;
    all++;
    if (pids.size < MEASURED_MAX) pids.add(group.leader.stub.pid);
  }
  let [pages, user, system] = [0, 0, 0];
  for (const pid of pids) {
    const account = hostAccount(kernel, pid, 0);
    pages += account.residentPages;
    user += account.userTicks;
    system += account.systemTicks;
  }
  const factor = pids.size < MEASURED_MAX ? 1 : all / pids.size;
  const common = kernel.commonMemory.usedByAll;
  const use = {
    programs: Math.floor(pages * factor) * PAGE_SIZE,
    common: Math.floor(common / PAGE_SIZE) * PAGE_SIZE,
    userUsec: Math.floor(user * factor) * USEC_PER_TICK,
    systemUsec: Math.floor(system * factor) * USEC_PER_TICK,
  };
  return kernel.cgroup.seen(use);
}

const memoryOf = (subject: CgroupSubject): number => {
  const { programs, common } = measure(subject);
  return programs + common;
};

function peakOf(subject: CgroupSubject): number {
  memoryOf(subject);
  return subject.kernel.cgroup.peak;
}

// ---- Tables ----

const refuse = () => -EPERM;
/** A limit or a switch: root may open it for writing, and changes nothing. */
const setting = (read: (subject: CgroupSubject) => string | number): File =>
  file((subject: CgroupSubject) => `${read(subject)}\n`, { write: refuse });
const shown = (read: (subject: CgroupSubject) => string | number): File =>
  file((subject: CgroupSubject) => `${read(subject)}\n`);
const rows = (read: (subject: CgroupSubject) => Readonly<Record<string, number>>): File =>
  file((subject: CgroupSubject) =>
    Object.entries(read(subject))
      .map(([name, value]) => `${name} ${value}\n`)
      .join(""),
  );
const writeOnly: File = file(() => -EINVAL, { mode: 0o200, write: refuse });

/** Who writes its own number, or that of another in here, moves it to where it is. */
function move({ kernel }: CgroupSubject, text: string): number {
  if (!/^\d{1,10}\s*$/.test(text)) return -EINVAL;
  const pid = Number(text);
  const { pids } = kernel.current ?? kernel;
  if (pid === 0 || pids.groupOfTask(pid) !== undefined) return 0;
  return -ESRCH;
}

/** As the reader knows them; 0: in a PID namespace that he does not see. */
function* processNumbers({ kernel }: CgroupSubject): Generator<string> {
  const { pids } = kernel.current ?? kernel;
  for (const { id, container } of kernel.pids.groups())
    if (container === kernel.container) yield `${id.in(pids)}\n`;
}

function* threadNumbers({ kernel }: CgroupSubject): Generator<string> {
  const { pids } = kernel.current ?? kernel;
  for (const { tasks, container } of kernel.pids.groups())
    if (container === kernel.container) for (const { id } of tasks) yield `${id.in(pids)}\n`;
}

type Numbers = (subject: CgroupSubject) => Generator<string>;

/** Version 1 leaves those out that the reader does not see. */
const visible = (numbers: Numbers): Numbers =>
  function* (subject) {
    for (const line of numbers(subject)) if (line !== "0\n") yield line;
  };

const members = (numbers: Numbers): File => ({
  ...bound((subject: CgroupSubject) => ({ records: () => numbers(subject) }), { mode: 0o644 }),
  write: move,
});

const limits = ({ kernel }: CgroupSubject) => kernel.cgroup.limits;
const orMax = (value: number) => (value < 0 ? "max" : String(value));
const inPages = (bytes: number) =>
  bytes < 0 ? V1_UNLIMITED : String(Math.floor(bytes / PAGE_SIZE) * PAGE_SIZE);
const v2Pages = (bytes: number) => (bytes < 0 ? "max" : inPages(bytes));

function swapOf(subject: CgroupSubject): number {
  const { memory, swap } = limits(subject);
  return swap < 0 || memory < 0 ? -1 : Math.max(0, swap - memory);
}

const weightOf = (shares: number) => 1 + Math.floor(((Math.max(2, shares) - 2) * 9999) / 262142);

/** The CPUs that programs may use, in order. */
function cpusOf({ kernel }: CgroupSubject): string {
  const given = kernel.cgroup.limits.cpus;
  const wanted = given === "" ? null : readCpuList(given);
  return writeCpuList(allCpus(kernel).filter((cpu) => wanted?.has(cpu) ?? true));
}

const normalized = (list: string) => {
  const read = list === "" ? null : readCpuList(list);
  return read === null ? "" : writeCpuList([...read].sort((a, b) => a - b));
};

const memoryStat = (subject: CgroupSubject) => {
  const { programs, common } = measure(subject);
  return {
    anon: programs,
    file: common,
    kernel: 0,
    kernel_stack: 0,
    pagetables: 0,
    sock: subject.kernel.counters.socketMemory,
    shmem: common,
    file_mapped: 0,
    file_dirty: 0,
    file_writeback: 0,
    swapcached: 0,
    inactive_anon: programs,
    active_anon: 0,
    inactive_file: 0,
    active_file: 0,
    unevictable: 0,
    slab_reclaimable: 0,
    slab_unreclaimable: 0,
    slab: 0,
    pgfault: 0,
    pgmajfault: 0,
  };
};

const memoryEvents = rows(() => ({ low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0 }));
const pressure = file(() =>
  ["some", "full"].map((kind) => `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=0\n`).join(""),
);
const empty = file(() => "");
const tasksNow = shown(({ kernel }) => kernel.container.tasks);
const tasksMost = setting((subject) => orMax(limits(subject).tasks));

const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "pids"];

const V2: Table<CgroupSubject> = {
  "cgroup.controllers": shown(() => CONTROLLERS.join(" ")),
  "cgroup.events": rows(() => ({ populated: 1, frozen: 0 })),
  "cgroup.freeze": setting(() => 0),
  "cgroup.kill": writeOnly,
  "cgroup.max.depth": setting(() => "max"),
  "cgroup.max.descendants": setting(() => "max"),
  "cgroup.procs": members(processNumbers),
  "cgroup.stat": rows(() => ({ nr_descendants: 0, nr_dying_descendants: 0 })),
  "cgroup.subtree_control": { ...file(() => "\n"), mode: 0o644, write: refuse },
  "cgroup.threads": members(threadNumbers),
  "cgroup.type": setting(() => "domain"),
  "cpu.idle": setting((subject) => limits(subject).idle),
  "cpu.max": setting((subject) => `${orMax(limits(subject).quota)} ${limits(subject).period}`),
  "cpu.max.burst": setting((subject) => limits(subject).burst),
  "cpu.pressure": pressure,
  "cpu.stat": rows((subject) => {
    const { userUsec, systemUsec } = measure(subject);
    return {
      usage_usec: userUsec + systemUsec,
      user_usec: userUsec,
      system_usec: systemUsec,
      nr_periods: 0,
      nr_throttled: 0,
      throttled_usec: 0,
      nr_bursts: 0,
      burst_usec: 0,
    };
  }),
  "cpu.weight": setting((subject) => (limits(subject).idle > 0 ? 0 : weightOf(limits(subject).shares))),
  "cpu.weight.nice": setting(() => 0),
  "cpuset.cpus": setting((subject) => normalized(limits(subject).cpus)),
  "cpuset.cpus.effective": shown(cpusOf),
  "cpuset.cpus.partition": setting(() => "member"),
  "cpuset.mems": setting((subject) => limits(subject).mems),
  "cpuset.mems.effective": shown(() => 0),
  "io.max": { ...empty, mode: 0o644, write: refuse },
  "io.pressure": pressure,
  "io.stat": empty,
  "io.weight": setting((subject) => {
    const { ioWeight } = limits(subject);
    return `default ${ioWeight < 0 ? 100 : 1 + Math.floor(((Math.max(10, ioWeight) - 10) * 9999) / 990)}`;
  }),
  "memory.current": shown(memoryOf),
  "memory.events": memoryEvents,
  "memory.events.local": memoryEvents,
  "memory.high": setting(() => "max"),
  "memory.low": setting((subject) => inPages(Math.max(0, limits(subject).reservation))),
  "memory.max": setting((subject) => v2Pages(limits(subject).memory)),
  "memory.min": setting(() => 0),
  "memory.oom.group": setting(() => 0),
  "memory.peak": shown(peakOf),
  "memory.pressure": pressure,
  "memory.stat": rows(memoryStat),
  "memory.swap.current": shown(() => 0),
  "memory.swap.events": rows(() => ({ high: 0, max: 0, fail: 0 })),
  "memory.swap.high": setting(() => "max"),
  "memory.swap.max": setting((subject) => v2Pages(swapOf(subject))),
  "pids.current": tasksNow,
  "pids.events": rows(() => ({ max: 0 })),
  "pids.max": tasksMost,
};

/** Of each controller of v1. */
const V1: Readonly<Record<string, Table<CgroupSubject>>> = {
  memory: {
    "memory.failcnt": setting(() => 0),
    "memory.force_empty": writeOnly,
    "memory.kmem.limit_in_bytes": setting(() => V1_UNLIMITED),
    "memory.kmem.usage_in_bytes": shown(() => 0),
    "memory.limit_in_bytes": setting((subject) => inPages(limits(subject).memory)),
    "memory.max_usage_in_bytes": setting(peakOf),
    "memory.memsw.limit_in_bytes": setting((subject) => inPages(limits(subject).swap)),
    "memory.memsw.usage_in_bytes": shown(memoryOf),
    "memory.move_charge_at_immigrate": setting(() => 0),
    "memory.oom_control": file(() => "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", { write: refuse }),
    "memory.soft_limit_in_bytes": setting((subject) => inPages(limits(subject).reservation)),
    "memory.stat": rows((subject) => {
      const { programs, common } = measure(subject);
      const own = {
        cache: common,
        rss: programs,
        rss_huge: 0,
        shmem: common,
        mapped_file: 0,
        dirty: 0,
        writeback: 0,
        pgpgin: 0,
        pgpgout: 0,
        pgfault: 0,
        pgmajfault: 0,
        inactive_anon: programs,
        active_anon: 0,
        inactive_file: 0,
        active_file: 0,
        unevictable: 0,
      };
      const totals = Object.entries(own).map(([name, value]) => [`total_${name}`, value]);
      const hierarchical = (bytes: number) => Number(inPages(bytes));
      return {
        ...own,
        hierarchical_memory_limit: hierarchical(limits(subject).memory),
        hierarchical_memsw_limit: hierarchical(limits(subject).swap),
        ...Object.fromEntries(totals),
      };
    }),
    "memory.swappiness": setting(() => 60),
    "memory.usage_in_bytes": shown(memoryOf),
    "memory.use_hierarchy": setting(() => 1),
  },
  cpu: {
    "cpu.cfs_burst_us": setting((subject) => limits(subject).burst),
    "cpu.cfs_period_us": setting((subject) => limits(subject).period),
    "cpu.cfs_quota_us": setting((subject) => limits(subject).quota),
    "cpu.idle": setting((subject) => limits(subject).idle),
    "cpu.rt_period_us": setting(() => 1_000_000),
    "cpu.rt_runtime_us": setting(() => 0),
    "cpu.shares": setting((subject) => limits(subject).shares),
    "cpu.stat": rows(() => ({ nr_periods: 0, nr_throttled: 0, throttled_time: 0 })),
  },
  cpuacct: {
    "cpuacct.stat": rows((subject) => {
      const { userUsec, systemUsec } = measure(subject);
      return { user: userUsec / USEC_PER_TICK, system: systemUsec / USEC_PER_TICK };
    }),
    "cpuacct.usage": setting((subject) => {
      const { userUsec, systemUsec } = measure(subject);
      return (userUsec + systemUsec) * 1000;
    }),
  },
  cpuset: {
    "cpuset.cpu_exclusive": setting(() => 0),
    "cpuset.cpus": setting(cpusOf),
    "cpuset.effective_cpus": shown(cpusOf),
    "cpuset.effective_mems": shown(() => 0),
    "cpuset.mem_exclusive": setting(() => 0),
    "cpuset.mems": setting(() => 0),
    "cpuset.sched_load_balance": setting(() => 1),
  },
  pids: { "pids.current": tasksNow, "pids.events": rows(() => ({ max: 0 })), "pids.max": tasksMost },
  devices: {
    "devices.allow": writeOnly,
    "devices.deny": writeOnly,
    "devices.list": bound(({ kernel }: CgroupSubject) => ({
      records: () => (kernel.current ?? kernel).container.deviceRules?.lines() ?? ["a *:* rwm\n"].values(),
    })),
  },
  freezer: {
    "freezer.parent_freezing": shown(() => 0),
    "freezer.self_freezing": shown(() => 0),
    "freezer.state": setting(() => "THAWED"),
  },
  blkio: {
    "blkio.throttle.io_service_bytes": file(() => "Total 0\n"),
    "blkio.throttle.io_serviced": file(() => "Total 0\n"),
  },
};

const V1_COMMON: Table<CgroupSubject> = {
  "cgroup.clone_children": setting(() => 0),
  "cgroup.procs": members(visible(processNumbers)),
  notify_on_release: setting(() => 0),
  tasks: members(visible(threadNumbers)),
};

const V2_ROOT = directory(V2, undefined, 0o755);

/** v2's root where v1 has the controllers, which programs find in neither. */
const V2_BARE = directory<CgroupSubject>(
  {
    ...Object.fromEntries(Object.entries(V2).filter(([name]) => name.startsWith("cgroup."))),
    "cgroup.controllers": shown(() => ""),
  },
  undefined,
  0o755,
);

/** The root of v2. */
export function unifiedRoot(hierarchies: readonly CgroupHierarchy[]): AnyNode {
  return hierarchies.some(({ controllers }) => controllers !== "") ? V2_BARE : V2_ROOT;
}

const NAME = /^name=[\w.-]{1,64}$/;

/**
 * The controllers that mount options name, and a name, each once and in one order, as Linux tells them; -EINVAL: there is no
 * such hierarchy.
 */
export function legacyOptions(data: readonly string[]): string | number {
  const words = new Set(data.filter((word) => word !== "" && word !== "xattr" && word !== "none"));
  const controllers = LISTED.filter((name) => words.has(name));
  const names = [...words].filter((word) => !Object.hasOwn(V1, word));
  if (words.size === 0 || names.length > 1 || names.some((word) => !NAME.test(word))) return -EINVAL;
  return [...controllers, ...names].join(",");
}

/** The root of the hierarchy with these options. */
export function legacyRoot(options: string): AnyNode {
  const tables = options.split(",").flatMap((word) => (Object.hasOwn(V1, word) ? [V1[word]!] : []));
  return directory(Object.assign({}, V1_COMMON, ...tables) as Table<CgroupSubject>, undefined, 0o755);
}

/** /proc/PID/cgroup. */
export function cgroupLines(hierarchies: readonly CgroupHierarchy[]): string {
  return hierarchies.map(({ id, controllers }) => `${id}:${controllers}:/\n`).join("");
}

/** In Linux's order. */
const LISTED = ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "pids"];

/** /proc/cgroups. */
export function cgroupTable(hierarchies: readonly CgroupHierarchy[]): string {
  const rows = LISTED.map((name) => {
    const found = hierarchies.find(({ controllers }) => controllers.split(",").includes(name));
    return `${name}\t${found?.id ?? 0}\t1\t1\n`;
  });
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${rows.join("")}`;
}
