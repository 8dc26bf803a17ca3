// Creating tasks: fork, vfork, clone, clone3 (clone(2)). A task that shares memory is a host thread in
// the same stub process, whatever its thread group (docs/hardening.md, F16); one that does not is a stub
// process forked from the caller's. The new host task names itself by a token (stubs.ts), posts STARTED
// and is sent off with the registers that its creator had.

import { E2BIG, EAGAIN, EFAULT, EINVAL, ENOMEM, ERESTARTNOINTR } from "../../shared/abi/errno.ts";
import { PTRACE_EVENT_VFORK_DONE } from "../../shared/abi/ptrace.ts";
import { RLIMIT_NPROC } from "../../shared/abi/resource.ts";
import {
  CLONE_ARGS_SIZE_VER0,
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_IO,
  CLONE_NEWIPC,
  CLONE_NEWNS,
  CLONE_NEWUSER,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_PTRACE,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_UNTRACED,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
} from "../../shared/abi/sched.ts";
import { SIGCHLD, SIGKILL } from "../../shared/abi/signal.ts";
import { clone_args } from "../../shared/abi/structs.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { OperationList, SYS_close } from "../call/operation_list.ts";
import { fromNobody } from "../call/siginfo.ts";
import { mayMakeNamespaces, NEW_NAMESPACES, NewNamespaces } from "../identity/new_namespaces.ts";
import type { HeldLock } from "../mem/address_space.ts";
import { closeNow, KEPT_LOCK } from "../mem/close_kept.ts";
import { deliver } from "../mem/direct_copy.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { Birth } from "../platform/births.ts";
import { StubProcess } from "../platform/stub_process.ts";
import { stopForChild } from "../ptrace/events.ts";
import { eventOfClone, inheritTracer } from "../ptrace/relation.ts";
import { NO_ALT_STACK } from "../signals/alt_stack.ts";
import { DelayedSignals } from "../signals/delayed_signals.ts";
import { sendToGroup } from "../signals/send_signal.ts";
import { ANY_NUMBERS, allotFor, mayBeMadeThere, readNumbers } from "./clone_numbers.ts";
import { type ChildPidfd, givePidfd, NO_PIDFD, takePidfd, writePidfd } from "./clone_pidfd.ts";
import { isInit } from "./namespace_end.ts";
import type { Pid } from "./pids.ts";
import { type SharedParts, Task } from "./task.ts";
import { ThreadGroup } from "./thread_group.ts";

/** In the high word of clone3's flags. */
const CLONE_CLEAR_SIGHAND_HIGH = 1;
const SUPPORTED =
  CSIGNAL |
  CLONE_VM |
  CLONE_FS |
  CLONE_FILES |
  CLONE_SIGHAND |
  CLONE_VFORK |
  CLONE_PARENT |
  CLONE_THREAD |
  CLONE_SETTLS |
  CLONE_PARENT_SETTID |
  CLONE_PIDFD |
  CLONE_CHILD_CLEARTID |
  CLONE_CHILD_SETTID |
  CLONE_DETACHED |
  CLONE_PTRACE |
  CLONE_UNTRACED |
  CLONE_SYSVSEM |
  NEW_NAMESPACES |
  CLONE_IO;

interface CloneArgs {
  /** Low 32 bits of the flags, without CSIGNAL. */
  flags: number;
  clearHandlers: boolean;
  exitSignal: number;
  /** New stack pointer; 0: the caller's. */
  stack: number;
  parentTid: number;
  childTid: number;
  /** Where the child's descriptor goes (CLONE_PIDFD). */
  pidfd: number;
  tls: number;
  /** Of the child, in its PID namespace and those above; empty: any. */
  numbers: readonly number[];
}

