// /proc/PID/stat, statm and status (proc_pid_stat(5), proc_pid_status(5)).

import { RLIMIT_RSS, RLIMIT_SIGPENDING } from "../../shared/abi/resource.ts";
import { SIG_DFL, SIG_IGN, SIGCHLD, SIGRTMAX } from "../../shared/abi/signal.ts";
import { CLOCK_BOOTTIME } from "../../shared/abi/time.ts";
import { writeCpuList } from "../../shared/cpu_list.ts";
import { REQ_CPU } from "../../shared/ring/layout.ts";
import type { PidNumbers } from "../call/pid.ts";
import { SignalSet } from "../call/signal_set.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import { readProc } from "../platform/host_tasks.ts";
import { mayCurrentInspect } from "../process/ptrace_access.ts";
import type { Task } from "../process/task.ts";
import { RLIM_INFINITY } from "../system/limit_calls.ts";
import { groupCpuTime, taskCpuTime } from "../time/cpu_time.ts";
import { affinityOf, maskOfCpus } from "../vfs/sys/cpus.ts";
import { type HostAccount, hostAccount } from "./host_account.ts";
import { STATE_NAMES, stateOf } from "./process_state.ts";
import type { ProcessSubject } from "./subjects.ts";
import { clockSeconds, TICKS_PER_SECOND } from "./system_files.ts";

const NS_PER_TICK = 1e7;
/** PF_RANDOMIZE, as most processes show. */
const PROCESS_FLAGS = 0x400000;
const DEFAULT_PRIORITY = 20;
const FD_BATCH = 64;

function account(subject: ProcessSubject): HostAccount {
  const { kernel, task } = subject;
  return hostAccount(kernel, subject.alive ? task.stub.pid : 0, subject.isThread ? task.hostTid : 0);
}

/** Ignored and caught signals, as sets. */
function dispositions(task: Task): { ignored: SignalSet; caught: SignalSet } {
  const ignored = new SignalSet();
  const caught = new SignalSet();
  for (let signo = 1; signo <= SIGRTMAX; signo++) {
    const { handler } = task.handlers.get(signo);
    if (handler === SIG_IGN) ignored.add(signo);
    else if (handler !== SIG_DFL) caught.add(signo);
  }
  return { ignored, caught };
}

/** The first 31 signals as the decimal number that stat has. */
function lowSignals(set: SignalSet): number {
  return set.low & 0x7fffffff;
}

/** Ticks since boot at which the process started. */
function startTicks({ kernel, group }: ProcessSubject): number {
  const age = (kernel.native.monotonicNs() - group.startNs) / 1e9;
  return Math.max(0, Math.floor((clockSeconds(kernel, CLOCK_BOOTTIME) - age) * TICKS_PER_SECOND));
}

export function stat(subject: ProcessSubject): string {
  const { task, group, kernel } = subject;
  const { terminal } = group.session;
  const used = account(subject);
  const space = subject.alive ? task.stub.space : null;
  // Where things lie in memory is for who may look into it.
  const layout = space !== null && mayCurrentInspect(task) === 0 ? space : null;
  const hidden = space === null ? 0 : 1;
  const { ignored, caught } = dispositions(task);
  const rss = group.rlimits[RLIMIT_RSS]![0];
  const time = subject.isThread && subject.alive ? taskCpuTime(task) : groupCpuTime(group);
  const children = group.childrenTime;
  const ticks = (ns: number) => Math.floor(ns / NS_PER_TICK);
  const { nice } = task;
  const fields = [
    stateOf(task),
    subject.numberOf(group.parent?.id),
    subject.numberOf(group.processGroup),
    subject.numberOf(group.session.id),
    terminal?.device ?? 0,
    terminal?.foregroundGroup ? subject.numberOf(terminal.foregroundGroup) : -1,
    PROCESS_FLAGS,
    used.minorFaults,
    0,
    used.majorFaults,
    0,
    ticks(time.user),
    ticks(time.system),
    ticks(children.user),
    ticks(children.system),
    DEFAULT_PRIORITY + nice,
    nice,
    group.tasks.length,
    0,
    startTicks(subject),
    space?.vmas.totals.total ?? 0,
    used.residentPages,
    rss === Number.POSITIVE_INFINITY ? RLIM_INFINITY : rss,
    layout?.codeStart ?? hidden,
    layout?.codeEnd ?? hidden,
    layout?.stackStart ?? 0,
    0,
    0,
    lowSignals(task.pending.set),
    lowSignals(task.blocked),
    lowSignals(ignored),
    lowSignals(caught),
    0,
    0,
    0,
    group.exitSignal === 0 ? SIGCHLD : group.exitSignal,
    kernel.slots.word(task.call.slot, REQ_CPU) & 0xfff,
    0,
    0,
    0,
    0,
    0,
    layout?.dataStart ?? 0,
    layout?.dataEnd ?? 0,
    layout?.brkStart ?? 0,
    layout?.argStart ?? 0,
    layout?.argEnd ?? 0,
    layout?.envStart ?? 0,
    layout?.envEnd ?? 0,
    group.exiting && mayCurrentInspect(task) === 0 ? group.exitStatus : 0,
  ];
  return `${subject.numberOf(subject.id)} (${task.comm}) ${fields.join(" ")}\n`;
}

export function statm(subject: ProcessSubject): string {
  if (!subject.alive) return "0 0 0 0 0 0 0\n";
  const { totals } = subject.task.stub.space.vmas;
  const pages = (bytes: number) => Math.ceil(bytes / PAGE_SIZE);
  const { residentPages } = account(subject);
  const data = pages(totals.data + totals.stack);
  return `${pages(totals.total)} ${residentPages} 0 ${pages(totals.exec)} 0 ${data} 0\n`;
}

