// V8's heap of the calling thread, as it tells it itself.

import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import type { HeapReport } from "../shared/inspect_report.ts";
import type { ThreadRole } from "../shared/thread_plan.ts";

export function reportHeap(thread: number, role: ThreadRole): HeapReport {
  const { used_heap_size, total_heap_size, heap_size_limit, external_memory } = getHeapStatistics();
  return {
    thread,
    role,
    used: used_heap_size,
    total: total_heap_size,
    limit: heap_size_limit,
    external: external_memory,
    spaces: Object.fromEntries(
      getHeapSpaceStatistics().map(({ space_name, space_used_size }) => [space_name, space_used_size]),
    ),
  };
}
