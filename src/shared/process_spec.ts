// What the launcher tells a sandbox and what the main thread asks of a kernel: plain data that
// crosses a process or thread boundary. The launcher (native/launcher) writes the JSON forms.
//
// Byte strings: argv, environment, paths and host names are bytes on Linux. In JSON and in memory
// each is a string with one char per byte (U+0000-U+00FF).

import type { CgroupHierarchy, CgroupLimits } from "./cgroup.ts";
import type { ContainerSpec } from "./container_spec.ts";
import type { InspectReport, InspectRequest } from "./inspect_report.ts";
import type { ProfiledSandbox } from "./profile.ts";
import type { ProfileOptions, ThreadRecord } from "./profile_record.ts";
import type { StartError } from "./start_error.ts";
import type { ThreadReport } from "./thread_report.ts";
import type { TraceCommand, TraceReport } from "./trace/session.ts";

/** A resource limit pair; decimal strings because RLIM_INFINITY does not fit a double. */
export interface Rlimit {
  /** Linux's name: RLIMIT_NOFILE, ... */
  type: string;
  soft: string;
  hard: string;
}

/** One program to start in the sandbox: the first of `do`, or the one of an `exec`. */
export interface ProcessSpec {
  args: string[];
  /** Path of its file; args[0] and a search in PATH if absent. */
  program?: string;
  env: string[];
  cwd: string;
  uid: number;
  gid: number;
  groups: number[];
  umask: number;
  rlimits: Rlimit[];
  /** Signals blocked at start, bit n-1 for signal n, as 16 hex digits. */
  blocked: string;
  /** Signals ignored at start, same form. */
  ignored: string;
  /** Standard input is a terminal that the guest may use as its controlling terminal. */
  terminal: boolean;
  /** Bit n: the caller had closed descriptor n, of 0-2. What stands for it is closed in the program as well. */
  closedStreams: number;
  /**
   * For a process of a container; without it, uid 0 has all capabilities and the program is as if its caller ran it.
   */
  container?: ContainerProcess;
}

/** Capability sets (capabilities(7)): bit n for capability n, as 16 hex digits. */
export interface CapabilitySets {
  bounding: string;
  effective: string;
  inheritable: string;
  permitted: string;
  ambient: string;
}

/** How a process is scheduled (sched(7)). */
export interface Scheduling {
  /** SCHED_* */
  policy: number;
  nice: number;
  priority: number;
  resetsOnFork: boolean;
}

/** What sets a container's processes apart. Besides, HOME comes from its /etc/passwd. */
export interface ContainerProcess {
  /** The container's first process: it is process 1, unless it shares another's PID namespace, and its working directory is made if it is missing. */
  isFirst: boolean;
  capabilities: CapabilitySets;
  noNewPrivileges: boolean;
  oomScoreAdj: number;
  scheduling: Scheduling | null;
  /** As ioprio_set(2) takes it. */
  ioPriority: number;
  /** CPUs; null: all. Of those that execs begin with (`execCPUAffinity`), not of the first process. */
  affinity: number[] | null;
  /** As personality(2) takes it; a process object of an exec does not say it. */
  persona: number;
}

/** A line of /proc/PID/uid_map: so many ids from the first number on are those from the second on outside. */
export type IdRange = readonly [inside: number, outside: number, count: number];

/** What guests are told of their user namespace. */
export interface UserMaps {
  uids: readonly IdRange[];
  gids: readonly IdRange[];
  /** Whether setgroups(2) is allowed there. */
  setgroups: boolean;
}

/** The sealed configuration memfd that a sandbox reads at boot. */
export interface SandboxConfig {
  version: 1;
  mode: "do" | "hold" | "container";
  /** How far the clocks are from the host's: seconds and nanoseconds. Absent: not at all. */
  timeOffsets?: { monotonic: [number, number]; boottime: [number, number] };
  /** How many of the preserved descriptors its caller hands on by LISTEN_FDS (sd_listen_fds(3)). */
  listening?: number;
  /** The first program of `do`. */
  process?: ProcessSpec;
  /** Name of the container, whose config.json comes as descriptor `spec`. */
  id?: string;
  /** Others are made beside it. Of a pod's own container, held, the program is run only for those who share its processes. */
  pod?: "held" | "shared";
  /** Its directory, for the state that hooks are told. */
  bundle?: string;
  hostname: string;
  /** The CPUs that the caller may run on, as a list: "0-3,7"; absent: it does not matter. */
  cpus?: string;
  /** The hierarchies of control groups that a container's programs see; v2's alone if absent. */
  cgroups?: CgroupHierarchy[];
  options: SandboxOptions;
  /** Without it: the initial one. */
  users?: UserMaps;
  /** Trace sessions from the start (--trace), as their files have them. */
  traces?: unknown[];
}

