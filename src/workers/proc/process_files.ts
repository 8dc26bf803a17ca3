// The table of /proc/PID and /proc/PID/task/TID (proc_pid(5)).

import { EACCES, EINVAL, ENOENT } from "../../shared/abi/errno.ts";
import { CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import { capable } from "../credentials/credentials.ts";
import { NAMESPACE_KINDS, type NamespaceKind } from "../identity/namespaces.ts";
import { nameOf } from "../identity/ns_fs.ts";
import { mayCurrentInspect } from "../process/ptrace_access.ts";
import type { Task } from "../process/task.ts";
import {
  directory,
  type FileNode,
  file,
  type LinkNode,
  link,
  numberOf,
  type Table,
} from "../vfs/generated/nodes.ts";
import type { MagicTarget } from "../vfs/inode.ts";
import { cgroupLines } from "./cgroup_files.ts";
import { mountInfo, mountStats, mounts } from "./mount_files.ts";
import { NET_FILES } from "./net_files.ts";
import { DESCRIPTOR_DIRECTORIES, PLACE_LINKS } from "./process_links.ts";
import { maps, smaps, smapsRollup } from "./process_maps.ts";
import { auxiliaryVector, commandLine, environment, memoryOf, pagemap } from "./process_memory.ts";
import { stat, statm, status } from "./process_stat.ts";
import { mayLook, type ProcessSubject } from "./subjects.ts";
import { USER_NAMESPACE_FILES } from "./user_namespace_files.ts";

const COMM_MAX = 15;
const OOM_SCORE_MAX = 1000;
const NO_LOGIN = 4294967295;

/** Rows of /proc/PID/limits, by RLIMIT_* index: name and unit. */
const LIMIT_ROWS = [
  ["Max cpu time", "seconds"],
  ["Max file size", "bytes"],
  ["Max data size", "bytes"],
  ["Max stack size", "bytes"],
  ["Max core file size", "bytes"],
  ["Max resident set", "bytes"],
  ["Max processes", "processes"],
  ["Max open files", "files"],
  ["Max locked memory", "bytes"],
  ["Max address space", "bytes"],
  ["Max file locks", "locks"],
  ["Max pending signals", "signals"],
  ["Max msgqueue size", "bytes"],
  ["Max nice priority", ""],
  ["Max realtime priority", ""],
  ["Max realtime timeout", "us"],
] as const;

function limitRow(name: string, soft: string, hard: string, unit: string): string {
  const row = `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} `;
  return unit === "" ? `${row}\n` : `${row}${unit.padEnd(10)}\n`;
}

/** Of the sandbox's time namespace, which is the host's to keep. */
function timeOffsets({ system }: ProcessSubject): string {
  const offsets = system.kernel.config.timeOffsets ?? { monotonic: [0, 0], boottime: [0, 0] };
  return Object.entries(offsets)
    .map(([clock, [s, ns]]) => `${clock.padEnd(10)} ${String(s).padStart(10)} ${String(ns).padStart(9)}\n`)
    .join("");
}

function limits({ group }: ProcessSubject): string {
  const shown = (value: number) => (value === Number.POSITIVE_INFINITY ? "unlimited" : String(value));
  let text = limitRow("Limit", "Soft Limit", "Hard Limit", "Units");
  for (const [index, [name, unit]] of LIMIT_ROWS.entries()) {
    const [soft, hard] = group.rlimits[index]!;
    text += limitRow(name, shown(soft), shown(hard), unit);
  }
  return text;
}

/** What is inside a process, for its own eyes. */
const PRIVATE = { mode: 0o400, mayRead: mayLook };

const comm: FileNode<ProcessSubject> = file(({ task }) => `${task.comm}\n`, {
  write: ({ task, group, kernel }, text) => {
    if (kernel.current?.group !== group) return -EINVAL;
    task.comm = text.replace(/[\0\n].*$/s, "").slice(0, COMM_MAX);
    return 0;
  },
});

const oomScoreAdj: FileNode<ProcessSubject> = file(({ group }) => `${group.oomScoreAdj}\n`, {
  write: ({ group, kernel }, text, credentials) => {
    const value = Number(text.trim());
    if (text.trim() === "" || !Number.isInteger(value) || Math.abs(value) > OOM_SCORE_MAX) return -EINVAL;
    if (value < group.oomScoreAdj && !capable(credentials, kernel.users.initial, CAP_SYS_RESOURCE))
      return -EACCES;
    group.oomScoreAdj = value;
    return 0;
  },
});

const IO_ROWS = ["rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"];

function namespaceLink(kind: NamespaceKind, find: (task: Task) => object | null): LinkNode<ProcessSubject> {
  return link<ProcessSubject>(
    (subject) => {
      const error = mayCurrentInspect(subject.task);
      if (error < 0) return error;
      const one = subject.alive ? find(subject.task) : null;
      return one === null ? -ENOENT : nameOf(kind, one);
    },
    (subject): MagicTarget => {
      if (mayCurrentInspect(subject.task) < 0) return { kind: "error", errno: EACCES };
      const one = subject.alive ? find(subject.task) : null;
      if (one === null) return { kind: "error", errno: ENOENT };
      return { kind: "path", path: subject.kernel.namespaceFiles.pathOf(kind, one) };
    },
  );
}

/** Of some a task's children may be in others. */
const NAMESPACES: Table<ProcessSubject> = Object.fromEntries(
  NAMESPACE_KINDS.flatMap((kind) => {
    const { name, ofChildren } = kind;
    const own = [name, namespaceLink(kind, kind.of)] as const;
    return ofChildren === undefined
      ? [own]
      : [own, [`${name}_for_children`, namespaceLink(kind, ofChildren)]];
  }),
);

/** What a process and a thread have in common. */
const COMMON: Table<ProcessSubject> = {
  auxv: auxiliaryVector,
  cgroup: file(({ kernel }) => cgroupLines(kernel.hierarchies)),
  cmdline: commandLine,
  comm,
  cpuset: file(() => "/\n"),
  environ: environment,
  ...DESCRIPTOR_DIRECTORIES,
  ...PLACE_LINKS,
  io: file(() => IO_ROWS.map((name) => `${name}: 0\n`).join(""), PRIVATE),
  limits: file(limits),
  loginuid: file(() => String(NO_LOGIN)),
  maps,
  mem: memoryOf,
  mountinfo: mountInfo,
  mounts,
  net: NET_FILES,
  ns: directory(NAMESPACES, undefined, 0o511),
  oom_adj: file(() => "0\n"),
  oom_score: file(() => "666\n"),
  oom_score_adj: oomScoreAdj,
  pagemap,
  personality: file(({ task }) => `${(task.persona >>> 0).toString(16).padStart(8, "0")}\n`, PRIVATE),
  sessionid: file(() => String(NO_LOGIN)),
  smaps,
  smaps_rollup: smapsRollup,
  stat: file(stat),
  statm: file(statm),
  status: file(status),
  timens_offsets: file(timeOffsets),
  ...USER_NAMESPACE_FILES,
  wchan: file(() => "0"),
};

const THREAD = directory<ProcessSubject>({
  ...COMMON,
  children: file((subject) => {
    const { group, task } = subject;
    if (task !== group.leader) return "";
    return [...group.children].map((child) => `${subject.numberOf(child.id)} `).join("");
  }),
});

const TASKS = directory<ProcessSubject>(
  {},
  {
    lookup: ({ group, system }, name) => {
      const tid = numberOf(name);
      const task = group.tasks.find((other) => other.id.in(system.pids) === tid);
      return task === undefined ? -ENOENT : { node: THREAD, subject: system.thread(task) };
    },
    names: ({ group, system }) => group.tasks.map(({ id }) => String(id.in(system.pids))),
    // Chromium looks here whether it has one thread.
    directories: ({ group }) => group.tasks.length,
  },
);

export const PROCESS = directory<ProcessSubject>({
  ...COMMON,
  mountstats: mountStats,
  task: TASKS,
});
