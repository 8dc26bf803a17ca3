// The one budget for memory that no process owns (docs/hardening.md, F28): contents of memory file systems and
// memfds, pages of pipes, what is on its way in sockets and message queues; and what the kernel makes in processes
// unasked, to patch their call sites. Together they may take a share of what the host, or the container's limit,
// gives; each mount's own size is below that.

import type { Counters } from "./counters.ts";

/** The rest is for the processes themselves, and for the kernel. Linux gives half of it to each tmpfs. */
const SHARE = 0.5;
/** Of as much again, what a kernel thread has which has sockets alone. */
export const NET_PART = 1 / 4;
const PAGE_SIZE = 4096;
const LEFT_BY_FILES = 1 << 20;
/**
 * Of the limit, what may be used once more while the host still frees it: who removes a file finds its room at once, as
 * on Linux, where unlink(2) frees it.
 */
const GOING_SHARE = 1 / 8;

export class MemoryBudget {
  readonly #counters: Counters;
  /** Of the share, what is this thread's to give. */
  readonly #part: number;
  #available = 0;

  /** `available`: memory of the host, or what the container may use of it. */
  constructor(counters: Counters, available: number, part = 1) {
    this.#counters = counters;
    this.#part = part;
    this.available = available;
  }

  get available(): number {
    return this.#available;
  }

  set available(bytes: number) {
    this.#available = bytes;
  }

  get limit(): number {
    return Math.floor(this.#available * SHARE * this.#part);
  }

  get used(): number {
    const counters = this.#counters;
    const { memoryFileBytes, pipePages, patchPages, socketMemory, packetMemory, messageBytes } = counters;
    const pages = (pipePages + patchPages) * PAGE_SIZE;
    const files = memoryFileBytes - this.#lent;
    return files + pages + socketMemory + packetMemory + counters.packetRingBytes + messageBytes;
  }

  get #lent(): number {
    return Math.min(this.#counters.goingFileBytes, this.limit * GOING_SHARE);
  }

  get left(): number {
    return Math.max(0, this.limit - this.used);
  }

  /** What files find: they leave something, so that pipes and sockets work where file systems are full. */
  get leftToFiles(): number {
    return Math.max(0, this.left - LEFT_BY_FILES);
  }

  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }
}
