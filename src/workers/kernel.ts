// The Kernel object: the state of one guest system. Everything hangs off it; no module of the kernel
// has state of its own, so one process may host several kernels. Here is what the subsystems share
// and how a request finds its way to them; the kernel thread's loop is host.ts.

import { randomUUID } from "node:crypto";
import { ESRCH } from "../shared/abi/errno.ts";
import { ALL_ON_THREAD_0, compileMarshal, MARSHAL_ENTRY_SIZE } from "../shared/abi/marshal.ts";
import { SIGKILL } from "../shared/abi/signal.ts";
import { SYSCALLS } from "../shared/abi/syscalls.ts";
import type { CgroupHierarchy } from "../shared/cgroup.ts";
import type { ContainerSpec } from "../shared/container_spec.ts";
import type { GuestLimits, ProcessSpec, SandboxConfig } from "../shared/process_spec.ts";
import { ActiveChunks } from "../shared/ring/active.ts";
import { Attention } from "../shared/ring/attention.ts";
import { ChunkPlaces } from "../shared/ring/chunk_places.ts";
import { Claims } from "../shared/ring/claims.ts";
import type { GuestMemory } from "../shared/ring/guest_memory.ts";
import { KernelPage } from "../shared/ring/kernel_page.ts";
import { KP_MARSHAL_COUNT, WINDOW_SIZE } from "../shared/ring/layout.ts";
import type { PrivateSab } from "../shared/ring/private_sab.ts";
import { Passes } from "../shared/ring/quiescence.ts";
import { Scanner } from "../shared/ring/scan.ts";
import { Slots } from "../shared/ring/slot.ts";
import type { StartError } from "../shared/start_error.ts";
import { type ThreadPlan, threadOf, threadsOf } from "../shared/thread_plan.ts";
import type { CallObserver, KernelDescriptors } from "./call/context.ts";
import { Dispatcher } from "./call/dispatch.ts";
import { Latencies } from "./call/latencies.ts";
import { LongTurns } from "./call/long_turns.ts";
import { NextSteps } from "./call/next_steps.ts";
import { PassEnd } from "./call/pass_end.ts";
import type { SigInfo } from "./call/siginfo.ts";
import { Steps } from "./call/steps.ts";
import { Throws } from "./call/throws.ts";
import { Timers } from "./call/timers.ts";
import { WaitStacks } from "./call/wait_stacks.ts";
import { Wakes } from "./call/wakes.ts";
import { Counters } from "./counters.ts";
import { type Credentials, initialCredentials } from "./credentials/credentials.ts";
import { UserCounts } from "./credentials/user_counts.ts";
import {
  guestNamespace,
  type MapName,
  OWNED_KINDS,
  Owned,
  type OwnedKind,
  type UserNamespace,
} from "./credentials/user_namespace.ts";
import { UserNamespaces, type UserNamespaceWatcher } from "./credentials/user_namespaces.ts";
import { Credits } from "./credits.ts";
import { Futexes } from "./futex/futexes.ts";
import { Gofer } from "./gofer/gofer.ts";
import { HostFiles } from "./gofer/host_files.ts";
import { HANDLERS } from "./handlers.ts";
import { HEAP_BUDGET_MAX, HeapBudget, heapLimitFor, limitMemory } from "./heap_budget.ts";
import { type HostShare, shareOf } from "./host_share.ts";
import { CgroupNamespace } from "./identity/cgroup_namespace.ts";
import { networkNamed } from "./identity/network_names.ts";
import { NamespaceFiles } from "./identity/ns_fs.ts";
import { UtsNamespace } from "./identity/uts.ts";
import { IpcNamespace } from "./ipc/namespace.ts";
import { type Limits, makeLimits, TASKS_MAX } from "./limits.ts";
import type { Log } from "./log.ts";
import { DirectMemory } from "./mem/direct_memory.ts";
import { Vdso } from "./mem/vdso.ts";
import { MemoryBudget } from "./memory_budget.ts";
import type { Native } from "./native.ts";
import type { SocketMaker } from "./net/host/maker.ts";
import type { NamingTask, NetworkName } from "./net/named_networks.ts";
import type { Network } from "./net/network.ts";
import { Networks } from "./net/networks.ts";
import { UnixGarbage } from "./net/unix/garbage.ts";
import { UnixNames } from "./net/unix/names.ts";
import type { UnixSocket } from "./net/unix/unix_socket.ts";
import { type Patcher, patcherFor } from "./patch/patcher.ts";
import { CpuPlacement, type Placement, sharedPlacement } from "./platform/cpu_placement.ts";
import { Kicks } from "./platform/kicks.ts";
import { LateHolders } from "./platform/late_holders.ts";
import { tellIds } from "./platform/local_answers.ts";
import type { Platform } from "./platform/platform.ts";
import { PLATFORMS } from "./platform/platforms.ts";
import { Stubs } from "./platform/stubs.ts";
import { Lender } from "./pool/lender.ts";
import { lendingHandlers } from "./pool/lending_calls.ts";
import { NetThread } from "./pool/net_thread.ts";
import { OtherThreads } from "./pool/other_threads.ts";
import { Post } from "./pool/post.ts";
import { makeCgroups } from "./proc/cgroup_fs.ts";
import { makeProc } from "./proc/proc_fs.ts";
import { Containers } from "./process/containers.ts";
import type { CgroupState, ProcessTracer, SupervisorContext } from "./process/context.ts";
import { endGroup } from "./process/end_group.ts";
import { exitGroup } from "./process/exit.ts";
import { Hooks } from "./process/hooks.ts";
import { killInPieces } from "./process/namespace_end.ts";
import { PidFile } from "./process/pid_file.ts";
import { INIT, PID_MAX, PidNamespace } from "./process/pids.ts";
import { QuietOutcomes } from "./process/quiet_outcomes.ts";
import { Requests } from "./process/requests.ts";
import { startProgram } from "./process/start.ts";
import type { Task, ThreadGroup } from "./process/task.ts";
import type { GuestContainer } from "./process/thread_group.ts";
import { stopAtEntry } from "./ptrace/call_stops.ts";
import type { Tracee } from "./ptrace/tracee.ts";
import type { SeccompFilter } from "./seccomp/filter.ts";
import { judgeCall } from "./seccomp/judge.ts";
import type { BeforeHandler } from "./signals/alt_stack.ts";
import { Broadcasts } from "./signals/broadcasts.ts";
import { onUnwritableFrame, returnToGuest } from "./signals/deliver_signal.ts";
import { sendToGroup, sendToTask } from "./signals/send_signal.ts";
import { SleepSet } from "./sleep_set.ts";
import type { Stillness } from "./stillness.ts";
import { Tracer } from "./strace/tracer.ts";
import { Sysctls } from "./sysctls.ts";
import { ThreadFigures } from "./thread_figures.ts";
import { Tracing } from "./trace/tracing.ts";
import { AnonymousInodes } from "./vfs/anonymous/anonymous_fs.ts";
import { DentryCache } from "./vfs/dentry_cache.ts";
import type { OpenFile } from "./vfs/file.ts";
import { FileEvents } from "./vfs/file_events.ts";
import { LockTable } from "./vfs/file_locks.ts";
import type { GeneratedFs } from "./vfs/generated/generated_fs.ts";
import { mountInitialTree } from "./vfs/initial_mounts.ts";
import type { FileSystem } from "./vfs/inode.ts";
import type { Space } from "./vfs/memory/file_data.ts";
import type { MemoryFs } from "./vfs/memory/memory_fs.ts";
import { makeMemoryFiles } from "./vfs/memory_file_calls.ts";
import { type Mount, MountIds, MountNamespace, type Path } from "./vfs/path.ts";
import { Pipes } from "./vfs/pipe.ts";
import type { Process } from "./vfs/processes.ts";
import { Shrinker } from "./vfs/shrinker.ts";
import type { DevPts } from "./vfs/tty/dev_pts.ts";
import type { Ptys } from "./vfs/tty/pty.ts";

