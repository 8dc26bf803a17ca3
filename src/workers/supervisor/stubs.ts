// Making host tasks, and the notifications by which the host kernel tells of them. A new task is
// identified by the kernel, not by the guest's word: its first call carries a one-shot random token,
// and the notification names its host pid. Any other notification passes only as the next one that
// the caller's outstanding operation list expects.

import { randomFillSync } from "node:crypto";
import { EAGAIN, EPERM } from "../../shared/abi/errno.ts";
import { MADV_DONTFORK } from "../../shared/abi/mman.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import { SIGKILL } from "../../shared/abi/signal.ts";
import { TWO_32 } from "../../shared/abi/struct.ts";
import { slotInChunk, slotNumber } from "../../shared/ring/guest_memory.ts";
import {
  CHUNK_SIZE,
  CHUNK_SLOTS,
  CHUNKS,
  DONATED_FD,
  NR_TOKEN,
  SELF,
  SLOT_SIZE,
  ZYGOTE_TEXT,
} from "../../shared/ring/layout.ts";
import type { Kernel } from "../kernel.ts";
import {
  type Expected,
  type OperationList,
  SYS_close,
  SYS_madvise,
  SYS_mmap,
  SYS_munmap,
  type Token,
} from "./operation_list.ts";
import { type StubProcess, ZYGOTE_REAP, ZYGOTE_SPAWN } from "./stub_process.ts";
import type { Task } from "./task.ts";

const ZYGOTE_HELLO = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;
const ZYGOTE_RANGE = 0x100000000;
/** Unexpected notifications after which a process is taken for hostile and killed. */
const UNEXPECTED_LIMIT = 16;

const NOTHING: readonly Expected[] = [];

interface Awaited {
  readonly task: Task;
  readonly expected: Expected[];
  readonly onNamed: () => void;
}

export class Stubs {
  /** Lists that raise notifications and tokens not yet named: while there are any, the listener is polled. */
  #outstanding = 0;
  readonly #kernel: Kernel;
  readonly #zygote: number;
  #listener = -1;
  /** Tasks that have not named their token yet. */
  readonly #awaited = new Map<string, Awaited>();
  readonly #tasks = new Map<number, Task>();
  readonly #random = new Uint32Array(2);

  constructor(kernel: Kernel, zygote: number) {
    this.#kernel = kernel;
    this.#zygote = zygote;
  }