/** Global flags that concern the sandbox (runsc's names). */
export interface SandboxOptions {
  /** How system calls of guests are caught (src/workers/platform/). */
  platform: "systrap" | "ptrace";
  /** Threads of the kernel: none but the main one (solo), or which ones (thread_plan.ts). */
  workers: string;
  debug: boolean;
  strace: boolean;
  /** What config.json asks for and has no effect is refused. */
  strict: boolean;
  /** Where writes to the root file system go: a layer in memory, or the files themselves. */
  overlay2: "root:memory" | "none";
  /** Whether call sites are patched; eager: at their first trap. */
  patch: "on" | "off" | "eager";
  /** Paths of files, as the guest sees them, whose sites are not. */
  patchExclude: string[];
  /** Of `hold`, for tests: host calls can be made to fail (src/workers/host_faults.ts). */
  hostFaults?: boolean;
  /** Of `hold`, for tests: how many kernels, of sandboxes that know nothing of each other, share the process. Absent: 1. */
  kernels?: number;
  /** Form of log records. */
  logFormat: "text" | "json";
}

/** How a kernel thread is to end: what it runs throws, or takes all of its heap. */
export const THREAD_FAULTS = ["throw", "throw in a turn", "leak"] as const;
export type ThreadFault = (typeof THREAD_FAULTS)[number];

/** Which host calls are to fail. */
export interface FaultPlan {
  seed: number;
  /** One call in so many; 0: none. */
  oneIn: number;
  /** Names of the native entries concerned; empty: all. */
  only: string[];
}

/** Descriptors of the boot message, in the order of the names in its header. */
export type BootDescriptor =
  | "config" // sealed memfd: SandboxConfig as JSON
  | "proc" // detached mount of the sandbox's own proc: processes alone
  | "cpuinfo" // the host's /proc/cpuinfo
  | "stat" // the host's /proc/stat
  | "loadavg" // the host's /proc/loadavg
  | "zygote" // SOCK_SEQPACKET to the zygote
  | "nursery" // in its place where several kernels share the process: SOCK_SEQPACKET to what makes their zygotes
  | `listen:${number}` // and the listening control sockets of those behind the first
  | "launcher" // SOCK_STREAM to the launcher: JSON lines
  | "listen" // listening control socket, where the sandbox has a state directory
  | "spec" // sealed memfd: the container's config.json
  | "waiter" // SOCK_SEQPACKET to the container's waiter
  | `mount:${number}` // what the bind mount of that index in config.json shows
  | "maker" // SOCK_SEQPACKET to the maker of sockets, where the sandbox has the host's network
  | "keeper" // SOCK_SEQPACKET to the keeper, where the sandbox has links of the host
  | "root" // the root file system, read-only unless it is to be written to
  | "log" // where log records go
  | "debug-log"
  | `trace:${number}:${number}` // of the trace session of that index: its sink of that index, where it is open
  | `connector:${number}` // SOCK_SEQPACKET to what reaches readers of that session anew
  | "lock" // of a container of a pod: its state directory's, which tells that it is there
  | `group:${number}` // of a container of a pod: tasks (v1) or cgroup.procs (v2) of its control groups
  | `preserved:${number}` // what the first program gets as descriptor 3 + number
  | "stdin"
  | "stdout"
  | "stderr";

/** Of each boot message; a message has at most 253 descriptors, so there may be several. */
export interface BootHeader {
  type: "boot";
  descriptors: BootDescriptor[];
  /** Another message follows. */
  more: boolean;
}

/** Descriptors of its caller that a program can be given beside its standard streams (--preserve-fds). */
export const PRESERVED_MAX = 128;

