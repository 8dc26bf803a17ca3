// The one budget for all that guests can make grow in the kernel thread's JavaScript heap (docs/hardening.md, F25).
// Kinds are counters (counters.ts), which say how many there are; here is what one of each costs. Whoever is
// about to make one asks for room, and answers with Linux's errno when there is none: V8 ends the sandbox when
// its heap is full.
//
// Bytes of large values lie off the heap and are memory_budget.ts's.
//
// Each kernel thread has a heap of its own, with V8's limit for each. Yet all of them draw from one budget (credits.ts): it
// is a part of the memory as well, and what a sandbox may make is not to depend on which thread has it. One thread alone can
// never have more than the budget, which stays below the limit of one heap.

import type { Credit } from "../shared/ring/credit.ts";
import type { Counters } from "./counters.ts";
import type { HostShare } from "./host_share.ts";
import type { MemoryBudget } from "./memory_budget.ts";

/** A connection of TCP, with or without a socket. */
export const CONVERSATION_COST = 6144;

/** A flow of conntrack, with its places in the table. */
export const TRACKED_FLOW_COST = 1024;

/**
 * Bytes of heap that one of each costs, with what hangs off it: measured with a few hundred thousand of each
 * (`heapUsed` of the counters), and rounded up. Shared parts count for each.
 */
const COSTS = {
  tasks: 14336,
  /** What is left of a process until it is waited for is of this size, too. */
  unreaped: 12288,
  pidNamespaces: 1024,
  userNamespaces: 2048,
  idExtents: 256,
  smallNamespaces: 2048,
  pidNumbers: 64,
  groupIds: 8,
  mappings: 480,
  openFiles: 1792,
  descriptorSlots: 8,
  epollItems: 256,
  patchedSites: 512,
  refusedSites: 96,
  waitEntries: 256,
  posixTimers: 384,
  queuedSignals: 384,
  filterBytes: 1,
  futexQueues: 512,
  fileLocks: 512,
  filesInFlight: 64,
  mounts: 3328,
  ipcObjects: 1280,
  semaphores: 24,
  semaphoreUndos: 64,
  messages: 640,
  /** Off the heap: limited all the same. */
  messageBytes: 0,
  aioEvents: 160,
  inotifyWatches: 640,
  inotifyEvents: 384,
  sockets: 1792,
  /** Beside that. */
  inetSockets: 3072,
  hostSockets: 1024,
  packetSockets: 2048,
  packetRings: 1024,
  groupMemberships: 384,
  tcpConversations: CONVERSATION_COST,
  trackedFlows: TRACKED_FLOW_COST,
  /** With its stack. */
  networks: 98304,
  netDevices: 2048,
  netAddresses: 1024,
  routes: 1024,
  rules: 768,
  neighbours: 768,
  /** A byte of Linux's account for it, at least 768 of which make a message. */
  socketMemory: 1,
  dentries: 512,
  /** With the inode. */
  deletedDentries: 1408,
  memoryNodes: 896,
  xattrs: 384,
  strings: 1,
  listed: 1,
  generatedText: 1,
  hostAnswers: 1024,
} as const satisfies Partial<Record<keyof Counters, number>>;

/** Bytes of the heap that guests may use: well below V8's own limit (HEAP_LIMIT_MB), and an eighth of the memory. */
export const HEAP_BUDGET_MAX = 768 << 20;
const HEAP_BUDGET_MIN = 64 << 20;

/** With that much memory, of a heap that gives guests `most` at most: one that several kernels share gives each its part. */
export function heapLimitFor(memory: number, most = HEAP_BUDGET_MAX): number {
  return Math.min(most, Math.max(HEAP_BUDGET_MIN, Math.floor(memory / 8)));
}

export type HeapKind = keyof typeof COSTS;

const KINDS = Object.keys(COSTS) as readonly HeapKind[];
const COSTS_IN_ORDER: readonly number[] = Object.values(COSTS);

/** Kinds that several kernel threads make. */
type Shared = Partial<Record<HeapKind, Credit>>;