const LISTED_MAX = 64 << 20;
const GENERATED_TEXT_MAX = 8 << 20;
/** There is no other kernel thread. */
const ALONE: ThreadPlan = ["supervisor"];

/** Namespaces of a kind that a user may make, as long as there is room for them (/proc/sys/user). */
const NAMESPACES_MAX = 65_536;

export class Kernel implements SupervisorContext, UserNamespaceWatcher {
  readonly native: Native;
  readonly config: SandboxConfig;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  /** Who records calls for a profile; null: nobody does. */
  observer: CallObserver | null = null;
  profiling: { giveUp(): void } | null = null;
  /** What is told of calls and processes while somebody traces; null: nobody does. */
  tracer: ProcessTracer | null = null;
  #tracing: Tracing | null = null;
  readonly #straceLine: ((line: string) => void) | null;
  readonly memory: GuestMemory;
  readonly claims: Claims;
  readonly active: ActiveChunks;
  readonly scanner: Scanner;
  readonly slots: Slots;
  readonly wakes: Wakes;
  readonly page: KernelPage;
  readonly passes: Passes;
  readonly places: ChunkPlaces;
  readonly sleep: SleepSet;
  readonly timers = new Timers();
  /** Long work that nobody waits for. */
  readonly steps = new Steps(this);
  readonly longTurns = new LongTurns(this);
  readonly latencies = new Latencies();
  stacks: WaitStacks | null = null;
  /** Set once, before anything runs, where this thread is all that the kernel has, and has no other kernel. */
  stillness: Stillness | null = null;
  /** CLOCK_MONOTONIC as the kernel thread's loop last saw it: for what need not be exact. */
  nowNs = 0;
  readonly counters = new Counters();
  readonly figures = new ThreadFigures();
  readonly platform: Platform;
  readonly stubs: Stubs;
  readonly requests: Requests;
  readonly quiet: QuietOutcomes;
  readonly nextSteps: NextSteps;
  readonly passEnd = new PassEnd();
  readonly throws: Throws;
  /** Null: no call site is patched. */
  readonly patcher: Patcher | null;
  readonly pids: PidNamespace;
  readonly containers: Containers;
  readonly #cgroupFs = new Map<string, GeneratedFs>();
  readonly hooks = new Hooks(this);
  /** That in which guests begin. */
  readonly users: UserNamespace;
  readonly userNamespaces: UserNamespaces;
  /** For what the kernel does on its own account. */
  readonly rootCredentials: Credentials;
  readonly uts: UtsNamespace;
  readonly cgroups: CgroupNamespace;
  #lastNamespace = 0;
  readonly namespaceFiles: NamespaceFiles;
  readonly bootId = randomUUID();
  /** Number of the host's CPUs, once it is known (proc/cpus.ts). */
  cpus = 0;
  /** On whose behalf the kernel works right now: what /proc/self and /dev/tty are about. */
  current: Task | null = null;
  /** The task of each slot, by slot number. */
  readonly taskAt: (Task | undefined)[] = [];
  readonly doorbell: number;
  readonly thread = 0;
  /** What other kernel threads say, and what they know of slots; null: there are none. */
  readonly post: Post | null = null;
  readonly attention: Attention | null = null;
  readonly otherThreads: OtherThreads | null = null;
  /** The one that has sockets; null: they are this thread's. */
  readonly netThread: NetThread | null = null;
  /** Who lends files to other kernel threads; null: there are none that would take them. */
  readonly lending: Lender | null = null;
  /** Kernel threads that move bytes of files. */
  readonly #movers: readonly number[];
  /** Doorbells of all kernel threads, by number. */
  readonly #doorbells: readonly number[];
  /** A control request's promise was settled: the answer leaves when the event loop turns. */
  owesAnswer = false;
  readonly futexes = new Futexes(this.counters);
  readonly broadcasts = new Broadcasts(this.steps);
  readonly kicks: Kicks;
  readonly lateHolders: LateHolders;
  readonly placement: Placement;
  readonly limits: Limits;
  /** Of this thread's heap: what the kinds above, and others, may take together. */
  readonly heap: HeapBudget;
  readonly #share: HostShare;
  readonly commonMemory: MemoryBudget;
  readonly credits: Credits | null;
  /** Programs started from outside, and the wait statuses of those that nobody has fetched yet. */
  readonly #outside = new Set<number>();
  readonly #statuses = new Map<number, number>();
  #lastSpaceId = 0;
  #lastMappedId = 0;
  #lastDevice = 0;
  #lastCookie = 0;
  #lastTable = 0;
  readonly sysctls = new Sysctls();
  readonly pipes: Pipes;
  readonly hostFiles = new HostFiles();
  readonly gofer: Gofer;
  readonly locks = new LockTable(this);
  readonly unixNames = new UnixNames();
  /** Set once, before anything runs, where the caller gave a network of the host. */
  hostNetwork: SocketMaker | null = null;
  readonly directMemory: DirectMemory;
  readonly unixSockets = new Set<UnixSocket>();
  readonly unixGarbage = new UnixGarbage(this);
  readonly networks: Networks;
  /** The network namespace of programs that are started from outside. */
  readonly network: Network;
  readonly anonymous: AnonymousInodes;
  readonly dentries: DentryCache;
  readonly fileEvents = new FileEvents();
  readonly inotify = new UserCounts();
  readonly queueBytes = new UserCounts();
  readonly listings = new Shrinker(this.counters, "listed", LISTED_MAX);
  readonly generatedTexts = new Shrinker(this.counters, "generatedText", GENERATED_TEXT_MAX);
  /** Those of the first container. */
  readonly mounts: MountNamespace;
  /** Where files of memfd_create stand: in no tree. */
  readonly memoryFiles: Mount;
  /** Where System V segments are charged: with the files of memfd_create. */
  readonly ipcSpace: Space;
  /** The IPC namespace of programs that are started from outside. */
  readonly ipc: IpcNamespace;
  vdso!: Vdso;
  /** Where random bytes are made before they go to shared memory. */
  readonly random = new Uint8Array(WINDOW_SIZE);