function check(task: Task, args: CloneArgs): number {
  const { flags, exitSignal, clearHandlers } = args;
  if ((flags & ~SUPPORTED) !== 0) {
    task.kernel.counters.unsupportedCalls++;
    return -EINVAL;
  }
  if ((flags & CLONE_PIDFD) !== 0) {
    if ((flags & (CLONE_DETACHED | CLONE_THREAD)) !== 0) return -EINVAL;
    if ((flags & CLONE_PARENT_SETTID) !== 0 && args.pidfd === args.parentTid) return -EINVAL;
  }
  const misplaced = mayBeMadeThere(task, flags);
  if (misplaced < 0) return misplaced;
  if ((flags & CLONE_FS) !== 0 && (flags & (CLONE_NEWNS | CLONE_NEWUSER)) !== 0) return -EINVAL;
  const refused = mayMakeNamespaces(task, flags);
  if (refused < 0) return refused;
  if ((flags & CLONE_NEWIPC) !== 0 && (flags & CLONE_SYSVSEM) !== 0) return -EINVAL;
  if ((flags & CLONE_SIGHAND) !== 0 && ((flags & CLONE_VM) === 0 || clearHandlers)) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && (flags & CLONE_SIGHAND) === 0) return -EINVAL;
  if ((flags & CLONE_PARENT) !== 0 && task.group.pid === 1) return -EINVAL;
  if (exitSignal > 64) return -EINVAL;
  if (!task.kernel.stubs.strangers.mayClone(task.stub)) return -EAGAIN;
  const full = checkRoom(task, flags);
  if (full < 0) return full;
  // A signal that has come before is taken before: who is to end by it makes nobody any more.
  return task.interruptPending ? -ERESTARTNOINTR : 0;
}

/**
 * What others change while the call waits: whether there is room for one more, and whether somebody execs who was found not
 * to share what the child would. So it is looked at once more in one step with making the child. 0 or a negative errno.
 */
function checkRoom(task: Task, flags: number): number {
  const { heap, counters } = task.kernel;
  if (counters.tasks >= task.group.rlimits[RLIMIT_NPROC]![0] && task.credentials.uid !== 0) return -EAGAIN;
  if (task.container.isFull) return -EAGAIN;
  if (!heap.hasRoom("tasks") || !heap.hasRoom("groupIds", task.credentials.groups.length)) return -EAGAIN;
  if ((flags & CLONE_FS) !== 0 && task.fs.execs > 0) return -EAGAIN;
  if ((flags & CLONE_FILES) === 0 && !task.files.mayBeCopied) return -ENOMEM;
  if ((flags & CLONE_VM) !== 0) return 0;
  const { vmas, patches } = task.stub.space;
  return vmas.mayBeCloned && heap.hasRoom("patchedSites", patches?.size ?? 0) ? 0 : -ENOMEM;
}

/** Serves every kind of clone: the child's number for the caller, or a negative errno. */
function clone(task: Task, args: CloneArgs): number {
  const error = check(task, args);
  return error < 0 ? error : task.call.start(make(task, args));
}

function make(task: Task, args: CloneArgs): Coroutine {
  return (args.flags & CLONE_VM) !== 0 ? cloneThread(task, args) : fork(task, args);
}

/** With numbers of its own choice. */
function* cloneNumbered(task: Task, args: CloneArgs, address: number, count: number): Coroutine {
  const numbers = yield* readNumbers(task, address, count);
  if (typeof numbers === "number") return numbers;
  const error = check(task, args);
  return error < 0 ? error : yield* make(task, { ...args, numbers });
}

function partsFor(task: Task, { flags, clearHandlers }: CloneArgs, made: NewNamespaces): SharedParts {
  const fs = (flags & CLONE_FS) !== 0 ? task.fs.share() : task.fs.copy();
  const mounts = made.own("mnt");
  if (mounts !== null) fs.enterCopy(mounts);
  made.credentials.userNamespace.hold();
  return {
    files: (flags & CLONE_FILES) !== 0 ? task.files.share((flags & CLONE_VM) !== 0) : task.files.copy(),
    fs,
    handlers:
      (flags & CLONE_SIGHAND) !== 0
        ? task.handlers
        : clearHandlers
          ? task.handlers.afterExec()
          : task.handlers.copy(),
    ipc: task.ipc.forClone(flags, made.own("ipc")),
    network: made.network.hold(),
    uts: made.uts.hold(),
    cgroups: made.cgroups.hold(),
  };
}

/** The group that the child belongs to: the creator's, or a new one. */
function groupFor(task: Task, { flags, exitSignal }: CloneArgs, id: Pid): ThreadGroup {
  const own = task.group;
  if ((flags & CLONE_THREAD) !== 0) return own;
  const isSibling = (flags & CLONE_PARENT) !== 0;
  const group = new ThreadGroup(
    task.kernel,
    id,
    own.container,
    isSibling ? own.parent : own,
    isSibling ? own.exitSignal : exitSignal,
    own.rlimits.map(([soft, hard]) => [soft, hard]),
  );
  group.creator = isSibling ? own.creator : task;
  group.oomScoreAdj = own.oomScoreAdj;
  return group;
}