export class HeapBudget {
  readonly #counters: Counters;
  readonly #limits: Partial<Record<HeapKind, number>>;
  /** What this thread may use without asking others: all, or what it has drawn. */
  #own: number;
  /** At least what is used: the sum as it was when somebody last made it, and all that was granted since. */
  #atMost = 0;
  /** That sum. */
  #summed = 0;
  /** Where there are several kernel threads; null: all is this thread's. */
  #credit: Credit | null = null;
  #shared: Shared = {};

  /** `limits`: how many there may be of single kinds. */
  constructor(counters: Counters, limits: Partial<Record<HeapKind, number>>, limit: number) {
    this.#counters = counters;
    this.#limits = limits;
    this.#own = limit;
  }

  /** Others draw from the same heap, and make things of the same kinds: this thread's limit is what it has drawn of one. */
  share(credit: Credit, kinds: Shared): void {
    this.#credit = credit;
    this.#own = 0;
    this.#shared = kinds;
    for (const kind of Object.keys(kinds) as HeapKind[]) this.#limits[kind] = 0;
  }

  /** What all threads may use together. */
  get limit(): number {
    return this.#credit === null ? this.#own : this.#credit.limit;
  }

  /** Where it is shared, thread 0 sets it for all. */
  set limit(bytes: number) {
    if (this.#credit === null) this.#own = bytes;
    else this.#credit.limit = bytes;
  }

  /** Bytes of the heap that guests use, by the table, of what this thread has made. */
  get used(): number {
    let used = 0;
    for (let i = 0; i < KINDS.length; i++) used += this.#counters[KINDS[i]!] * COSTS_IN_ORDER[i]!;
    return used;
  }

  /** Whether there may be `count` more of a kind; who is told so counts them at once. */
  hasRoom(kind: HeapKind, count = 1): boolean {
    const wanted = this.#counters[kind] + count;
    if (wanted > (this.#limits[kind] ?? Number.POSITIVE_INFINITY) && !this.#drawsKind(kind, wanted))
      return false;
    const bytes = count * COSTS[kind];
    if (this.#atMost + bytes > this.#own && !this.#finds(bytes)) return false;
    this.#atMost += bytes;
    return true;
  }

  /**
   * The bound may have been reached: only then the sum is made. What is drawn behind it is a batch in any case: were it
   * only what is wanted now, or nothing, the next who asks would make the sum again.
   */
  #finds(bytes: number): boolean {
    if (this.#atMost !== this.#summed) this.#sum();
    if (this.#draws(this.#atMost + bytes)) return true;
    this.#sum();
    return this.#atMost + bytes <= this.#own;
  }

  #sum(): void {
    this.#summed = this.used;
    this.#atMost = this.#summed;
  }

  #draws(wanted: number): boolean {
    const credit = this.#credit;
    if (credit?.draw(wanted) !== true) return false;
    this.#own = credit.drawn;
    return true;
  }

  #drawsKind(kind: HeapKind, wanted: number): boolean {
    const credit = this.#shared[kind];
    if (credit?.draw(wanted) !== true) return false;
    this.#limits[kind] = credit.drawn;
    return true;
  }

  /** As Credit.settle. */
  settle(isGoingToSleep: boolean): void {
    const credit = this.#credit;
    if (credit === null) return;
    this.#sum();
    credit.settle(this.#atMost, isGoingToSleep);
    this.#own = credit.drawn;
    for (const kind in this.#shared) {
      const shared = this.#shared[kind as HeapKind]!;
      shared.settle(this.#counters[kind as HeapKind], isGoingToSleep);
      this.#limits[kind as HeapKind] = shared.drawn;
    }
  }
}

/** What a container may use of memory, bytes, and of the kernel's heap by that; 0: all of the kernel's share. */
export function limitMemory(memory: MemoryBudget, heap: HeapBudget, bytes: number, share: HostShare): void {
  memory.available = bytes > 0 ? Math.min(bytes, share.memory) : share.memory;
  heap.limit = heapLimitFor(memory.available, share.of(HEAP_BUDGET_MAX));
}
