// Making host tasks, and the notifications by which the host kernel tells of them. A new task is
// identified by the kernel, not by the guest's word: its first call carries a one-shot random token,
// and the notification names its host pid. Any other notification passes only as the next one that
// the caller's outstanding operation list expects.

import { EINVAL, ENOMEM, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import { TWO_32 } from "../../shared/abi/struct.ts";
import { CHUNK_FD, CHUNKS, NR_GIFT, NR_TOKEN, ROBUST_LIST, SELF } from "../../shared/ring/layout.ts";
import { Looks } from "../call/looks.ts";
import type { Expected } from "../call/operation_list.ts";
import { withoutGroups } from "../credentials/credentials.ts";
import { type Birth, Births, type Gift } from "./births.ts";
import { Chunks } from "./chunks.ts";
import type { PlatformContext } from "./context.ts";
import { Departures } from "./departures.ts";
import { processOf } from "./host_tasks.ts";
import type { HostThread } from "./host_thread.ts";
import { allowLocalAnswers } from "./local_answers.ts";
import { type Parked, ParkedThreads } from "./parked.ts";
import { ProcessEnds } from "./process_ends.ts";
import { type ResourceUse, useIsKnown } from "./resource_use.ts";
import { Strangers } from "./strangers.ts";
import type { StubProcess } from "./stub_process.ts";
import { threadTimeNs } from "./thread_time.ts";

/** Unexpected notifications after which a process is taken for hostile and killed. */
const UNEXPECTED_LIMIT = 16;

/** How soon what the host had no descriptor for is tried again, and how many at once (F26). */
const AGAIN_NS = 10e6;
const TASKS_A_LOOK = 64;

const NOTHING: readonly Expected[] = [];
const NO_GIFTS: readonly Gift[] = [];

export class Stubs {
  /** Lists that raise notifications and tokens not yet named: while there are any, the listener is polled. */
  #outstanding = 0;
  readonly #kernel: PlatformContext;
  #listener = -1;
  #watch = -1;
  readonly #births: Births;
  /** Tasks by their host numbers. */
  readonly #tasks = new Map<number, HostThread>();
  /** The zygote's children until they are reaped; null: one that is nobody's. */
  readonly #children = new Map<number, StubProcess | null>();
  readonly strangers: Strangers;
  readonly parked: ParkedThreads;
  readonly ends: ProcessEnds;
  readonly chunks: Chunks;
  readonly departures: Departures;
  /** Host tasks that are to be killed, and could not be reached yet. */
  readonly #unreached = new Set<number>();
  readonly #again: Looks;

  constructor(kernel: PlatformContext) {
    this.#kernel = kernel;
    this.strangers = new Strangers(kernel);
    this.parked = new ParkedThreads(kernel);
    this.ends = new ProcessEnds(kernel);
    this.chunks = new Chunks(kernel);
    this.departures = new Departures(kernel);
    this.#again = new Looks(kernel, AGAIN_NS, () => this.#killUnreached());
    this.#births = new Births(this.strangers);
  }

  /** Stub processes that were not reaped, their host threads, and those that are on their way: for counters. */
  get sizes(): { readonly processes: number; readonly threads: number; readonly births: number } {
    const births = this.#births.count + this.#outstanding + this.#unreached.size;
    return { processes: this.#children.size, threads: this.#tasks.size, births };
  }

  /** Introduces the platform; the address of the host's vDSO in every stub, or 0. Throws: no sandbox without it. */
  hello(kernelPage: number, doorbells: readonly number[]): number {
    const { hostVdso, listener } = this.#kernel.platform.introduce(kernelPage, doorbells);
    this.#listener = listener;
    this.#watch = this.#kernel.sleep.add(listener, EPOLLIN, () => this.receive());
    return hostVdso;
  }

  /** From now on no host task is let go on: the kernel ends. */
  close(): void {
    if (this.#listener < 0) return;
    if (this.#watch >= 0) this.#kernel.sleep.remove(this.#listener, this.#watch);
    this.#kernel.native.close(this.#listener);
    this.#listener = -1;
  }

  /** Readies the slot of a task whose host task is about to exist. */
  openSlot(task: HostThread): void {
    task.stub.owner ??= task.group;
    const { slot } = task.call;
    this.#kernel.claims.open(slot);
    this.#kernel.slots.setNumber(slot, SELF, task.stub.slotAddress(slot));
    this.#enter(task);
    this.#kernel.active.opened(slot);
  }

  /** The task goes on in a host thread that waits for it, as the answer to the call that this one has posted last. */
  unpark(task: HostThread, { hostTid, sequence }: Parked): void {
    this.#enter(task);
    this.#tasks.set(hostTid, task);
    task.hostTid = hostTid;
    task.timeBeforeNs = threadTimeNs(this.#kernel, task);
    task.call.owned = true;
    task.call.sequence = sequence;
  }

  #enter(task: HostThread): void {
    const kernel = this.#kernel;
    allowLocalAnswers(kernel, task);
    kernel.slots.setNumber(task.call.slot, ROBUST_LIST, 0);
    kernel.taskAt[task.call.slot] = task;
    task.stub.tasks.push(task);
    kernel.counters.tasks++;
    task.container.tasks++;
    kernel.counters.groupIds += task.credentials.groups.length;
  }

  /** The task has ended, and its host thread stays, if there is room for it: the call in progress is not answered. */
  park(task: HostThread): boolean {
    const { call, stub, hostTid } = task;
    if (task.dead || !this.parked.hasRoomFor(task)) return false;
    call.replyBlocked();
    this.#leave(task, true);
    this.parked.add(stub, { slot: call.slot, hostTid, sequence: call.sequence });
    return true;
  }

  /** No request is taken from the task's slot any more. */
  closeSlot(task: HostThread): void {
    if (!task.dead) this.#leave(task, false);
  }

  #leave(task: HostThread, parks: boolean): void {
    const kernel = this.#kernel;
    task.dead = true;
    task.call.cancelWait();
    this.settle(task);
    const birth = this.#births.takeOf(task);
    if (parks) kernel.otherThreads?.forgetTask(task.call.slot);
    else {
      kernel.claims.close(task.call.slot);
      kernel.otherThreads?.closed(task.call.slot);
    }
    task.call.owned = false;
    kernel.taskAt[task.call.slot] = undefined;
    if (this.#tasks.get(task.hostTid) === task) this.#tasks.delete(task.hostTid);
    const index = task.stub.tasks.indexOf(task);
    if (index >= 0) task.stub.tasks.splice(index, 1);
    task.stub.endReturning(task);
    kernel.counters.tasks--;
    task.container.tasks--;
    // What is left of it needs none, and may be left for long.
    task.credentials = withoutGroups(task.credentials);
    if (birth !== undefined) this.#unborn(birth);
  }

  // A task ends before it has named itself. No host process has its stub's chunks: they are given at the naming.
  #unborn(birth: Birth): void {
    this.#outstanding--;
    this.strangers.unpaid(birth);
    const { stub } = birth.task;
    if (stub.pid > 0) return;
    this.chunks.dropAll(stub);
    stub.kept.clear();
  }

  /** The new task of a fork, which has a chunk of its own from then on; `onNamed` runs when it has named its token. */
  awaitFork(task: HostThread, creator: HostThread, onNamed: () => void): Birth {
    return this.#await(task, creator, [chunkOf(task)], onNamed);
  }

  /** The new task of an existing address space. */
  awaitThread(task: HostThread, creator: HostThread, onNamed: () => void): Birth {
    return this.#await(task, creator, NO_GIFTS, onNamed);
  }

  #await(task: HostThread, creator: HostThread | null, gifts: readonly Gift[], onNamed: () => void): Birth {
    this.#outstanding++;
    this.#kernel.counters.hostTasks++;
    return this.#births.expect(task, creator, gifts, onNamed);
  }

  /** A task that could not be made after all. If its process exists, it ends, and cleans up as it dies. */
  abandon(task: HostThread): void {
    const { stub } = task;
    this.closeSlot(task);
    if (stub.tasks.length > 0) return;
    stub.space.release();
    stub.kill();
  }

  /**
   * Asks the zygote for a stub process for `task`, the first of its address space, which has the gifts when it starts: their
   * host descriptors stay the caller's, and open until then. `told` is told 0 when it is there, or a
   * negative errno: it is not, and will not be; or a negative errno is returned, and nobody is told.
   */
  spawn(task: HostThread, gifts: readonly Gift[], told: (error: number) => void): number {
    const { low, high } = this.#await(task, null, [chunkOf(task), ...gifts], () => {});
    return this.#kernel.platform.start(
      low,
      high,
      task.comm,
      task.container.groups,
      () => !task.dead,
      (pid) => this.#spawned(task, pid, told),
    );
  }

  // By its first call it may be known already, and may have ended.
  #spawned(task: HostThread, pid: number, told: (error: number) => void): void {
    const { stub } = task;
    if (pid > 0 && stub.pid === 0) {
      if (task.dead) this.killStranger(pid);
      else stub.watch(pid);
    }
    told(Math.min(pid, 0));
  }

  /** Numbers of the host threads of all stubs that have named themselves, and have not ended. */
  *hostThreads(): Generator<number> {
    yield* this.#tasks.keys();
    yield* this.parked.hostThreads();
  }

  /** Whether a process is one of the zygote's children that the kernel has heard of. */
  knows(pid: number): boolean {
    return this.#children.has(pid);
  }

  appeared(stub: StubProcess): void {
    this.#children.set(stub.pid, stub);
  }

  /** The stub's host process has ended. */
  ended(stub: StubProcess): void {
    this.strangers.ended(stub);
    this.#reap(stub.pid, stub, (use) => useIsKnown(stub, use));
  }

  // Until it is reaped its number is its own, and it is known.
  #reap(pid: number, stub: StubProcess | null, reaped: (use: ResourceUse) => void): void {
    this.#kernel.platform.reap(pid, (use) => {
      if (this.#children.get(pid) === stub) this.#children.delete(pid);
      reaped(use);
    });
  }

  /** Something is to come that the sleep set tells alone. */
  get outstanding(): boolean {
    return this.#outstanding > 0 || this.#kernel.platform.asked > 0;
  }

  /** The task's list is about to raise these notifications, in this order. */
  expect(task: HostThread, expected: readonly Expected[]): void {
    task.expected = expected;
    task.expectedIndex = 0;
    if (expected.length > 0) this.#outstanding++;
  }

  /** The task's list is over; what it has not raised it may not raise any more. */
  settle(task: HostThread): void {
    if (task.expected.length > 0) this.#outstanding--;
    task.expected = NOTHING;
    task.expectedIndex = 0;
  }

  /** Serves one notification. */
  receive(): void {
    const native = this.#kernel.native;
    if (native.notifyReceive(this.#listener) < 0) return; // ENOENT: the caller died
    const words = native.scratchWords.slice(0, 16);
    const [low, high, tid, nr] = [words[0]! >>> 0, words[1]! >>> 0, words[2]!, words[3]!];
    if (nr === NR_TOKEN) {
      this.#onToken(low, high, tid, words);
      return;
    }
    const task = this.#tasks.get(tid);
    const expected = task?.expected[task.expectedIndex];
    if (task === undefined || expected === undefined || !matches(expected, nr, words)) {
      native.notifyRefuse(this.#listener, low, high, EPERM);
      this.#unexpected(task, tid);
      return;
    }
    task.expectedIndex++;
    if (task.expectedIndex === task.expected.length) this.settle(task);
    if (expected.donate >= 0) {
      const { donate, donateAs } = expected;
      if (native.notifyAddfd(this.#listener, low, high, donate, donateAs, 0) < 0) {
        native.notifyRefuse(this.#listener, low, high, ENOMEM);
        return;
      }
      if (expected.closeDonated) task.stub.closeMemfd();
    }
    expected.makes?.wasMade();
    if (nr === NR_GIFT) native.notifyAnswer(this.#listener, low, high, 0, 0);
    else native.notifyContinue(this.#listener, low, high);
  }

  #onToken(low: number, high: number, tid: number, words: Int32Array): void {
    const native = this.#kernel.native;
    const birth = this.#births.take(words[4]! >>> 0, words[5]! >>> 0);
    if (birth === undefined) {
      native.notifyRefuse(this.#listener, low, high, EPERM);
      this.#unexpected(this.#tasks.get(tid), tid);
      return;
    }
    this.#outstanding--;
    this.strangers.named(birth);
    const { task } = birth;
    task.hostTid = tid;
    // That of the zygote's child by the zygote's answer, if that has come before.
    if (task.stub.pid === 0) task.stub.watch(tid);
    birth.onNamed();
    this.#tasks.set(tid, task);
    this.#kernel.placement.born(tid, birth.from !== null);
    const address = task.stub.slotAddress(task.call.slot);
    if (birth.gifts.length === 0) {
      native.notifyAnswer(this.#listener, low, high, address % TWO_32, Math.floor(address / TWO_32));
      return;
    }
    // Who gets a chunk begins in its first slot, and knows that (stub_entry.S): the answer is the number of the last gift.
    let left = address === CHUNKS ? birth.gifts.length : 0;
    for (const { hostFd, fd } of birth.gifts) {
      if (left-- > 0 && native.notifyAddfd(this.#listener, low, high, hostFd, fd, left === 0 ? 1 : 0) >= 0)
        continue;
      native.notifyRefuse(this.#listener, low, high, ENOMEM); // it leaves
      return;
    }
    task.stub.closeMemfd();
  }

  /**
   * Kills a host task that nobody knows, and reaps it if it is a process: a child whose creator was killed
   * meanwhile, or one that a guest has made behind the kernel's back (F24).
   */
  killStranger(tid: number): void {
    if (this.#children.has(tid)) {
      this.#children.get(tid)?.kill();
      return;
    }
    const pidfd = this.#kernel.native.pidfdOpen(tid);
    if (pidfd === -EINVAL || pidfd === -ESRCH) {
      this.#children.get(processOf(this.#kernel, tid))?.kill(); // a thread
    } else if (pidfd < 0) {
      this.#unreached.add(tid);
      this.#again.begin();
    } else {
      this.#children.set(tid, null);
      this.ends.watch(tid, pidfd, () => this.#reap(tid, null, () => {})).kill();
    }
  }

  #killUnreached(): boolean {
    let left = TASKS_A_LOOK;
    for (const tid of this.#unreached) {
      if (left-- === 0) break;
      this.#unreached.delete(tid);
      // Its number may be another's by now, who is known.
      if (!this.#children.has(tid)) this.killStranger(tid);
    }
    return this.#unreached.size > 0;
  }

  #unexpected(task: HostThread | undefined, tid: number): void {
    this.#kernel.counters.unexpectedNotifications++;
    if (task === undefined) this.killStranger(tid);
    if (task === undefined || ++task.stub.unexpectedNotifications < UNEXPECTED_LIMIT) return;
    this.#kernel.log("warn", "a stub made unexpected calls: killed", { pid: task.group.id.first });
    task.killHostile();
  }
}

/** What a new process maps first. */
function chunkOf({ stub }: HostThread): Gift {
  return { hostFd: stub.memfd, fd: CHUNK_FD };
}

function matches(expected: Expected, nr: number, words: Int32Array): boolean {
  if (nr !== expected.nr) return false;
  for (let i = 0; i < expected.args.length; i++) {
    const value = expected.args[i]!;
    if (words[4 + 2 * i] !== (value | 0)) return false;
    if (words[5 + 2 * i] !== (Math.floor(value / TWO_32) | 0)) return false;
  }
  return true;
}
