// A task (Linux's task_struct): a guest thread. It is a host thread in the stub process of its address
// space and has one slot there. What Linux shares between tasks by CLONE_ flags are objects of their
// own: files, fs, signal handlers, thread group.

import { SCHED_NORMAL } from "../../shared/abi/sched.ts";
import { SIGKILL } from "../../shared/abi/signal.ts";
import { WATCHED } from "../../shared/ring/attention.ts";
import { ROBUST_LIST } from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { Call } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { Expected, OperationList } from "../call/operation_list.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { SignalSet } from "../call/signal_set.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { CgroupNamespace } from "../identity/cgroup_namespace.ts";
import type { UtsNamespace } from "../identity/uts.ts";
import type { IpcMember } from "../ipc/member.ts";
import type { Network } from "../net/network.ts";
import type { LostPools } from "../patch/hidden_code.ts";
import { allowLocalAnswers, tellIds } from "../platform/local_answers.ts";
import type { StubProcess } from "../platform/stub_process.ts";
import type { Tracee } from "../ptrace/tracee.ts";
import type { SeccompFilter } from "../seccomp/filter.ts";
import { UNSEEN_CALLS } from "../seccomp/unseen.ts";
import { type AltStack, type BeforeHandler, NO_ALT_STACK } from "../signals/alt_stack.ts";
import { PendingSignals, type SignalHandlers } from "../signals/signals.ts";
import { LastEvents } from "../vfs/anonymous/last_events.ts";
import type { OwnersOfShown } from "../vfs/caller.ts";
import type { FileTable } from "../vfs/file_table.ts";
import type { FsState } from "../vfs/fs_state.ts";
import { LastRead } from "../vfs/last_read.ts";
import type { SupervisorContext } from "./context.ts";
import type { Pid, PidNamespace } from "./pids.ts";
import type { GuestContainer, ThreadGroup } from "./thread_group.ts";

export type { ThreadGroup } from "./thread_group.ts";

/** What CLONE_ flags decide to share; what is held for a task has the user namespace of its credentials with it. */
export interface SharedParts {
  files: FileTable;
  fs: FsState;
  handlers: SignalHandlers;
  ipc: IpcMember;
  /** Held for the task. */
  network: Network;
  uts: UtsNamespace;
  cgroups: CgroupNamespace;
}

/** Threads of one address space that go back to their guest without an answer, and have not told that they did. */
export const RETURNING_MAX = 16;

export class Task implements Caller {
  readonly kernel: SupervisorContext;
  readonly id: Pid;
  /** Its number in its own PID namespace. */
  readonly tid: number;
  readonly group: ThreadGroup;
  readonly stub: StubProcess;
  readonly call: Call;
  #files: FileTable;
  fs: FsState;
  // Most tasks are short, and many do neither.
  #lastRead: LastRead | null = null;
  #lastEvents: LastEvents | null = null;
  readonly handlers: SignalHandlers;
  readonly ipc: IpcMember;
  #network: Network;
  #uts: UtsNamespace;
  #cgroups: CgroupNamespace;
  /** Held; null: its own. */
  #pidsForChildren: PidNamespace | null = null;
  #credentials: Credentials;
  comm: string;
  /** PR_SET_NO_NEW_PRIVS: execve gives nothing that was not there before. */
  noNewPrivileges = false;
  #seccomp: SeccompFilter | null = null;
  /** SECCOMP_MODE_* */
  seccompMode = 0;
  /** PR_SET_PDEATHSIG; 0: none. */
  parentDeathSignal = 0;
  timerSlackNs = 50_000;
  /** What PR_SET_TIMERSLACK goes back to: its creator's. */
  defaultTimerSlackNs = 50_000;

  // ---- Scheduling: kept and shown ----
  policy = 0;
  realtimePriority = 0;
  /** -20 to 19. */
  nice = 0;
  /** SCHED_RESET_ON_FORK: children get nothing of it. */
  resetsOnFork = false;
  ioPriority = 0;
  /** CPUs that it may run on; null: all. */
  affinity: ReadonlySet<number> | null = null;

  /** As personality(2) has it. */
  persona = 0;

  // ---- ptrace(2) ----
  /** As its tracer has it; null: nobody traces it. */
  tracee: Tracee<Task> | null = null;
  /** Those that it traces; null: it has never traced any. */
  tracees: Set<Tracee<Task>> | null = null;

  // ---- Signals ----
  readonly pending: PendingSignals;
  readonly blocked = new SignalSet();
  /** The mask to come back to after sigsuspend, ppoll and their like. */
  savedMask: SignalSet | null = null;
  /** Signals that sigtimedwait waits for, though they are blocked. */
  waitSet: SignalSet | null = null;
  altStack: AltStack = NO_ALT_STACK;
  lastFault = { trapno: 0, err: 0, cr2: 0 };
  /** The reply under way enters a handler: what was before, since its frame may prove to be unwritable. */
  beforeHandler: BeforeHandler | null = null;

