// What kernel threads use in common: one total for each, in the private SAB, from which they draw (ring/credit.ts). So what
// a sandbox may have does not depend on how many kernel threads it has. One alone has none of this: all is its own.
//
// Here is what several threads make, and is bounded for all together. Every other bound is held by the one thread that makes
// such things, or decides on them, and is of the whole sandbox already:
//
// - Thread 0: whatever tasks, names and tables take. An open socket of another thread's counts there, by its stand-in, and
//   so does a network namespace, which thread 0 alone makes and tells of.
// - The thread that has the stacks: connections, flows, packets, groups, devices, addresses, routes and rules.

import { Credit } from "../shared/ring/credit.ts";
import type { PrivateSab } from "../shared/ring/private_sab.ts";
import { HEAP_BUDGET_MAX, type HeapBudget, heapLimitFor } from "./heap_budget.ts";
import { type HostShare, shareOf } from "./host_share.ts";
import { makeLimits } from "./limits.ts";
import { type MemoryBudget, memoryLimitFor, memoryUnits } from "./memory_budget.ts";

/** Places in the private SAB. */
const MEMORY = 0;
const HEAP = 1;
/** Local sockets and those of the host are thread 0's, others NET's. */
const KINDS = { sockets: 2, socketMemory: 3 } as const;

/**
 * Units that are drawn beside what is needed. A thread holds two batches that it does not use at most: at 64 MiB, of
 * which half is the memory budget, a 64th. Of the heap's use the sum is made with each batch.
 */
const MEMORY_BATCH = 64; // 256 KiB
const HEAP_BATCH = 1 << 20;
const KIND_BATCHES = { sockets: 64, socketMemory: 256 << 10 } as const;

type SharedKind = keyof typeof KINDS;
const SHARED_KINDS = Object.keys(KINDS) as readonly SharedKind[];

interface CreditContext {
  readonly heap: HeapBudget;
  readonly commonMemory: MemoryBudget;
}

/** Before the first of several kernel threads is there: all there is for their kernel. */
export function openCredits({ credit }: PrivateSab, share: HostShare = shareOf(1)): void {
  const { memory } = share;
  const limits = makeLimits(0, share);
  const open = (account: number, limit: number) => {
    new Credit(credit, account, 0).limit = limit;
  };
  open(MEMORY, memoryUnits(memoryLimitFor(memory)));
  open(HEAP, heapLimitFor(memory, share.of(HEAP_BUDGET_MAX)));
  for (const kind of SHARED_KINDS) open(KINDS[kind], limits[kind]);
}

/** Those of one kernel thread. */
export class Credits {
  readonly #kernel: CreditContext;

  constructor({ credit }: PrivateSab, kernel: CreditContext) {
    this.#kernel = kernel;
    const kindOf = (kind: SharedKind) => new Credit(credit, KINDS[kind], KIND_BATCHES[kind]);
    kernel.commonMemory.share(new Credit(credit, MEMORY, MEMORY_BATCH));
    kernel.heap.share(new Credit(credit, HEAP, HEAP_BATCH), {
      sockets: kindOf("sockets"),
      socketMemory: kindOf("socketMemory"),
    });
  }

  /** The loop, every millisecond in which it works, and before it sleeps: others find what this thread does not use. */
  settle(isGoingToSleep: boolean): void {
    this.#kernel.commonMemory.settle(isGoingToSleep);
    this.#kernel.heap.settle(isGoingToSleep);
  }
}
