// A stub process: the host process of one guest address space, its chunks and slots, and its death.
// Its life: allotted (place and memfd exist) -> spawned (pid known) -> running -> dead (pidfd fired;
// slots closed, chunks unmapped) -> reaped.

import { chunkOfSlot, slotNumber } from "../../shared/ring/guest_memory.ts";
import { CHUNK_SIZE, CHUNK_SLOTS, CHUNKS, SLOT_SIZE } from "../../shared/ring/layout.ts";
import type { Kernel } from "../kernel.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { EPOLLIN } from "../sleep_set.ts";
import type { Task } from "./task.ts";

const SIGKILL = 9;
export const ZYGOTE_SPAWN = 2;
export const ZYGOTE_REAP = 3;

export class StubProcess {
  readonly kernel: Kernel;
  readonly space: AddressSpace;
  /** Places in the guest SAB, by the chunk's number in this address space. */
  readonly chunks: number[] = [];
  readonly tasks: Task[] = [];
  pid = 0;
  #pidfd = -1;
  #watch = -1;
  unexpectedNotifications = 0;

  constructor(kernel: Kernel, space: AddressSpace) {
    this.kernel = kernel;
    this.space = space;
  }

  /** Where slot `slot` of the guest SAB lies in this stub's memory. */
  slotAddress(slot: number): number {
    const index = this.chunks.indexOf(chunkOfSlot(slot));
    return CHUNKS + index * CHUNK_SIZE + (slot % CHUNK_SLOTS) * SLOT_SIZE;
  }

  /** The host process exists: learn of its death. */
  watch(pid: number): number {
    const pidfd = this.kernel.native.pidfdOpen(pid);
    if (pidfd < 0) return pidfd;
    this.pid = pid;
    this.#pidfd = pidfd;
    this.#watch = this.kernel.sleep.add(pidfd, EPOLLIN, () => this.#onDeath());
    return this.#watch < 0 ? this.#watch : 0;
  }

  /** CPU time of all the process's threads, by the host's account (CPUCLOCK_SCHED of its pid). */
  cpuTimeNs(): number {
    const { native } = this.kernel;
    if (native.clockGettime((~this.pid << 3) | 2) < 0) return 0;
    return native.scratchView.getUint32(0, true) * 1e9 + native.scratchView.getUint32(8, true);
  }

  kill(): void {
    if (this.#pidfd >= 0) this.kernel.native.pidfdSendSignal(this.#pidfd, SIGKILL);
  }

  /** Whether a slot is in use; slots are opened for tasks by stubs.ts. */
  freeSlot(): number {
    for (const chunk of this.chunks) {
      for (let slot = 0; slot < CHUNK_SLOTS; slot++) {
        const number = slotNumber(chunk, slot);
        if (this.kernel.taskAt[number] === undefined) return number;
      }
    }
    return -1;
  }

  #onDeath(): void {
    const kernel = this.kernel;
    kernel.sleep.remove(this.#pidfd, this.#watch);
    kernel.native.close(this.#pidfd);
    this.#pidfd = -1;
    for (const task of this.tasks) kernel.stubs.closeSlot(task);
    this.releaseChunks();
    kernel.stubs.reap(this.pid);
    kernel.onStubDeath(this);
  }

  /** Gives the chunks' places back. Only when no host process can write to them any more. */
  releaseChunks(): void {
    for (const chunk of this.chunks) {
      this.kernel.native.unmapChunk(chunk);
      this.kernel.memory.forgetChunk(chunk);
      this.kernel.places.retire(chunk);
    }
    this.chunks.length = 0;
  }
}
