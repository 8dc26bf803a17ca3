// What the supervisor's rooms (process, signals, time, futex, identity, system, proc) use of their kernel, beside what
// the platform, sockets and System V IPC do. The Kernel object is all of it.

import type { CgroupLimits, CgroupUse } from "../../shared/cgroup.ts";
import type { Attention } from "../../shared/ring/attention.ts";
import type { Call, Coroutine } from "../call/call.ts";
import type { CallTracer } from "../call/context.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Throws } from "../call/throws.ts";
import type { UserNamespaces } from "../credentials/user_namespaces.ts";
import type { Futexes } from "../futex/futexes.ts";
import type { CgroupNamespace } from "../identity/cgroup_namespace.ts";
import type { UtsNamespace } from "../identity/uts.ts";
import type { IpcContext } from "../ipc/context.ts";
import type { Vdso } from "../mem/vdso.ts";
import type { FamilyContext } from "../net/families.ts";
import type { SocketMaker } from "../net/family.ts";
import type { TextOwner } from "../net/files/remote_text.ts";
import type { InterfaceOwner } from "../net/interfaces.ts";
import type { Networks } from "../net/networks.ts";
import type { Patcher } from "../patch/patcher.ts";
import type { PlatformContext } from "../platform/context.ts";
import type { Tracee } from "../ptrace/tracee.ts";
import type { SeccompFilter } from "../seccomp/filter.ts";
import type { BeforeHandler } from "../signals/alt_stack.ts";
import type { Path } from "../vfs/path.ts";
import type { PidNamespace } from "./pids.ts";
import type { QuietOutcomes } from "./quiet_outcomes.ts";
import type { Task } from "./task.ts";
import type { GuestContainer, ThreadGroup } from "./thread_group.ts";

/** A program that has been executed (exec.ts). */
export interface ExecutedImage {
  readonly program: { readonly path: Path };
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  readonly execfn: string;
}

export interface ProcessTracer extends CallTracer {
  /** A child is there. */
  cloned(child: Task, creator: Task): void;
  /** Another program is in its process's place. */
  execed(old: Task, next: Task, image: ExecutedImage): void;
  /** A program from outside is there; `isFirst`: it is what its container is for. */
  started(task: Task, argv: readonly string[], isFirst: boolean): void;
  /** Such a first program has ended. */
  containerEnded(group: ThreadGroup): void;
  /** The task takes a signal: its handler is entered, or its default action follows. */
  signal(task: Task, info: SigInfo): void;
  /** A thread, or the whole process with that leader, has ended with this wait status. */
  ended(task: Task, status: number): void;
}

/** What is known of a control group (proc/cgroup_fs.ts). */
export interface CgroupState {
  readonly limits: CgroupLimits;
  /** Most bytes that were seen. */
  readonly peak: number;
  seen(use: CgroupUse): CgroupUse;
}

/** Where namespaces stand as files (identity/ns_fs.ts). */
interface NamespacePaths {
  pathOf(kind: { readonly name: string; readonly type: number }, namespace: object): Path;
}

/** Signals to many processes at once (signals/broadcasts.ts). */
interface SignalsToMany {
  send(targets: readonly ThreadGroup[], signals: readonly SigInfo[], then?: () => void): boolean;
  sendFrom(
    call: Call,
    signals: readonly SigInfo[],
    meant: () => { readonly targets: readonly ThreadGroup[]; readonly result: number },
  ): Coroutine;
  made(child: ThreadGroup, maker: ThreadGroup): void;
}

export interface SupervisorContext extends PlatformContext, IpcContext, FamilyContext {
  /** The kernel thread that has sockets; null: it is this one. */
  readonly netThread: (SocketMaker & InterfaceOwner & TextOwner) | null;
  /** What other kernel threads are to know of slots; null: there are none. */
  readonly attention: Attention | null;
  readonly tracer: ProcessTracer | null;
  readonly throws: Throws;
  readonly quiet: QuietOutcomes;
  current: Task | null;
  readonly taskAt: (Task | undefined)[];
  readonly requests: {
    serveAgain(task: Task): void;
    /** A call that a tracer has stopped (Dispatcher.serveStopped). */
    serveStopped(task: Task, nr: number, isJudged: boolean): void;
    settle(task: Task): void;
  };
  readonly pids: PidNamespace;
  /** Null: no call site is patched. */
  readonly patcher: Patcher | null;
  readonly futexes: Futexes;
  readonly broadcasts: SignalsToMany;
  readonly uts: UtsNamespace;
  readonly cgroups: CgroupNamespace;
  /** Those that guests have made. */
  readonly userNamespaces: UserNamespaces;
  /** A number for a namespace that somebody makes, of host names or control groups. */
  nextNamespace(): number;
  readonly networks: Networks;
  readonly namespaceFiles: NamespacePaths;
  readonly bootId: string;
  /** On whose behalf the kernel works right now. */
  readonly container: GuestContainer;
  /** The control group that its programs are in. */
  readonly cgroup: CgroupState;
  readonly vdso: Vdso;
  /** Somebody outside will ask for the wait status of this program. */
  expectWait(pid: number): void;
  /** The wait status of a program that has ended before it was asked for, or -1. */
  takeStatus(pid: number): number;
  /** A thread group has ended for the guest. */
  onGroupExit(group: ThreadGroup): void;

  // ---- What a task has other rooms do ----

  returnToGuest(task: Task, outcome: number | null): void;
  /** A call that its filters do not simply allow: null: it is made; else its result. */
  judgeCall(task: Task, filter: SeccompFilter, nr: number, wasTraced: boolean): number | null;
  /** A call of a traced thread has been claimed. True: it stops there, and is served later. */
  stopAtEntry(task: Task, tracee: Tracee<Task>, nr: number): boolean;
  onUnwritableFrame(task: Task, before: BeforeHandler): void;
  sendToTask(task: Task, info: SigInfo): void;
  sendToGroup(group: ThreadGroup, info: SigInfo): void;
  exitGroup(group: ThreadGroup, status: number): void;
  endGroup(group: ThreadGroup, status: number): void;
}