  constructor(
    native: Native,
    memory: GuestMemory,
    sab: PrivateSab,
    config: SandboxConfig,
    descriptors: KernelDescriptors,
    log: Log,
    strace: ((line: string) => void) | null,
    roles: ThreadPlan = ALONE,
  ) {
    const threads = roles.length;
    const movers = threadsOf(roles, "data");
    this.#movers = movers;
    this.native = native;
    this.directMemory = new DirectMemory(native);
    const kernels = config.options?.kernels ?? 1;
    const share = shareOf(kernels);
    this.#share = share;
    this.limits = makeLimits(share.of(native.descriptorLimit()), share);
    this.heap = new HeapBudget(
      this.counters,
      this.limits,
      heapLimitFor(share.memory, share.of(HEAP_BUDGET_MAX)),
    );
    this.users = guestNamespace(config.users).hold();
    for (const kind of OWNED_KINDS) this.users.limits.set(kind, NAMESPACES_MAX);
    this.userNamespaces = new UserNamespaces(this, this);
    this.mounts = new MountNamespace(new MountIds(), this.users);
    this.commonMemory = new MemoryBudget(this.counters, share.memory);
    this.pipes = new Pipes(this.sysctls, this.counters, this.commonMemory);
    this.credits = threads === 1 ? null : new Credits(sab, this);
    this.networks = new Networks(this, this.sysctls);
    this.network = this.networks.first;
    this.dentries = new DentryCache(this.counters, this.heap);
    this.memory = memory;
    this.config = config;
    this.rootCredentials = initialCredentials(0, 0, [], this.users);
    this.descriptors = descriptors;
    this.log = log;
    this.#straceLine = strace;
    this.patcher = patcherFor(config.options);
    this.throws = new Throws(this.counters, log);
    this.requests = new Requests(
      this,
      new Dispatcher(this, movers.length > 0 ? lendingHandlers(HANDLERS) : HANDLERS),
    );
    this.quiet = new QuietOutcomes(this);
    this.nextSteps = new NextSteps(this.longTurns, (call, error) => this.requests.onThrow(call, error));
    this.doorbell = native.doorbellCreate();
    sab.setDoorbell(this.thread, this.doorbell);
    this.#doorbells = Array.from({ length: threads }, (_none, thread) => sab.doorbell(thread));
    this.claims = new Claims(sab.claims, sab.seen, memory.words, threads);
    this.active = new ActiveChunks(this.claims, sab.active, sab.widths, sab.limit, threads);
    this.scanner = new Scanner(memory.words, this.claims, this.active, this.thread);
    this.slots = new Slots(memory.words, this.claims, this.active, this.thread);
    this.wakes = new Wakes(native);
    this.page = new KernelPage(memory.words);
    this.passes = new Passes(sab.control, this.thread);
    this.places = new ChunkPlaces(sab.control, threads, this.active);
    this.sleep = new SleepSet(native);
    this.gofer = new Gofer(this);
    // Where there is no first program the kernel itself is process 1; a container's takes that number.
    this.pids = new PidNamespace(this, null, config.mode === "do" ? 1 : 2);
    this.containers = new Containers(this, this.pids, this.mounts);
    this.platform = new PLATFORMS[config.options?.platform ?? "systrap"](this, descriptors.zygote);
    this.kicks = new Kicks(this);
    this.lateHolders = new LateHolders(this);
    this.placement = kernels > 1 ? sharedPlacement() : new CpuPlacement(this, threadOf(roles, "net"));
    const ownedByGuests = (kind: OwnedKind) => new Owned(this.users, kind, 0);
    this.uts = new UtsNamespace(this.counters, ownedByGuests("uts"), 0, config.hostname).hold();
    this.cgroups = new CgroupNamespace(this.counters, ownedByGuests("cgroup"), 0).hold();
    this.stubs = new Stubs(this);
    this.anonymous = new AnonymousInodes(this);
    this.memoryFiles = makeMemoryFiles(this);
    this.ipcSpace = this.memoryFiles.fs as MemoryFs;
    this.namespaceFiles = new NamespaceFiles(this);
    this.ipc = new IpcNamespace(this);
    this.ipc.enter();
    if (threads === 1) return;
    this.attention = new Attention(sab.attention, this.claims);
    this.post = new Post(this, sab, threads, (record) => this.#receive(record));
    this.otherThreads = new OtherThreads(this, roles, this.attention, this.post, sab.control, this.requests);
    if (movers.length > 0) {
      const wake = (thread: number) => this.post!.wake(thread);
      const lender = new Lender(this, sab, movers, this.otherThreads, wake, this.#isEager);
      this.otherThreads.lender = lender;
      this.fileEvents.onWatched = (isAny) => lender.watch(isAny);
      this.lending = lender;
    }
    const net = threadOf(roles, "net");
    if (net < 0) return;
    this.netThread = new NetThread(this, net, this.otherThreads, this.post, sab.readiness);
    this.networks.owner = this.netThread;
  }

  /** Tests ask for what is done by and by to be done at once. */
  get #isEager(): boolean {
    return this.config.options?.patch === "eager";
  }

  /** Something that another kernel thread says. */
  #receive(record: Int32Array): void {
    if (this.otherThreads!.receive(record) || this.lending?.receive(record) === true) return;
    this.netThread!.receive(record);
  }