  /**
   * Hands kernel page and doorbells to the zygote and takes the listener; the address of the host's vDSO in
   * every stub, or 0. Throws: no sandbox without it.
   */
  hello(kernelPage: number, doorbells: readonly number[]): number {
    const native = this.#kernel.native;
    native.scratchWords[0] = kernelPage;
    for (let i = 0; i < doorbells.length; i++) native.scratchWords[1 + i] = doorbells[i]!;
    const error = native.zygoteCall(this.#zygote, ZYGOTE_HELLO, doorbells.length, 0, 1 + doorbells.length);
    const answer = native.scratchView.getInt32(4, true) * TWO_32 + native.scratchView.getUint32(0, true);
    this.#listener = native.scratchWords[2]!;
    if (error < 0 || answer < 0 || this.#listener < 0)
      throw new Error(`zygote: hello failed (${error}, ${answer}): are seccomp notifications available?`);
    this.#kernel.sleep.add(this.#listener, EPOLLIN, () => this.receive());
    return answer;
  }

  /** Gives a stub process one more chunk, mapped here and not there yet: 0, or a negative errno when places run out. */
  addChunk(stub: StubProcess): number {
    const kernel = this.#kernel;
    const chunk = kernel.places.allot();
    if (chunk < 0) return -EAGAIN;
    const memfd = kernel.native.mapChunk(chunk);
    if (memfd < 0) {
      kernel.places.retire(chunk);
      return memfd;
    }
    kernel.memory.forgetChunk(chunk);
    const index = stub.chunks.push(chunk) - 1;
    for (let slot = 0; slot < CHUNK_SLOTS; slot++) {
      const address = CHUNKS + index * CHUNK_SIZE + slot * SLOT_SIZE;
      kernel.slots.setNumber(slotNumber(chunk, slot), SELF, address);
    }
    stub.memfd = memfd;
    return 0;
  }

  /** Readies the slot of a task whose host task is about to exist. */
  openSlot(task: Task): void {
    task.stub.owner ??= task.group;
    const kernel = this.#kernel;
    kernel.claims.open(task.slot);
    kernel.taskAt[task.slot] = task;
    kernel.active.raise(task.chunk);
    task.stub.tasks.push(task);
    kernel.counters.tasks++;
  }

  /** No request is taken from the task's slot any more. */
  closeSlot(task: Task): void {
    const kernel = this.#kernel;
    if (task.dead) return;
    task.dead = true;
    task.cancelWait();
    this.settle(task);
    for (const [key, awaited] of this.#awaited) {
      if (awaited.task !== task) continue;
      this.#awaited.delete(key);
      this.#outstanding--;
    }
    if (task.owned) kernel.claims.closeOwned(task.slot);
    else if (kernel.claims.close(task.slot)) kernel.active.lower(task.chunk);
    else kernel.claims.closeOwned(task.slot);
    kernel.taskAt[task.slot] = undefined;
    if (this.#tasks.get(task.hostTid) === task) this.#tasks.delete(task.hostTid);
    const index = task.stub.tasks.indexOf(task);
    if (index >= 0) task.stub.tasks.splice(index, 1);
    kernel.counters.tasks--;
  }

  /** The new task of a fork maps this chunk first; `onNamed` runs when it has named its token. */
  awaitFork(task: Task, onNamed: () => void): Token {
    return this.#await(task, this.#mapFirstChunk(task), onNamed);
  }

  /** The new task of an existing address space. */
  awaitThread(task: Task, onNamed: () => void): Token {
    return this.#await(task, [], onNamed);
  }

  #await(task: Task, expected: Expected[], onNamed: () => void): Token {
    const token = this.#token();
    this.#awaited.set(token.key, { task, expected, onNamed });
    this.#outstanding++;
    return token;
  }

  /** A task that could not be made after all. If its process exists, it ends, and cleans up as it dies. */
  abandon(task: Task): void {
    const { stub } = task;
    this.closeSlot(task);
    if (stub.tasks.length > 0) return;
    stub.space.release();
    if (stub.pid === 0) stub.releaseChunks();
    else stub.kill();
  }

  /** Adds to a list of `slot`'s task: map the last chunk of the address space. */
  mapChunk(list: OperationList, stub: StubProcess, slot: number): void {
    const base = CHUNKS + (stub.chunks.length - 1) * CHUNK_SIZE;
    const fd = DONATED_FD + stub.slotIndex(slot);
    list.donate(stub.memfd, true);
    list.call(SYS_mmap, base, CHUNK_SIZE, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0);
    list.call(SYS_close, fd);
    list.call(SYS_madvise, base, CHUNK_SIZE, MADV_DONTFORK);
  }

  #mapFirstChunk(task: Task): Expected[] {
    const fd = DONATED_FD + slotInChunk(task.slot);
    return [
      {
        nr: SYS_mmap,
        args: [CHUNKS, CHUNK_SIZE, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0],
        donate: task.stub.memfd,
        closeDonated: true,
      },
      { nr: SYS_madvise, args: [CHUNKS, CHUNK_SIZE, MADV_DONTFORK], donate: -1, closeDonated: false },
    ];
  }

  /** Asks the zygote for a stub process for `task`, the first of its address space. */
  spawn(task: Task): number {
    const { native } = this.#kernel;
    const unmapZygote = {
      nr: SYS_munmap,
      args: [ZYGOTE_TEXT, ZYGOTE_RANGE],
      donate: -1,
      closeDonated: false,
    };
    const token = this.#await(task, [...this.#mapFirstChunk(task), unmapZygote], () => {});
    const error = native.zygoteCall(this.#zygote, ZYGOTE_SPAWN, token.low, token.high, 0);
    const pid = error < 0 ? error : native.scratchWords[0]!;
    return pid < 0 ? pid : task.stub.watch(pid);
  }

  reap(pid: number): void {
    this.#kernel.native.zygoteCall(this.#zygote, ZYGOTE_REAP, pid, 0, 0);
  }

  get outstanding(): boolean {
    return this.#outstanding > 0;
  }

  /** The task's list is about to raise these notifications, in this order. */
  expect(task: Task, expected: readonly Expected[]): void {
    task.expected = expected;
    task.expectedIndex = 0;
    if (expected.length > 0) this.#outstanding++;
  }

  /** The task's list is over; what it has not raised it may not raise any more. */
  settle(task: Task): void {
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
      this.#unexpected(task);
      return;
    }
    task.expectedIndex++;
    if (task.expectedIndex === task.expected.length) this.settle(task);
    if (expected.donate >= 0) {
      const target = expected.args[4]!;
      if (native.notifyAddfd(this.#listener, low, high, expected.donate, target) < 0) {
        native.notifyRefuse(this.#listener, low, high, EPERM);
        return;
      }
      if (expected.closeDonated) task.stub.closeMemfd();
    }
    native.notifyContinue(this.#listener, low, high);
  }

  #onToken(low: number, high: number, tid: number, words: Int32Array): void {
    const native = this.#kernel.native;
    const key = tokenKey(words[4]! >>> 0, words[5]! >>> 0);
    const awaited = this.#awaited.get(key);
    if (awaited === undefined) {
      native.notifyRefuse(this.#listener, low, high, EPERM);
      const task = this.#tasks.get(tid);
      // Nobody's: a child whose creator was killed meanwhile. It leaves by itself, and is the zygote's to reap.
      if (task === undefined) this.#watchOrphan(tid);
      else this.#unexpected(task);
      return;
    }
    this.#awaited.delete(key);
    const { task } = awaited;
    task.hostTid = tid;
    // A forked stub is known by its first call; the zygote's children by the zygote's answer.
    if (task.stub.pid === 0 && task.stub.watch(tid) < 0) {
      native.notifyRefuse(this.#listener, low, high, EPERM);
      return;
    }
    awaited.onNamed();
    this.#outstanding--;
    this.expect(task, awaited.expected);
    this.#tasks.set(tid, task);
    const address = task.stub.slotAddress(task.slot);
    native.notifyAnswer(this.#listener, low, high, address % TWO_32, Math.floor(address / TWO_32));
  }

  #watchOrphan(pid: number): void {
    const { native, sleep } = this.#kernel;
    const pidfd = native.pidfdOpen(pid);
    if (pidfd < 0) return; // a thread, which needs no reaping
    native.pidfdSendSignal(pidfd, SIGKILL);
    const watch = sleep.add(pidfd, EPOLLIN, () => {
      sleep.remove(pidfd, watch);
      native.close(pidfd);
      this.reap(pid);
    });
  }

  #unexpected(task: Task | undefined): void {
    this.#kernel.counters.unexpectedNotifications++;
    if (task === undefined || ++task.stub.unexpectedNotifications < UNEXPECTED_LIMIT) return;
    this.#kernel.log("warn", "a stub made unexpected calls: killed", { pid: task.group.pid });
    this.#kernel.killHostile(task);
  }

  #token(): { low: number; high: number; key: string } {
    randomFillSync(this.#random);
    const low = this.#random[0]!;
    const high = this.#random[1]!;
    return { low, high, key: tokenKey(low, high) };
  }
}

function tokenKey(low: number, high: number): string {
  return `${high.toString(16)}:${low.toString(16)}`;
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