/** Who the child will be, before there is anything of it. */
interface Plan extends ChildPidfd {
  readonly id: Pid;
  readonly made: NewNamespaces;
}

function makeTask(
  task: Task,
  args: CloneArgs,
  { id, group, pidfd, made }: Plan,
  stub: StubProcess,
  slot: number,
): Task {
  const { kernel } = task;
  const parts = partsFor(task, args, made);
  const child = new Task(kernel, id, group, stub, slot, parts, made.credentials, task.comm);
  child.takeSettings(task);
  child.defaultTimerSlackNs = task.timerSlackNs;
  child.resetSchedulingOnFork();
  child.blocked.assign(task.savedMask ?? task.blocked);
  // A copy of the memory keeps its stack; a thread with a stack of its own starts without.
  if ((args.flags & CLONE_VM) === 0 || (args.flags & CLONE_VFORK) !== 0) child.altStack = task.altStack;
  else child.altStack = NO_ALT_STACK;
  if ((args.flags & CLONE_CHILD_CLEARTID) !== 0) child.clearChildTid = args.childTid;
  if (group !== task.group) group.leader = child;
  // It has a copy of the descriptors that were there before.
  if (pidfd !== NO_PIDFD && (args.flags & CLONE_FILES) === 0) child.files.close(pidfd);
  return child;
}

function endLate(group: ThreadGroup): boolean {
  group.exit(SIGKILL);
  return true;
}

/** The child appears among its relatives. */
function publish(child: Task, creator: Task): void {
  const { group, kernel } = child;
  group.tasks.push(child);
  if (group.leader !== child) {
    child.id.give(child);
    return;
  }
  group.processGroup = creator.group.processGroup;
  group.session = creator.group.session;
  child.id.give(child);
  group.parent?.children.add(group);
  kernel.broadcasts.made(group, creator.group);
  group.cpuLimit.changed();
  kernel.counters.processes++;
  if (isInit(group)) group.isUnkillable = true;
  // Its namespace's init has ended while it was made; it is being made yet.
  if (child.pids.isEnding) kernel.steps.later(() => endLate(group));
}

// What the child does from its host task's first moment on.
function* begin(child: Task, args: CloneArgs): Coroutine {
  yield; // STARTED
  return yield* enter(child, args);
}

// What the child does before guest code.
function* enter(child: Task, args: CloneArgs): Coroutine {
  const { slots } = child.kernel;
  child.started = true;
  if ((args.flags & CLONE_VM) === 0) yield* child.stub.space.afterFork(child);
  if ((args.flags & CLONE_CHILD_SETTID) !== 0) {
    child.call.view.setInt32(child.call.base + L.WINDOW, child.tid, true);
    yield* deliver(child, args.childTid, L.WINDOW, 4); // Linux ignores a fault here
  }
  child.call.frame.setNumber(L.RAX, 0);
  if (args.stack !== 0) child.call.frame.setNumber(L.RSP, args.stack);
  if ((args.flags & CLONE_SETTLS) !== 0) child.call.frame.setNumber(L.FS_BASE, args.tls);
  slots.writeFrame(child.call.slot, child.call.frame);
  slots.setWord(child.call.slot, L.REP_FP, L.FP_SLOT);
  child.call.replyFinal(Reply.SIGRETURN);
  return NO_RESULT;
}

// The creator's floating-point state, for the child's slot: the stub has saved it before it made the child.
function inherit(child: Task, creator: Task): void {
  const fp = Math.min(creator.kernel.slots.word(creator.call.slot, L.REQ_FP_SIZE) >>> 0, L.FP_SIZE);
  const from = creator.call.base + L.FP;
  child.call.bytes.set(creator.call.bytes.subarray(from, from + fp), child.call.base + L.FP);
}

function delaySignals(group: ThreadGroup): DelayedSignals {
  const delayed = new DelayedSignals();
  group.births ??= new Set();
  group.births.add(delayed);
  return delayed;
}

/** Of who has sent them nothing is known any more, as on Linux. */
function giveDelayed(group: ThreadGroup, delayed: DelayedSignals): void {
  for (let signo = delayed.take(); signo !== 0; signo = delayed.take()) sendToGroup(group, fromNobody(signo));
}

/**
 * A child on its way. It appears as soon as it has named itself or its creator says that it is there, whichever
 * is heard first: it may run and end before the other.
 */
