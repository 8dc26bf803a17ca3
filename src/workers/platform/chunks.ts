// Chunks: the memory that a stub process shares with the kernel, where its slots are. Each is a memfd of its own, which the
// kernel has mapped at a place of the guest SAB and the stub in its own memory.

import { EAGAIN } from "../../shared/abi/errno.ts";
import { MADV_DONTFORK } from "../../shared/abi/mman.ts";
import type { ChunkPlaces } from "../../shared/ring/chunk_places.ts";
import { type GuestMemory, slotNumber } from "../../shared/ring/guest_memory.ts";
import { CHUNK_FD, CHUNK_SIZE, CHUNK_SLOTS, CHUNKS } from "../../shared/ring/layout.ts";
import { Looks } from "../call/looks.ts";
import { type OperationList, SYS_close, SYS_madvise, SYS_mmap } from "../call/operation_list.ts";
import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;
/**
 * Places that keep what they have last had, for the next chunk to be mapped over it: the host is asked once, not twice, where a
 * process ends and another one begins. For how long.
 */
const STALE_MAX = 4;
const STALE_NS = 1e9;

interface ChunksContext {
  readonly native: Native;
  readonly timers: Timers;
  readonly places: ChunkPlaces;
  readonly memory: GuestMemory;
  readonly otherThreads: { renewed(slot: number): void; whenPassed(then: () => void): void } | null;
}

/** A stub process: the places of its chunks, and the memfd of the last one until it has that. */
interface Owner {
  readonly chunks: number[];
  memfd: number;
  closeMemfd(): void;
}

export class Chunks {
  readonly #kernel: ChunksContext;
  /** Places whose chunk nobody has any more, and that are mapped yet: the oldest first. */
  readonly #stale = new Set<number>();
  readonly #looks: Looks;

  constructor(kernel: ChunksContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, STALE_NS, () => {
      this.unmapStale();
      return false;
    });
  }

  /** Gives a stub process one more, mapped here and not there yet: 0, or a negative errno when places run out. */
  add(stub: Owner): number {
    const { native, places, otherThreads } = this.#kernel;
    const chunk = places.allot();
    if (chunk < 0) return -EAGAIN;
    const memfd = native.mapChunk(chunk);
    if (memfd < 0) {
      places.retire(chunk);
      return memfd;
    }
    this.#stale.delete(chunk);
    stub.chunks.push(chunk);
    for (let slot = 0; slot < CHUNK_SLOTS; slot++) otherThreads?.renewed(slotNumber(chunk, slot));
    stub.memfd = memfd;
    return 0;
  }

  /** Adds to a list of a task there: map the last one. */
  map(list: OperationList, stub: Owner): void {
    const base = CHUNKS + (stub.chunks.length - 1) * CHUNK_SIZE;
    list.donate(stub.memfd, true);
    list.call(SYS_mmap, base, CHUNK_SIZE, PROT_READ_WRITE, MAP_SHARED_FIXED, CHUNK_FD, 0);
    list.call(SYS_close, CHUNK_FD);
    list.call(SYS_madvise, base, CHUNK_SIZE, MADV_DONTFORK);
  }

  /** The last one, which its stub has not mapped, and whose slots are closed, is not needed after all. */
  drop(stub: Owner): void {
    stub.closeMemfd();
    this.#giveBack(stub.chunks.pop()!);
  }

  /** Gives the places of all back. Only when no host process can write to them any more. */
  dropAll(stub: Owner): void {
    stub.closeMemfd();
    for (const chunk of stub.chunks.splice(0)) this.#giveBack(chunk);
  }

  #giveBack(chunk: number): void {
    const { places, otherThreads } = this.#kernel;
    const leave = () => {
      places.retire(chunk);
      this.#stale.add(chunk);
      for (const oldest of this.#stale) {
        if (this.#stale.size <= STALE_MAX) break;
        this.#unmap(oldest);
      }
      this.#looks.begin();
    };
    // One of them may be writing to a file what stands in the window of somebody who was killed: those bytes, and no others.
    if (otherThreads === null) leave();
    else otherThreads.whenPassed(leave);
  }

  /** Gives back what the places without a chunk hold: at the end of all processes. */
  unmapStale(): void {
    for (const chunk of this.#stale) this.#unmap(chunk);
  }

  #unmap(chunk: number): void {
    this.#stale.delete(chunk);
    this.#kernel.memory.forgetChunk(chunk);
    this.#kernel.native.unmapChunk(chunk);
  }
}
