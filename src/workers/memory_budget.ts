// The one budget for memory that no process owns (docs/hardening.md, F28): contents of memory file systems and
// memfds, pages of pipes, what is on its way in sockets and message queues; and what the kernel makes in processes
// unasked, to patch their call sites. Together they may take a share of what the host, or the container's limit,
// gives; each mount's own size is below that.
//
// Each kernel thread counts what it uses. Where there are several, they draw from one total.

import type { Credit } from "../shared/ring/credit.ts";
import type { Counters } from "./counters.ts";

/** The rest is for the processes themselves, and for the kernel. Linux gives half of it to each tmpfs. */
const SHARE = 0.5;
const PAGE_SIZE = 4096;
const LEFT_BY_FILES = 1 << 20;
/**
 * Of the limit, what may be used once more while the host still frees it: who removes a file finds its room at once, as
 * on Linux, where unlink(2) frees it.
 */
const GOING_SHARE = 1 / 8;

/** Bytes, with so much memory. */
export function memoryLimitFor(available: number): number {
  return Math.floor(available * SHARE);
}

/** What is drawn of it, of so many bytes: pages, of which 32 bits count 8 TiB. */
export function memoryUnits(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE);
}

export class MemoryBudget {
  readonly #counters: Counters;
  #available = 0;
  /** What this thread may use without asking others: all, or what it has drawn. */
  #own = 0;
  /** Where several kernel threads use memory (credits.ts); null: all is this thread's. */
  #credit: Credit | null = null;

  /** `available`: memory of the host, or what the container may use of it. */
  constructor(counters: Counters, available: number) {
    this.#counters = counters;
    this.available = available;
  }

  /** Others draw from the same memory. */
  share(credit: Credit): void {
    this.#credit = credit;
    this.#own = 0;
  }

  get available(): number {
    return this.#available;
  }

  /** Where it is shared, thread 0 sets it for all. */
  set available(bytes: number) {
    this.#available = bytes;
    if (this.#credit === null) this.#own = memoryLimitFor(bytes);
    else this.#credit.limit = memoryUnits(memoryLimitFor(bytes));
  }

  /** What all threads may use together. */
  get limit(): number {
    return this.#credit === null ? this.#own : this.#credit.limit * PAGE_SIZE;
  }

  /** By this thread. */
  get used(): number {
    const counters = this.#counters;
    const { memoryFileBytes, pipePages, patchPages, socketMemory, packetMemory, messageBytes } = counters;
    const pages = (pipePages + patchPages) * PAGE_SIZE;
    const files = memoryFileBytes - this.#lent;
    return files + pages + socketMemory + packetMemory + counters.packetRingBytes + messageBytes;
  }

  /** By all threads, with what they have drawn ahead. */
  get usedByAll(): number {
    const credit = this.#credit;
    if (credit === null) return this.used;
    return Math.max(0, (credit.limit - credit.left) * PAGE_SIZE - (this.#own - this.used));
  }

  get #lent(): number {
    const { goingFileBytes } = this.#counters;
    return goingFileBytes === 0 ? 0 : Math.min(goingFileBytes, this.limit * GOING_SHARE);
  }

  get left(): number {
    const elsewhere = this.#credit === null ? 0 : this.#credit.left * PAGE_SIZE;
    return Math.max(0, this.#own - this.used + elsewhere);
  }

  /** What files find: they leave something, so that pipes and sockets work where file systems are full. */
  get leftToFiles(): number {
    return Math.max(0, this.left - LEFT_BY_FILES);
  }

  hasRoom(bytes: number): boolean {
    const wanted = this.used + bytes;
    return wanted <= this.#own || this.#draws(wanted, 0);
  }

  /** As hasRoom, within leftToFiles. */
  hasRoomForFiles(bytes: number): boolean {
    const credit = this.#credit;
    const wanted = this.used + bytes;
    if (credit === null) return wanted + LEFT_BY_FILES <= this.#own;
    if (wanted > this.#own) return this.#draws(wanted, LEFT_BY_FILES);
    return this.#own - wanted + credit.left * PAGE_SIZE >= LEFT_BY_FILES;
  }

  #draws(wanted: number, reserve: number): boolean {
    const credit = this.#credit;
    if (credit?.draw(memoryUnits(wanted), memoryUnits(reserve)) !== true) return false;
    this.#own = credit.drawn * PAGE_SIZE;
    return true;
  }

  /** As Credit.settle. */
  settle(isGoingToSleep: boolean): void {
    const credit = this.#credit;
    if (credit === null) return;
    credit.settle(memoryUnits(this.used), isGoingToSleep);
    this.#own = credit.drawn * PAGE_SIZE;
  }
}