class Arrival {
  readonly #creator: Task;
  /** What is to come to the child meanwhile; null: it is a thread. */
  readonly #delayed: DelayedSignals | null;
  readonly #isTraced: boolean;
  /** As which the creator's tracer is told of it; 0: it is not. */
  readonly event: number;
  child: Task | null = null;
  made = false;

  constructor(creator: Task, { flags, exitSignal }: CloneArgs) {
    this.#creator = creator;
    const isVfork = (flags & CLONE_VFORK) !== 0;
    this.event = eventOfClone(creator, isVfork, exitSignal === SIGCHLD, (flags & CLONE_UNTRACED) !== 0);
    this.#isTraced = this.event !== 0 || (flags & CLONE_PTRACE) !== 0;
    this.#delayed = (flags & CLONE_THREAD) !== 0 ? null : delaySignals(creator.group);
  }

  /** The call that makes it is over, or it will not come. */
  end(): void {
    if (this.#delayed !== null) this.#creator.group.births?.delete(this.#delayed);
  }

  /** What is to be called when this child has named itself. */
  of(child: Task): () => void {
    this.child = child;
    return () => this.appear();
  }

  /** The creator's stub says that it has made the child: a lie where the clone was never let go on. */
  reported(birth: Birth): void {
    if (birth.continued) this.appear();
    else this.#creator.killHostile();
  }

  appear(): void {
    if (this.made || this.child === null) return;
    this.made = true;
    inherit(this.child, this.#creator);
    // Another thread may have given filters to all while it was made.
    this.child.takeFilters(this.#creator);
    publish(this.child, this.#creator);
    this.end();
    if (this.#isTraced) inheritTracer(this.child, this.#creator);
    this.child.kernel.tracer?.cloned(this.child, this.#creator);
    if (this.#delayed !== null) giveDelayed(this.child.group, this.#delayed);
    // Of who is about to end by a signal there would be no child on Linux.
    if (this.#creator.group.ending !== null && this.#delayed !== null) this.child.group.exit(SIGKILL);
  }
}

function* fork(task: Task, args: CloneArgs): Coroutine {
  const { kernel } = task;
  // Who is killed while it waits for the lock has no number yet.
  const lock = yield* task.stub.space.lockAll(task);
  const late = check(task, args);
  if (late < 0) {
    lock.release();
    return late;
  }
  const made = new NewNamespaces(task, args.flags);
  const id = allotFor(task, made.own("pid"), args.numbers);
  if (typeof id === "number") {
    made.release();
    lock.release();
    return id;
  }
  const plan: Plan = { id, group: groupFor(task, args, id), pidfd: NO_PIDFD, made };
  const arrival = new Arrival(task, args);
  try {
    if ((args.flags & CLONE_PIDFD) !== 0) {
      const refused = yield* givePidfd(task, plan, args.pidfd);
      if (refused < 0) return refused;
    }
    const full = checkRoom(task, args.flags);
    if (full < 0) return full;
    const stub = new StubProcess(kernel, task.stub.space.copy());
    stub.origin = task.stub;
    stub.hasSlowFile = task.stub.hasSlowFile;
    const error = kernel.stubs.chunks.add(stub);
    if (error < 0) {
      stub.space.release();
      return error;
    }
    const child = prepare(task, args, plan, stub, stub.freeSlot());
    const birth = kernel.stubs.awaitFork(child, task, arrival.of(child));
    const list = new OperationList(kernel.slots, task.call.slot);
    const { kept } = task.stub;
    // Whoever closes one of these files then may be in other memory.
    if ((args.flags & CLONE_FILES) !== 0) kept.dropAll();
    kept.closedIn(kept.closeIn(list));
    stub.kept.copyFrom(kept, child.files.id);
    list.fork(birth);
    if (yield* task.run(list)) arrival.reported(birth);
    if (!arrival.made) return listError(task);
    // Only the parent's copy of the memory gets it.
    yield* setParentTid(task, id, args);
    if (plan.pidfd !== NO_PIDFD) yield* writePidfd(task, plan.pidfd, args.pidfd);
  } finally {
    // The caller may have been killed while its stub ran the list.
    lock.release();
    made.release();
    arrival.end();
    if (!arrival.made) unmake(task, plan, arrival.child);
  }
  return yield* afterClone(task, arrival, args);
}

function* cloneThread(task: Task, args: CloneArgs): Coroutine {
  const { kernel } = task;
  if (args.stack === 0 && (args.flags & CLONE_VFORK) === 0 && (args.flags & CLONE_THREAD) !== 0)
    return -EINVAL;
  const made = new NewNamespaces(task, args.flags);
  const id = allotFor(task, made.own("pid"), args.numbers);
  if (typeof id === "number") {
    made.release();
    return id;
  }
  const plan: Plan = { id, group: groupFor(task, args, id), pidfd: NO_PIDFD, made };
  const arrival = new Arrival(task, args);
  // From now on others may close what this one maps.
  task.stub.kept.dropAll();
  let isChunkUnmapped = false;
  let lock: HeldLock | null = null;
  try {
    if ((args.flags & CLONE_PIDFD) !== 0) {
      const refused = yield* givePidfd(task, plan, args.pidfd);
      if (refused < 0) return refused;
      yield* writePidfd(task, plan.pidfd, args.pidfd);
    }
    yield* closeNow(task);
    // Before the thread runs: it may end, and have its number cleared there, at once.
    yield* setParentTid(task, id, args);
    if ((args.flags & CLONE_THREAD) !== 0 && task.stub.parked.length > 0) {
      if ((kernel.slots.word(task.call.slot, L.REQ_FLAGS) & L.REQ_FP_SAVED) === 0) {
        task.call.copyRound(Reply.SAVE_FP);
        yield;
      }
      const full = checkRoom(task, args.flags);
      if (full < 0) return full;
      if (goOnInParked(task, args, plan, arrival)) return id.in(task.pids);
    }
    let slot = task.stub.freeSlot();
    if (slot < 0) {
      // No fork is to have the descriptor of a chunk that comes.
      lock = yield* task.stub.space.lock(task, KEPT_LOCK, KEPT_LOCK + PAGE_SIZE);
      slot = task.stub.freeSlot();
    }
    const full = checkRoom(task, args.flags);
    if (full < 0) return full;
    const list = new OperationList(kernel.slots, task.call.slot);
    const needsChunk = slot < 0;
    if (needsChunk) {
      const error = kernel.stubs.chunks.add(task.stub);
      if (error < 0) return error;
      task.stub.comingChunk = task.stub.chunks.at(-1)!;
      kernel.stubs.chunks.map(list, task.stub);
      slot = task.stub.freeSlot(true);
    }
    const mapped = list.length;
    const child = prepare(task, args, plan, task.stub, slot);
    kernel.slots.setWord(slot, L.HOST_TASK, 1);
    const birth = kernel.stubs.awaitThread(child, task, arrival.of(child));
    list.thread(birth, task.stub.slotAddress(slot));
    if (yield* task.run(list)) arrival.reported(birth);
    if (!arrival.made) {
      kernel.slots.setWord(slot, L.HOST_TASK, 0);
      // A chunk that is mapped serves later threads; unless forks would have it.
      const { listDone } = task.call;
      isChunkUnmapped = needsChunk && listDone === 0;
      if (isChunkUnmapped) {
        // The host has refused to map what it was given.
        const error = listError(task);
        const undo = new OperationList(kernel.slots, task.call.slot);
        undo.tell(SYS_close, L.CHUNK_FD);
        yield* task.run(undo);
        return error;
      }
      if (needsChunk && listDone > 0 && listDone < mapped) task.killHostile();
      return listError(task);
    }
  } finally {
    made.release();
    arrival.end();
    if (!arrival.made) unmake(task, plan, arrival.child);
    if (isChunkUnmapped && task.stub.isAlive) kernel.stubs.chunks.drop(task.stub);
    if (lock !== null) task.stub.comingChunk = -1;
    lock?.release();
  }
  return yield* afterClone(task, arrival, args);
}

/** A child that stands ready for its host task. */
function prepare(task: Task, args: CloneArgs, plan: Plan, stub: StubProcess, slot: number): Task {
  const child = withRegisters(task, args, plan, stub, slot);
  child.kernel.stubs.openSlot(child);
  child.call.start(begin(child, args));
  return child;
}

/** A child with its creator's registers. */
function withRegisters(task: Task, args: CloneArgs, plan: Plan, stub: StubProcess, slot: number): Task {
  task.kernel.slots.readFrame(task.call.slot, task.call.frame);
  const child = makeTask(task, args, plan, stub, slot);
  child.call.frame.words.set(task.call.frame.words);
  return child;
}

/** The child goes on in a host thread that is there already, and whose creator's floating-point state is saved; false: there is none. */
function goOnInParked(task: Task, args: CloneArgs, plan: Plan, arrival: Arrival): boolean {
  const { stubs } = task.kernel;
  const parked = stubs.parked.take(task.stub);
  if (parked === null) return false;
  const child = withRegisters(task, args, plan, task.stub, parked.slot);
  stubs.unpark(child, parked);
  arrival.of(child);
  arrival.appear();
  child.call.start(enter(child, args));
  return true;
}

function unmake(task: Task, plan: Plan, child: Task | null): void {
  const { kernel } = task;
  plan.id.free();
  takePidfd(task, plan);
  if (child === null) return;
  child.releaseFiles();
  kernel.stubs.abandon(child);
}

function listError(task: Task): number {
  return task.call.listResult < 0 && task.call.listResult > -4096 ? task.call.listResult : -EAGAIN;
}

function* setParentTid(task: Task, id: Pid, args: CloneArgs): Generator<void, void, void> {
  if ((args.flags & CLONE_PARENT_SETTID) === 0) return;
  task.call.view.setInt32(task.call.base + L.WINDOW, id.in(task.pids), true);
  yield* deliver(task, args.parentTid, L.WINDOW, 4); // Linux ignores a fault here
}

// What the caller does when the child exists: its tracer hears of it, then comes vfork's wait.
function* afterClone(task: Task, arrival: Arrival, args: CloneArgs): Coroutine {
  const child = arrival.child!;
  yield* stopForChild(task, arrival.event, child.id);
  if ((args.flags & CLONE_VFORK) !== 0 && child.group.state === "running" && !child.group.hasExeced) {
    let woken = false;
    child.group.vforkDone = () => {
      woken = true;
      task.call.completeWait(0);
    };
    // Only the child's end or exec, or SIGKILL, ends this wait.
    while (!woken) {
      task.call.replyBlocked();
      yield;
    }
  }
  if ((args.flags & CLONE_VFORK) !== 0) yield* stopForChild(task, PTRACE_EVENT_VFORK_DONE, child.id);
  return child.id.in(task.pids);
}

const FORK: CloneArgs = {
  flags: 0,
  clearHandlers: false,
  exitSignal: SIGCHLD,
  stack: 0,
  parentTid: 0,
  childTid: 0,
  pidfd: 0,
  tls: 0,
  numbers: ANY_NUMBERS,
};

export const CLONE_HANDLERS: Handlers<Task> = {
  fork: (task) => clone(task, FORK),

  vfork: (task) => clone(task, { ...FORK, flags: CLONE_VFORK | CLONE_VM }),

  clone: (task, flags, stack, parentTid, childTid, tls) =>
    clone(task, {
      flags: flags & ~CSIGNAL,
      clearHandlers: false,
      exitSignal: (flags | 0) & CSIGNAL,
      stack,
      parentTid,
      childTid,
      pidfd: parentTid,
      tls,
      numbers: ANY_NUMBERS,
    }),

  clone3: (task, _args, size) => {
    if (size > 4096) return -E2BIG;
    if (size < CLONE_ARGS_SIZE_VER0) return -EINVAL;
    if (!task.call.inComplete(0, size)) return -EFAULT;
    // Fields of a later version must be zero.
    const bytes = new Uint8Array(Math.max(size, clone_args.size));
    bytes.set(task.call.bytes.subarray(task.call.base + L.WINDOW, task.call.base + L.WINDOW + size));
    if (bytes.subarray(clone_args.size).some((byte) => byte !== 0)) return -E2BIG;
    const args = clone_args.decode(bytes);
    const flags = args.flags.lo | 0;
    const high = args.flags.hi;
    if ((high & ~CLONE_CLEAR_SIGHAND_HIGH) !== 0 || (flags & (CSIGNAL | CLONE_DETACHED)) !== 0)
      return -EINVAL;
    if ((args.stack === 0) !== (args.stack_size === 0)) return -EINVAL;
    if ((flags & (CLONE_THREAD | CLONE_PARENT)) !== 0 && args.exit_signal !== 0) return -EINVAL;
    const given = {
      flags,
      clearHandlers: (high & CLONE_CLEAR_SIGHAND_HIGH) !== 0,
      exitSignal: args.exit_signal,
      stack: args.stack === 0 ? 0 : args.stack + args.stack_size,
      parentTid: args.parent_tid,
      childTid: args.child_tid,
      pidfd: args.pidfd,
      tls: args.tls,
      numbers: ANY_NUMBERS,
    };
    if (args.set_tid === 0 && args.set_tid_size === 0) return clone(task, given);
    return task.call.start(cloneNumbered(task, given, args.set_tid, args.set_tid_size));
  },
};
