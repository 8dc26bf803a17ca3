// A thread group (Linux's signal_struct, a process): what its tasks have in common, its place among
// processes, sessions and process groups, and its end.

import type { SigInfo } from "../call/siginfo.ts";
import type { Timer } from "../call/timers.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import { UseAccount } from "../platform/resource_use.ts";
import type { DelayedSignals } from "../signals/delayed_signals.ts";
import { PendingSignals } from "../signals/signals.ts";
import { CpuLimit } from "../time/cpu_limit.ts";
import { type CpuTime, NO_TIME } from "../time/cpu_time.ts";
import { IntervalTimers } from "../time/interval_timers.ts";
import { PosixTimers } from "../time/posix_timers.ts";
import { Session } from "../vfs/tty/session.ts";
import type { Container } from "./container.ts";
import type { SupervisorContext } from "./context.ts";
import type { Pid, PidNamespace } from "./pids.ts";
import type { Task } from "./task.ts";

export type GuestContainer = Container<PidNamespace>;
export type WaitableState = "running" | "zombie" | "reaped";

export class ThreadGroup {
  readonly kernel: SupervisorContext;
  readonly id: Pid;
  /** That which it is of, for good. */
  readonly container: GuestContainer;
  /** Alive tasks, and a leader that has exited before the others. */
  readonly tasks: Task[] = [];
  leader!: Task;
  parent: ThreadGroup | null;
  readonly children = new Set<ThreadGroup>();
  /** The parent's task that made it; when that has ended, the parent's first one stands for it. */
  creator: Task | null = null;
  /** Signal for the parent at the end; 0: none. */
  exitSignal: number;
  #processGroup: Pid;
  #session: Session;
  /** Has called execve: setpgid by the parent is over. */
  hasExeced = false;
  /** RLIMIT_* index -> [soft, hard]; RLIM_INFINITY is Infinity. */
  readonly rlimits: [number, number][];
  readonly pending: PendingSignals;
  oomScoreAdj = 0;
  /** PR_SET_CHILD_SUBREAPER: its descendants' orphans become its children. */
  isSubreaper = false;
  /** A container's process 1: signals without a handler do not reach it, but SIGKILL and SIGSTOP from outside. */
  isUnkillable = false;
  /** The signal whose default action ended it, for the log. */
  fatalSignal: SigInfo | null = null;
  /** A fault's signal that kills though its default would be to ignore it. */
  forcedSignal = 0;

  // ---- Job control ----
  #stopSignal = 0;
  /**
   * Not null: its tasks do not go back to guest code, and whoever makes them stand is told when one comes to. `givesUp`: so that
   * one of them gives up what all hold.
   */
  standing: { stands(): void; readonly givesUp: boolean } | null = null;
  /** Signal by which it ends as soon as its core file is written; 0. Till then its tasks stand still. */
  dumping = 0;
  /** A stop, or a continuation, that wait has not reported yet. */
  waitableStop = 0;
  waitableContinue = false;

  // ---- The end ----
  /** Linux wait status; -1 before the end. */
  exitStatus = -1;
  /** It is about to end, with what comes before (end_group.ts). */
  ending: { readonly status: number; readonly deadline: Timer } | null = null;
  state: WaitableState = "running";
  /** Calls of this group's tasks that wait for children. */
  readonly childWaiters = new Set<() => void>();
  /** Those that wait for its descriptors (pid_file.ts). */
  readonly exitWatchers = new WaitQueue();
  /** It has ended, and its tracer is to wait for it before its parent hears of it. */
  whenUntraced: (() => void) | null = null;
  /** Calls of its threads that execute programs and are under way, and who waits until there is none. */
  execs = 0;
  readonly execWatchers = new WaitQueue();
  /** What is to come to processes that its threads make right now. */
  births: Set<DelayedSignals> | null = null;
  /** The parent of a vfork waits until this group has execed or ended. */
  vforkDone: (() => void) | null = null;
  /** Who outside the sandbox wants to know. */
  readonly onExit: ((status: number) => void)[] = [];
  readonly onStop: ((signo: number) => void)[] = [];
  /** CPU time of stubs that have ended, and of children that were waited for. */
  pastTime: CpuTime = NO_TIME;
  childrenTime: CpuTime = NO_TIME;
  readonly use = new UseAccount();
  /** The last look of its CPU timers at its time. */
  timeSample: { readonly atNs: number; readonly time: CpuTime } | null = null;
  readonly itimers: IntervalTimers;
  readonly cpuLimit: CpuLimit;
  readonly posixTimers = new PosixTimers(this);
  startNs: number;

  constructor(
    kernel: SupervisorContext,
    id: Pid,
    container: GuestContainer,
    parent: ThreadGroup | null,
    exitSignal: number,
    rlimits: [number, number][],
  ) {
    this.kernel = kernel;
    this.pending = new PendingSignals(kernel.counters);
    this.id = id;
    this.container = container;
    this.parent = parent;
    this.exitSignal = exitSignal;
    this.rlimits = rlimits;
    this.#processGroup = parent?.processGroup ?? id;
    this.#session = parent?.session ?? new Session(id);
    this.itimers = new IntervalTimers(this);
    this.cpuLimit = new CpuLimit(this);
    this.startNs = kernel.native.monotonicNs();
  }

  /** Its number in its own PID namespace. */
  get pid(): number {
    return this.id.number;
  }

  /** The PID namespace that it is in. */
  get pids(): PidNamespace {
    return this.id.namespace;
  }

  /** It is to be found by its number. */
  get #isKnown(): boolean {
    return this.id.group === this;
  }

  get processGroup(): Pid {
    return this.#processGroup;
  }

  set processGroup(next: Pid) {
    const before = this.#processGroup;
    this.#processGroup = next;
    if (!this.#isKnown) return;
    next.join(this);
    if (before !== next) before.part(this);
  }

  get session(): Session {
    return this.#session;
  }

  set session(session: Session) {
    const before = this.#session;
    this.#session = session;
    if (!this.#isKnown) return;
    session.id?.joinSession();
    before.id?.partSession();
  }

  /** Signal that stopped the group; 0: it runs. */
  get stopSignal(): number {
    return this.#stopSignal;
  }

  set stopSignal(signo: number) {
    const change = Number(signo !== 0) - Number(this.#stopSignal !== 0);
    if (this.#isKnown) this.kernel.counters.stopped += change;
    this.#stopSignal = signo;
  }

  /** Its tasks do not go back to guest code. */
  get isHeld(): boolean {
    return this.#stopSignal !== 0 || this.standsStill;
  }

  /** As isHeld, also of those whose tracers have let them go on in a stopped process. */
  get standsStill(): boolean {
    return this.standing !== null || this.container.pause.isOn;
  }

  get exiting(): boolean {
    return this.exitStatus >= 0;
  }

  /** Tasks that are not dead. */
  get alive(): number {
    let alive = 0;
    for (const task of this.tasks) if (!task.dead) alive++;
    return alive;
  }

  send(info: SigInfo): void {
    this.kernel.sendToGroup(this, info);
  }

  /** Ends every task of the group with this wait status. Never depends on the guest's help (F14). */
  exit(status: number): void {
    this.kernel.exitGroup(this, status);
  }

  /** The same, as soon as they have given up the locks that they hold in memory of others, too. */
  end(status: number): void {
    this.kernel.endGroup(this, status);
  }
}
