// A stub process: the host process of one guest address space, its chunks and slots, and its death.
// Its life: allotted (place and memfd exist) -> spawned (pid known) -> running -> dead (pidfd fired;
// slots closed, chunks unmapped) -> reaped.

import { chunkOfSlot, slotNumber } from "../../shared/ring/guest_memory.ts";
import {
  CHUNK_SIZE,
  CHUNK_SLOTS,
  CHUNKS,
  HOST_TASK,
  REP_RESULT,
  SLOT_SIZE,
} from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import type { Caller } from "../call/caller.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { Donations } from "../mem/donations.ts";
import { KeptFiles } from "../mem/kept_files.ts";
import type { Pool } from "../patch/patches.ts";
import type { PlatformContext } from "./context.ts";
import type { HostThread, ThreadOwner } from "./host_thread.ts";
import type { Parked } from "./parked.ts";
import type { WatchedProcess } from "./process_ends.ts";
import type { UseAccount } from "./resource_use.ts";

/** Who has not reported for so many is not in the first of them any more. */
const LOST_POOLS_MAX = 4;

export class StubProcess {
  readonly kernel: PlatformContext;
  readonly space: AddressSpace;
  readonly donations = new Donations();
  readonly kept = new KeptFiles(this.donations, this);
  /** Places in the guest SAB, by the chunk's number in this address space. */
  readonly chunks: number[] = [];
  readonly tasks: HostThread[] = [];
  /** Those whose stub goes back to its guest by itself: what their calls have done is not written down yet. */
  readonly returning: HostThread[] = [];
  /** Host threads without a task. */
  readonly parked: Parked[] = [];
  hasSlowFile = false;
  pid = 0;
  /** While the pid is not known: the stub that it was forked from, whose memory says the same. */
  origin: StubProcess | null = null;
  /** Whose CPU time its own is. */
  owner: ThreadOwner | null = null;
  /** Which is open until this stub, which is about to end, is reaped. */
  account: UseAccount | null = null;
  /** The last of them, which the stub does not have yet; -1: it has all. */
  comingChunk = -1;
  /** The memfd of the last chunk, until it is mapped in the stub; -1. */
  memfd = -1;
  /** Null: it does not exist yet, or has ended. */
  #process: WatchedProcess | null = null;
  unexpectedNotifications = 0;

  constructor(kernel: PlatformContext, space: AddressSpace) {
    this.kernel = kernel;
    this.space = space;
    space.onWait = () => this.#isWaitedFor();
  }

  /** Where slot `slot` of the guest SAB lies in this stub's memory. */
  slotAddress(slot: number): number {
    const index = this.chunks.indexOf(chunkOfSlot(slot));
    return CHUNKS + index * CHUNK_SIZE + (slot % CHUNK_SLOTS) * SLOT_SIZE;
  }

  /** The host process exists: learn of its death. */
  watch(pid: number): void {
    this.pid = pid;
    this.origin = null;
    this.kernel.stubs.appeared(this);
    this.#process = this.kernel.stubs.ends.watch(pid, -1, () => this.#onDeath());
  }

  /** The host process whose private memory is this address space's; 0 if there is none yet. */
  get readablePid(): number {
    return this.pid > 0 ? this.pid : (this.origin?.pid ?? 0);
  }

  isAlone(task: Caller): boolean {
    return this.tasks.every((other) => other.call === task.call || other.dead);
  }

  /** What a call of that one has done is written down, or never will be. */
  endReturning(task: HostThread): void {
    const index = this.returning.indexOf(task);
    if (index >= 0) this.returning.splice(index, 1);
  }

  #isWaitedFor(): void {
    for (const { call } of this.returning) this.kernel.slots.endQuiet(call.slot);
    this.kernel.lateHolders.watch(this.space);
  }

  takeOthersOut(task: Caller, pool: Pool): void {
    for (const other of this.tasks) {
      if (other.call === task.call || other.dead || !other.started || !other.call.isWithGuest) continue;
      other.lostPools = [...(other.lostPools ?? []), pool].slice(-LOST_POOLS_MAX);
      other.kick();
    }
  }

  /** Its host process is known and has not ended. */
  get isAlive(): boolean {
    return this.#process !== null;
  }

  /** A group's tasks leave: with the last user the process is killed, before that its threads exit. */
  leave(group: ThreadOwner, isOwnWish: boolean): void {
    // Who is on the way out, and may never get there, is no user.
    const others = this.tasks.some((task) => !task.dead && !task.leaving && task.group !== group);
    if (!others) {
      const last = isOwnWish ? this.#lastThread : null;
      if (last === null) this.kill();
      else {
        this.kernel.stubs.departures.expect(this);
        this.dismiss(last, true);
      }
      this.space.release(group.id);
    }
    for (const task of [...this.tasks]) {
      if (task.group !== group || task.dead) continue;
      if (!others) this.kernel.stubs.closeSlot(task);
      else if (task.call.owned) this.dismiss(task);
      else {
        task.leaving = true;
        task.interrupt();
        // Also one that is not kicked, since it owes an answer.
        this.kernel.kicks.watch(task);
      }
    }
  }

  /** The one that it has, if that waits for an answer. */
  get #lastThread(): HostThread | null {
    const [task] = this.tasks;
    const isLast = this.tasks.length === 1 && this.parked.length === 0 && this.isAlive;
    return isLast && task!.call.owned && !task!.dead ? task! : null;
  }

  /** Sends one host thread out of a process that goes on, or is to end with it. */
  dismiss(task: HostThread, endsProcess = false): void {
    this.kernel.slots.setNumber(task.call.slot, REP_RESULT, endsProcess ? 1 : 0);
    task.call.replyFinal(Reply.EXIT);
    this.kernel.stubs.closeSlot(task);
  }

  kill(): void {
    this.#process?.kill();
  }

  /**
   * A slot without a task whose last host thread is gone, or -1. That it is gone is the slot's word for it. Those of a chunk
   * that is yet to come are its maker's.
   */
  freeSlot(isMaker = false): number {
    for (const chunk of this.chunks) {
      if (chunk === this.comingChunk && !isMaker) continue;
      for (let slot = 0; slot < CHUNK_SLOTS; slot++) {
        const number = slotNumber(chunk, slot);
        const isUsed =
          this.kernel.taskAt[number] !== undefined ||
          this.parked.some((one) => one.slot === number) ||
          this.kernel.otherThreads?.isLeaving(number) === true;
        if (!isUsed && this.kernel.slots.word(number, HOST_TASK) === 0) return number;
      }
    }
    return -1;
  }

  #onDeath(): void {
    const kernel = this.kernel;
    this.#process = null;
    kernel.stubs.departures.left(this);
    const ended = [...this.tasks];
    for (const task of ended) kernel.stubs.closeSlot(task);
    for (const { slot } of this.parked) {
      kernel.claims.close(slot);
      kernel.otherThreads?.closed(slot);
    }
    kernel.stubs.parked.forget(this);
    this.kept.clear();
    kernel.stubs.chunks.dropAll(this);
    this.space.release();
    kernel.stubs.ended(this);
    kernel.onStubDeath(ended);
  }

  closeMemfd(): void {
    if (this.memfd >= 0) this.kernel.native.close(this.memfd);
    this.memfd = -1;
  }
}