/** What the guests have of the sandbox's own. */
export interface Usage {
  /** Threads of all processes. */
  tasks: number;
  /** How many there may be; 0: the kernel's own bound alone. */
  tasksLimit: number;
  /** /proc/net/dev as guests see it (proc_pid_net(5)), or as many of its lines as go into an answer. */
  netDev: string;
}

/** The end of what a hook has written to its standard streams, as byte strings. */
export interface HookOutput {
  stdout: string;
  stderr: string;
}

/** What a container may have, of what its kernel counts; 0: no limit of its own. */
export interface GuestLimits {
  /** Threads of all its processes. */
  tasks: number;
  /** Bytes. */
  memory: number;
  /** What its control group tells its programs; those CPUs they may run on. */
  cgroup: Partial<CgroupLimits>;
}

/**
 * The kernel as the main thread sees it (comlink, control plane only). Containers have numbers, which the main thread gives;
 * 0 is there from the start.
 */
export interface KernelApi {
  /** Builds a container's root and mounts and looks for its program. Resolves to null, or to what is wrong. */
  prepare(container: number, spec: ContainerSpec): Promise<string | null>;
  /** Ends all of a container that is not the first. Resolves when nothing is left of it. */
  remove(container: number): Promise<void>;
  /**
   * Starts a program with host descriptors as 0, 1, 2 and on, which are the kernel's to close from now on,
   * whatever comes of it. Resolves to the program's guest pid, or to what is wrong.
   */
  start(container: number, spec: ProcessSpec, streams: readonly number[]): Promise<number | StartError>;
  /**
   * Starts a program that reads `input` and whose output is kept. Resolves to its guest pid, for wait() and endHook(),
   * or to what is wrong.
   */
  startHook(container: number, spec: ProcessSpec, input: string): Promise<number | StartError>;
  /** What that program has said, the end of it; it is forgotten. */
  endHook(pid: number): Promise<HookOutput>;
  /** What there is of it now. */
  usage(container: number): Promise<Usage>;
  /** Resolves with the Linux wait status when that program's process has ended, or stopped (0x7f: call again). */
  wait(pid: number): Promise<number>;
  /**
   * Sends a signal to a guest process (pid), its terminal's foreground group (-pid), or all of the container (0); 0 or a
   * negative errno.
   */
  signal(container: number, pid: number, signo: number): Promise<number>;
  /** From now on these hold instead of what held so far. */
  limit(container: number, limits: Partial<GuestLimits>): Promise<void>;
  /** Stops all of its code, until resume(). Resolves when none runs any more; to false where the host lets it not stop. */
  pause(container: number): Promise<boolean>;
  resume(container: number): Promise<void>;
  /** Whether a program that was given a terminal may read it: its caller is in the terminal's foreground. */
  foreground(pid: number, value: boolean): Promise<void>;
  /** Counters by name: processes, chunks, maps, descriptors, dropped notifications, ... */
  counters(): Promise<Record<string, number>>;
  /** Has host calls fail; resolves to false where the sandbox was not started for that. */
  failHostCalls(plan: FaultPlan): Promise<boolean>;
  /** Ends a kernel thread as an error of ours would; resolves to false where the sandbox was not started for that. */
  breakThread(thread: number, how: ThreadFault): Promise<boolean>;
  /** Watches from now on whether the kernel does anything: a number for `moved`; 0: nobody sees that. */
  watch(): Promise<number>;
  /** Resolves when it has done something since `watch` gave that number. */
  moved(serial: number): Promise<void>;
  /** What its threads do, by number. */
  threads(): Promise<ThreadReport[]>;
  /** Trace sessions: makes one, removes one, and tells which there are; or what is wrong. */
  traces(request: TraceCommand): Promise<TraceReport[] | string>;
  /** What `debug` tells, and changes. */
  inspect(request: InspectRequest): Promise<InspectReport>;
  /** Call sites of running processes that trapped most (workers/patch/report.ts). */
  sites(): Promise<object[]>;
  /** Its threads are profiled from now on; resolves to null where they are already. */
  profileStart(options: ProfileOptions): Promise<ProfiledSandbox | null>;
  /** Ends that: what each has recorded, by number. */
  profileStop(): Promise<ThreadRecord[]>;
}