  /** Maps the kernel page, fills it in and introduces the zygote. Throws: there is no sandbox without. */
  boot(vdso: Buffer): void {
    const readOnly = this.native.mapKernelPage(this.descriptors.proc);
    if (readOnly < 0) throw new Error(`kernel page: errno ${-readOnly} (is the sandbox's proc usable?)`);
    this.page.initialise(
      this.#doorbells.length,
      this.placement.stubPolls,
      this.#isEager ? 0 : (this.#movers[0] ?? 0),
    );
    const marshal = new DataView(compileMarshal(SYSCALLS, ALL_ON_THREAD_0).buffer);
    for (let nr = 0; nr < KP_MARSHAL_COUNT; nr++) {
      const at = nr * MARSHAL_ENTRY_SIZE;
      this.page.setMarshal(nr, marshal.getInt32(at, true), marshal.getInt32(at + 4, true));
    }
    if (this.config.mode !== "container") this.containers.first.root = mountInitialTree(this);
    this.vdso = new Vdso(this, vdso, this.stubs.hello(readOnly, this.#doorbells));
    this.page.setVdso(this.vdso.targets);
    if (this.config.options?.strace === true) this.strace(true);
    this.native.close(readOnly);
  }

  /** Makes a container what config.json says: null, or what is wrong with it. */
  prepare(number: number, spec: ContainerSpec): string | null {
    if (number === 0) {
      this.limit(number, spec);
      this.uts.nodename = spec.hostname;
      if (spec.domainname !== "") this.uts.domainname = spec.domainname;
    }
    return this.containers.prepare(number, spec);
  }

  /** The container on whose behalf the kernel works right now. */
  get container(): GuestContainer {
    return this.current?.container ?? this.containers.current;
  }

  /** Trace sessions, with the first of which they begin to exist. */
  get tracing(): Tracing {
    this.#tracing ??= new Tracing(this, null);
    return this.#tracing;
  }

  /** Null: nobody has traced yet. */
  get ownTracing(): Tracing | null {
    return this.#tracing;
  }

  /** --strace, from the start or by and by; false: there is nowhere to print to. */
  strace(isOn: boolean): boolean {
    if (this.#straceLine === null) return false;
    this.tracing.strace = isOn ? new Tracer(this.#straceLine) : null;
    return true;
  }

  /** Keeps from now on where in the kernel calls begin to wait, or forgets it. */
  set keepsStacks(isOn: boolean) {
    if (isOn !== (this.stacks !== null)) this.stacks = isOn ? new WaitStacks() : null;
  }

  rootMoved(namespace: MountNamespace, old: Path, next: Path): void {
    this.containers.rootMoved(namespace, old, next);
  }

  get ptys(): Ptys {
    return this.container.ptys;
  }

  get devPts(): DevPts {
    return this.container.devPts;
  }

  get cgroup(): CgroupState {
    return this.container.cgroup;
  }

  /** The CPUs that its programs may run on, in order; null: all. */
  get allowedCpus(): readonly number[] | null {
    return this.container.allowedCpus;
  }

  /** Root of the first container's mount tree. */
  get root(): Path {
    return this.containers.first.root;
  }

  get hierarchies(): readonly CgroupHierarchy[] {
    const { cgroups } = this.config;
    return cgroups === undefined || cgroups.length === 0 ? [{ id: 0, controllers: "" }] : cgroups;
  }

  /** Of the first container the kernel itself keeps to what it may have of tasks and memory: it is all that there is, or a pod. */
  limit(number: number, limits: Partial<GuestLimits>): void {
    this.containers.get(number)?.limit(limits);
    if (number > 0) return;
    const { tasks, memory } = limits;
    const most = this.#share.of(TASKS_MAX);
    if (tasks !== undefined) this.limits.tasks = tasks > 0 ? Math.min(tasks, this.#share.of(PID_MAX)) : most;
    if (memory !== undefined) limitMemory(this.commonMemory, this.heap, memory, this.#share);
  }

  /** Starts a program in a container; its number in the sandbox's first PID namespace, or what is wrong (startProgram). */
  startProgram(
    number: number,
    spec: ProcessSpec,
    streams: readonly number[],
    told: (error: number) => void,
  ): number | StartError {
    const container = this.containers.get(number);
    if (container !== undefined)
      return this.containers.as(container, () => startProgram(this, container, spec, streams, told));
    for (const stream of new Set(streams)) this.native.close(stream);
    return { subject: "program", name: spec.args[0] ?? "", errno: ESRCH };
  }

  // ---- What tasks have others do ----

  returnToGuest(task: Task, outcome: number | null): void {
    returnToGuest(task, outcome);
  }

  judgeCall(task: Task, filter: SeccompFilter, nr: number, wasTraced: boolean): number | null {
    return judgeCall(task, filter, nr, wasTraced);
  }

  stopAtEntry(task: Task, tracee: Tracee<Task>, nr: number): boolean {
    return stopAtEntry(task, tracee, nr);
  }

  onUnwritableFrame(task: Task, before: BeforeHandler): void {
    onUnwritableFrame(task, before);
  }

  sendToTask(task: Task, info: SigInfo): void {
    sendToTask(task, info);
  }

  sendToGroup(group: ThreadGroup, info: SigInfo): void {
    sendToGroup(group, info);
  }

  newPidFile(process: Process): OpenFile {
    return new PidFile(process as ThreadGroup, 0);
  }

  newProc(): FileSystem {
    return makeProc(this, this.current?.pids ?? this.containers.current.pids);
  }

  newCgroups(type: "cgroup" | "cgroup2", data: readonly string[]): FileSystem | number {
    return makeCgroups(this, type, data, this.hierarchies, this.#cgroupFs);
  }

  messageQueues(): FileSystem {
    return (this.current?.ipc.namespace ?? this.ipc).queueFs;
  }

  exitGroup(group: ThreadGroup, status: number): void {
    exitGroup(group, status);
  }

  endGroup(group: ThreadGroup, status: number): void {
    endGroup(group, status);
  }

  // ---- Ends ----

  /** A stub's host process is gone, and these tasks with it: not by our doing if their group still runs. */
  onStubDeath(tasks: readonly Task[]): void {
    for (const { group, onLost } of tasks) {
      onLost?.();
      // The host killed it (its OOM killer, an operator), or the guest called exit by itself.
      if (!group.exiting && group.tasks.every((task) => task.dead)) group.exit(SIGKILL);
    }
  }

  /** A thread group has ended for the guest. */
  onGroupExit(group: ThreadGroup): void {
    const pid = group.id.first;
    if (this.#outside.delete(pid)) this.#statuses.set(pid, group.exitStatus);
    const { container } = group;
    if (pid === container.first || (pid === INIT && group.pids === this.pids))
      this.tracer?.containerEnded(group);
    // The end of process 1 is the end of the sandbox's first namespace: nobody waits for the others (pid_namespaces(7)).
    if (pid === INIT && group.pids === this.pids) {
      killInPieces(group, (other) => other !== group && other.container.pids === this.pids);
    } else if (pid === container.first && !container.ownsPids) {
      killInPieces(group, (other) => other !== group && other.container === container);
    }
  }

  /** Somebody outside will ask for the wait status of this program. */
  expectWait(pid: number): void {
    this.#outside.add(pid);
  }

  /** Programs whose wait status somebody outside will ask for, or has not fetched: for counters. */
  get outsidePrograms(): number {
    return this.#outside.size + this.#statuses.size;
  }

  /** The wait status of a program that has ended before it was asked for, or -1. */
  takeStatus(pid: number): number {
    const status = this.#statuses.get(pid) ?? -1;
    this.#statuses.delete(pid);
    return status;
  }

  nextTableId(): number {
    return ++this.#lastTable;
  }

  findNetwork(task: NamingTask, name: NetworkName, take: (found: Network | number) => void): void {
    take(networkNamed(this, task, name));
  }

  nextSocketCookie(): number {
    return ++this.#lastCookie;
  }

  nextSpaceId(): number {
    return ++this.#lastSpaceId;
  }

  /** Minor number of an unnamed device (major 0), as Linux gives to file systems without a block device. */
  nextDevice(): number {
    return ++this.#lastDevice;
  }

  nextNamespace(): number {
    return ++this.#lastNamespace;
  }

  // ---- User namespaces that guests make ----

  usersMade(namespace: UserNamespace): void {
    this.netThread?.usersMade(namespace);
  }

  /** Who is in it has other ids from now on, which threads tell by themselves. */
  usersMapped(namespace: UserNamespace, name: MapName): void {
    for (const task of this.taskAt) if (task?.credentials.userNamespace === namespace) tellIds(this, task);
    if (name === "uids") this.netThread?.usersMapped(namespace);
  }

  usersGone(namespace: UserNamespace): void {
    this.netThread?.usersGone(namespace);
  }

  nextMappedId(): number {
    return ++this.#lastMappedId;
  }
}