function hexWords(low: number, high: number): string {
  return new SignalSet(low, high).toHex();
}

function memoryLines(subject: ProcessSubject): [string, string][] {
  if (!subject.alive) return [];
  const { totals } = subject.task.stub.space.vmas;
  const kb = (bytes: number) => `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
  const resident = kb(account(subject).residentPages * PAGE_SIZE);
  return [
    ["VmPeak", kb(totals.total)],
    ["VmSize", kb(totals.total)],
    ["VmLck", kb(totals.locked)],
    ["VmPin", kb(0)],
    ["VmHWM", resident],
    ["VmRSS", resident],
    ["RssAnon", resident],
    ["RssFile", kb(0)],
    ["RssShmem", kb(0)],
    ["VmData", kb(totals.data)],
    ["VmStk", kb(totals.stack)],
    ["VmExe", kb(totals.exec)],
    ["VmLib", kb(0)],
    ["VmPTE", kb(0)],
    ["VmSwap", kb(0)],
    ["HugetlbPages", kb(0)],
    ["CoreDumping", "0"],
    ["THP_enabled", "1"],
    ["untag_mask", "0xffffffffffffffff"],
  ];
}

/** The size of Linux's descriptor table: a power of two that holds the highest descriptor. */
function tableSize(subject: ProcessSubject): number {
  let highest = 0;
  for (const [fd] of subject.files?.descriptors() ?? []) highest = fd;
  if (subject.files === null) return 0;
  let size = FD_BATCH;
  while (size <= highest) size *= 2;
  return size;
}

/** In the PID namespace of the mount and in those below it, to the process's own. */
function numbersOf({ system, group }: ProcessSubject, name: PidNumbers | null): string {
  const { level } = system.pids;
  const spaces = Array.from({ length: group.pids.level - level + 1 }, (_none, i) => group.pids.at(level + i));
  return spaces.map((space) => name?.in(space) ?? 0).join("\t");
}

const SWITCHES = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];

/** As the host has counted them for the thread. */
function switchesOf({ kernel, alive, task }: ProcessSubject): [string, number][] {
  const status = alive ? readProc(kernel, `${task.stub.pid}/task/${task.hostTid}/status`) : "";
  return SWITCHES.map((name) => {
    const at = status.indexOf(`\n${name}:`);
    return [name, at < 0 ? 0 : Number.parseInt(status.slice(at + name.length + 2), 10)];
  });
}

export function status(subject: ProcessSubject): string {
  const { task, group, kernel } = subject;
  const { credentials } = task;
  const c = credentials;
  const { uids, gids } = kernel.current?.credentials.userNamespace ?? kernel.users;
  const state = stateOf(task);
  const { ignored, caught } = dispositions(task);
  const limit = group.rlimits[RLIMIT_SIGPENDING]![0];
  const queued = group.pending.length + task.pending.length;
  const lines: [string, string | number][] = [
    ["Name", task.comm.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")],
    ["Umask", task.fs.umask.toString(8).padStart(4, "0")],
    ["State", `${state} (${STATE_NAMES[state]})`],
    ["Tgid", subject.numberOf(group.id)],
    ["Ngid", 0],
    ["Pid", subject.numberOf(subject.id)],
    ["PPid", subject.numberOf(group.parent?.id)],
    ["TracerPid", subject.numberOf(task.tracee?.tracer.id)],
    ["Uid", [c.uid, c.euid, c.suid, c.fsuid].map((id) => uids.told(id)).join("\t")],
    ["Gid", [c.gid, c.egid, c.sgid, c.fsgid].map((id) => gids.told(id)).join("\t")],
    ["FDSize", tableSize(subject)],
    ["Groups", `${c.groups.map((gid) => `${gids.told(gid)} `).join("")}${c.groups.length === 0 ? " " : ""}`],
    ["NStgid", numbersOf(subject, group.id)],
    ["NSpid", numbersOf(subject, subject.id)],
    ["NSpgid", numbersOf(subject, group.processGroup)],
    ["NSsid", numbersOf(subject, group.session.id)],
    ["Kthread", 0],
    ...memoryLines(subject),
    ["Threads", group.tasks.length],
    ["SigQ", `${queued}/${limit === Number.POSITIVE_INFINITY ? RLIM_INFINITY : limit}`],
    ["SigPnd", task.pending.set.toHex()],
    ["ShdPnd", group.pending.set.toHex()],
    ["SigBlk", task.blocked.toHex()],
    ["SigIgn", ignored.toHex()],
    ["SigCgt", caught.toHex()],
    ["CapInh", hexWords(credentials.inheritableLow, credentials.inheritableHigh)],
    ["CapPrm", hexWords(credentials.permittedLow, credentials.permittedHigh)],
    ["CapEff", hexWords(credentials.effectiveLow, credentials.effectiveHigh)],
    ["CapBnd", hexWords(credentials.boundingLow, credentials.boundingHigh)],
    ["CapAmb", hexWords(credentials.ambientLow, credentials.ambientHigh)],
    ["NoNewPrivs", task.noNewPrivileges ? 1 : 0],
    ["Seccomp", task.seccompMode],
    ["Seccomp_filters", task.seccomp?.depth ?? 0],
    ["Speculation_Store_Bypass", "vulnerable"],
    ["SpeculationIndirectBranch", "always enabled"],
    ["Cpus_allowed", maskOfCpus(subject.kernel, affinityOf(task))],
    ["Cpus_allowed_list", writeCpuList(affinityOf(task))],
    ["Mems_allowed", "00000000,00000001"],
    ["Mems_allowed_list", "0"],
    ...switchesOf(subject),
  ];
  return lines.map(([name, value]) => `${name}:\t${value}\n`).join("");
}