  /** The registers in the slot's frame are not those that the stub left there: they are to be loaded. */
  registersChanged = false;
  /** Pools that went while it may have been in a trampoline, until it reports. */
  lostPools: LostPools = null;

  // ---- The host task ----
  hostTid = 0;
  timeBeforeNs = 0;
  /** It has posted STARTED and can be kicked. */
  started = false;
  dead = false;
  /** Its group is gone while its stub process goes on: the next request is answered with EXIT. */
  leaving = false;
  /** Notifications that the outstanding list raises, in order. */
  expected: readonly Expected[] = [];
  expectedIndex = 0;

  /** Of a task that an execve makes, until it takes its caller's place: its host process has ended before. */
  onLost: (() => void) | null = null;

  #sleepsInList = false;
  #filesReleased = false;

  // ---- Memory of the task that the kernel writes when it ends (set_tid_address, robust lists) ----
  clearChildTid = 0;

  constructor(
    kernel: SupervisorContext,
    id: Pid,
    group: ThreadGroup,
    stub: StubProcess,
    slot: number,
    parts: SharedParts,
    credentials: Credentials,
    comm: string,
  ) {
    this.kernel = kernel;
    this.pending = new PendingSignals(kernel.counters);
    this.id = id;
    this.tid = id.number;
    this.group = group;
    this.stub = stub;
    this.call = new Call(this, kernel, slot);
    this.#files = parts.files;
    this.fs = parts.fs;
    this.handlers = parts.handlers;
    this.ipc = parts.ipc;
    this.#network = parts.network;
    this.#uts = parts.uts;
    this.#cgroups = parts.cgroups;
    this.#credentials = credentials;
    this.comm = comm;
  }

  get credentials(): Credentials {
    return this.#credentials;
  }

  set credentials(next: Credentials) {
    const before = this.#credentials;
    this.kernel.counters.groupIds += next.groups.length - before.groups.length;
    this.#credentials = next;
    if (next.userNamespace !== before.userNamespace) {
      next.userNamespace.hold();
      before.userNamespace.release();
    }
    if (this.dead) return;
    tellIds(this.kernel, this);
    this.kernel.otherThreads?.forgetTask(this.call.slot);
  }

  get files(): FileTable {
    return this.#files;
  }

  set files(next: FileTable) {
    this.#files = next;
    this.kernel.otherThreads?.forgetTask(this.call.slot);
  }

  /** The network namespace that it is in; one that ends has left it, which may be gone. */
  get network(): Network {
    return this.#network;
  }

  set network(next: Network) {
    const before = this.#network;
    this.#network = next.hold();
    before.release();
  }

  get uts(): UtsNamespace {
    return this.#uts;
  }

  set uts(next: UtsNamespace) {
    const before = this.#uts;
    this.#uts = next.hold();
    before.release();
  }

  /** The namespace of control groups that it is in. */
  get cgroups(): CgroupNamespace {
    return this.#cgroups;
  }

  set cgroups(next: CgroupNamespace) {
    const before = this.#cgroups;
    this.#cgroups = next.hold();
    before.release();
  }

  get pid(): number {
    return this.group.pid;
  }

  get process(): Pid {
    return this.group.id;
  }

  get firstTid(): number {
    return this.id.first;
  }

  get firstPid(): number {
    return this.group.id.first;
  }

  get container(): GuestContainer {
    return this.group.container;
  }

  get ownersOfShown(): OwnersOfShown {
    const { pids, network, ipc, cgroups } = this;
    return { pids: pids.owner, network: network.owner, ipc: ipc.namespace.owner, cgroups: cgroups.owner };
  }

  /** The PID namespace that it is in, for good. */
  get pids(): PidNamespace {
    return this.id.namespace;
  }

  /** The PID namespace that children are made in. */
  get pidsForChildren(): PidNamespace {
    return this.#pidsForChildren ?? this.pids;
  }

  set pidsForChildren(next: PidNamespace) {
    const before = this.#pidsForChildren;
    this.#pidsForChildren = next === this.pids ? null : next.hold();
    before?.release();
  }

  get lastRead(): LastRead {
    this.#lastRead ??= new LastRead(this);
    return this.#lastRead;
  }

  get lastEvents(): LastEvents {
    this.#lastEvents ??= new LastEvents();
    return this.#lastEvents;
  }

