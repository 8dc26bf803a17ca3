// The one budget for all that guests can make grow in the kernel thread's JavaScript heap (docs/hardening.md, F25).
// Kinds are counters (counters.ts), which say how many there are; here is what one of each costs. Whoever is
// about to make one asks for room, and answers with Linux's errno when there is none: V8 ends the sandbox when
// its heap is full.
//
// Bytes of large values lie off the heap and are memory_budget.ts's.

import { totalmem } from "node:os";
import type { Counters } from "./counters.ts";
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
const HEAP_BUDGET_MAX = 768 << 20;
const HEAP_BUDGET_MIN = 64 << 20;

/** With that much memory. */
export function heapLimitFor(memory: number): number {
  return Math.max(HEAP_BUDGET_MIN, Math.min(HEAP_BUDGET_MAX, Math.floor(memory / 8)));
}

export type HeapKind = keyof typeof COSTS;

const KINDS = Object.keys(COSTS) as readonly HeapKind[];

export class HeapBudget {
  readonly #counters: Counters;
  readonly #limits: Readonly<Partial<Record<HeapKind, number>>>;
  limit: number;
  /** At least what is used: the sum as it was when somebody last made it, and all that was granted since. */
  #atMost = 0;

  /** `limits`: how many there may be of single kinds. */
  constructor(counters: Counters, limits: Readonly<Partial<Record<HeapKind, number>>>, limit: number) {
    this.#counters = counters;
    this.#limits = limits;
    this.limit = limit;
  }

  /** Bytes of the heap that guests use, by the table. */
  get used(): number {
    let used = 0;
    for (const kind of KINDS) used += this.#counters[kind] * COSTS[kind];
    return used;
  }

  /** Whether there may be `count` more of a kind; who is told so counts them at once. */
  hasRoom(kind: HeapKind, count = 1): boolean {
    if (this.#counters[kind] + count > (this.#limits[kind] ?? Number.POSITIVE_INFINITY)) return false;
    const bytes = count * COSTS[kind];
    // The sum is made only when the bound may have been reached.
    if (this.#atMost + bytes > this.limit) this.#atMost = this.used;
    this.#atMost += bytes;
    if (this.#atMost <= this.limit) return true;
    this.#atMost -= bytes;
    return false;
  }
}

/** What a container may use of memory, bytes, and of the kernel's heap by that; 0: all that there is. */
export function limitMemory(memory: MemoryBudget, heap: HeapBudget, bytes: number): void {
  memory.available = bytes > 0 ? Math.min(bytes, totalmem()) : totalmem();
  heap.limit = heapLimitFor(memory.available);
}
