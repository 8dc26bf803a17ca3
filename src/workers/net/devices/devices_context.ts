// What devices and what belongs to them use of their kernel.

import type { Timers } from "../../call/timers.ts";
import type { Counters } from "../../counters.ts";
import type { HeapBudget } from "../../heap_budget.ts";

export interface DevicesContext {
  readonly counters: Counters;
  readonly heap: HeapBudget;
  readonly timers: Timers;
  readonly native: { monotonicNs(): number };
}