  /** What clone and execve keep of the task that was there before. */
  takeSettings(from: Task): void {
    this.timerSlackNs = from.timerSlackNs;
    this.defaultTimerSlackNs = from.defaultTimerSlackNs;
    this.policy = from.policy;
    this.realtimePriority = from.realtimePriority;
    this.nice = from.nice;
    this.resetsOnFork = from.resetsOnFork;
    this.ioPriority = from.ioPriority;
    this.affinity = from.affinity;
    this.persona = from.persona;
    this.takeFilters(from);
  }

  /** It has another's filters, which may have been given more since it was made from that one. */
  takeFilters(from: Task): void {
    if (from.noNewPrivileges) this.noNewPrivileges = true;
    if (from.#seccomp !== null && from.#seccomp !== this.#seccomp)
      this.useFilter(from.#seccomp, from.seccompMode);
  }

  /** Of a new task, whose settings are its creator's. */
  resetSchedulingOnFork(): void {
    if (!this.resetsOnFork) return;
    this.resetsOnFork = false;
    if (this.realtimePriority > 0) {
      this.policy = SCHED_NORMAL;
      this.realtimePriority = 0;
      this.nice = 0;
    }
    this.nice = Math.max(this.nice, 0);
  }

  // ---- Filters of its calls ----

  get seccomp(): SeccompFilter | null {
    return this.#seccomp;
  }

  /** It has these filters from now on. */
  useFilter(filter: SeccompFilter, mode: number): void {
    const before = this.#seccomp;
    this.#seccomp = filter.hold();
    this.seccompMode = mode;
    before?.release();
    const { taskAt, attention } = this.kernel;
    if (taskAt[this.call.slot] !== this) return;
    allowLocalAnswers(this.kernel, this);
    attention?.raise(this.call.slot, this.watch);
  }

  judge(nr: number, wasTraced: boolean): number | null {
    return this.#seccomp === null ? null : this.kernel.judgeCall(this, this.#seccomp, nr, wasTraced);
  }

  /** Somebody traces it by ptrace(2). */
  get isTraced(): boolean {
    return this.tracee !== null;
  }

  enters(nr: number): boolean {
    return this.tracee !== null && this.kernel.stopAtEntry(this, this.tracee, nr);
  }

  /** All its calls are to come by kernel thread 0. */
  get isWatched(): boolean {
    const isTold = this.tracee !== null || this.kernel.tracer?.watchesAll === true;
    return isTold || (this.#seccomp !== null && !this.#seccomp.allowsAll(UNSEEN_CALLS));
  }

  /** What other kernel threads are to know of it while nothing has come for it: attention bits. */
  get watch(): number {
    return this.isWatched ? WATCHED : 0;
  }

  /** It stands in the slot, where its stub writes it as well; 0 of one whose slot is closed. */
  get robustList(): number {
    return this.dead ? 0 : this.kernel.slots.unsigned(this.call.slot, ROBUST_LIST);
  }

  set robustList(head: number) {
    if (!this.dead) this.kernel.slots.setNumber(this.call.slot, ROBUST_LIST, head);
  }

  // ---- Its calls ----

  get isEnding(): boolean {
    return this.dead || this.group.exiting;
  }

  returnToGuest(result: number | null): void {
    this.kernel.returnToGuest(this, result);
  }

  serveAgain(): void {
    this.kernel.requests.serveAgain(this);
  }

  onUnwritableFrame(): void {
    if (this.beforeHandler !== null) this.kernel.onUnwritableFrame(this, this.beforeHandler);
  }

  killHostile(): void {
    this.group.exit(SIGKILL);
  }

  limit(resource: number): number {
    return this.group.rlimits[resource]![0];
  }

  /** Runs an operation list in the stub. The coroutine that called it yields next. */
  runList(list: OperationList): void {
    this.kernel.stubs.expect(this, list.expected);
    this.call.replyList(Reply.OPS, list.length);
  }

  /** As runList, up to the list's outcome: whether all of it was done. */
  *run(list: OperationList): Generator<void, boolean, void> {
    this.kernel.stacks?.begin(this.call);
    this.runList(list);
    yield;
    return this.call.listDone === list.length;
  }

  /**
   * As run, of a list behind which nothing of the call is left but to write down what was planned: the stub goes back to
   * its guest with the result and waits for nothing. Where a signal or a stop is due, it waits as for any list; and
   * where the host asks for leave, which a kick would end with EINTR: who is on its way back is kicked. So it does where
   * many of its address space are on their way already, since every request of that space looks at them (F26). `isOwn`:
   * nobody but the process has anything of what it changes (quiet_outcomes.ts).
   */
  *runAndReturn(list: OperationList, result: number, isOwn = false): Generator<void, boolean, void> {
    const { returning } = this.stub;
    const { quiet } = this.kernel;
    if (this.hasWork || list.expected.length > 0 || returning.length >= RETURNING_MAX)
      return yield* this.run(list);
    const isQuiet = isOwn && quiet.mayBe(this);
    this.call.runListAndReturn(list.length, result, isQuiet);
    if (isQuiet) quiet.add(this);
    returning.push(this);
    yield;
    return this.call.listDone === list.length;
  }

  /** As run, of a list in which the thread may sleep for long: a kick ends that, with EINTR. */
  *runAsleep(list: OperationList): Generator<void, boolean, void> {
    this.#sleepsInList = true;
    try {
      return yield* this.run(list);
    } finally {
      this.#sleepsInList = false;
    }
  }

  /** A signal or a stop has come that an interruptible wait must not sleep through. */
  get interruptPending(): boolean {
    return this.isHeld || this.tracee?.hasTrap === true || this.signalPending();
  }

  /** It does not go back to guest code: its group stands, unless its tracer has let it go on. */
  get isHeld(): boolean {
    return this.tracee === null ? this.group.isHeld : this.group.standsStill;
  }

  /** A signal, a stop or an end: ends an interruptible wait, or kicks the task out of guest code. */
  interrupt(): void {
    if (!this.#cutShort()) this.kick();
  }

  /** As interrupt, for who goes on without it if it does not come: it is not killed for that (F14). */
  nudge(): void {
    if (!this.#cutShort()) this.#interruptHost();
  }

  /** True: no kick is needed. */
  #cutShort(): boolean {
    if (this.dead || this.call.interrupt()) return true;
    const isElsewhere = this.started && this.call.isWithGuest;
    return isElsewhere && this.kernel.otherThreads?.cutShort(this.call.slot) === true;
  }

  /** It runs guest code, or sleeps at the host: nothing but a kick makes it come. */
  get isKickable(): boolean {
    return this.started && (this.#sleepsInList || this.call.isWithGuest);
  }

  /** Neither a signal nor a kick ends what it is in. */
  get waitsForGood(): boolean {
    return !this.dead && this.call.waitsForGood && !this.isKickable;
  }

  get owesOutcome(): boolean {
    return this.started && !this.#sleepsInList && !this.call.owned && this.call.expectsOutcome;
  }

  /** Makes guest code enter the stub soon, which then posts INTERRUPTED; one that sleeps at the host posts its call. */
  kick(): void {
    if (this.#interruptHost()) this.kernel.kicks.watch(this);
  }

  #interruptHost(): boolean {
    if (!this.isKickable) return false;
    if (this.kernel.otherThreads?.recall(this.call.slot) === true) return false;
    this.kernel.platform.interrupt(this.stub.pid, this.hostTid);
    return true;
  }

  /** The task has no more use for its files, its place in the file system, System V objects and its namespaces; once. */
  releaseFiles(): void {
    if (this.#filesReleased) return;
    this.#filesReleased = true;
    this.ipc.release(this.group.id);
    this.files.release();
    this.fs.release();
    this.#network.release();
    this.#uts.release();
    this.#cgroups.release();
    this.#credentials.userNamespace.release();
    this.pidsForChildren = this.pids;
    this.dropFilters();
  }

  /** It makes no calls any more. */
  dropFilters(): void {
    this.#seccomp?.release();
    this.#seccomp = null;
  }

  // ---- Signals ----

  signalPending(): boolean {
    return (
      this.pending.set.firstOutside(this.blocked) !== 0 ||
      this.group.pending.set.firstOutside(this.blocked) !== 0
    );
  }

  blocks(signo: number): boolean {
    return this.blocked.has(signo);
  }

  ignores(signo: number): boolean {
    return this.handlers.ignores(signo);
  }

  /** Whether sigtimedwait waits for the signal. */
  waitsFor(signo: number): boolean {
    return this.waitSet?.has(signo) ?? false;
  }

  /** A signal has become pending that this task may take. */
  notice(signo: number): void {
    if (!this.blocked.has(signo) || this.waitsFor(signo)) this.interrupt();
  }

  /** Something stands between the end of a call and guest code. */
  get hasWork(): boolean {
    if (this.tracee !== null || this.registersChanged) return true;
    return this.savedMask !== null || this.group.isHeld || this.signalPending();
  }

  send(info: SigInfo): void {
    this.kernel.sendToTask(this, info);
  }

  useMask(mask: SignalSet): void {
    this.savedMask = this.blocked.copy();
    this.blocked.assign(mask.asMask());
  }

  /** Back to the mask before sigsuspend and its like, if no handler's return does it. */
  restoreMask(): boolean {
    if (this.savedMask === null) return false;
    this.blocked.assign(this.savedMask);
    this.savedMask = null;
    return true;
  }
}
