// What all kernel threads beside thread 0 start with: everything that one needs is loaded before the process is
// confined, and its loop begins when thread 0 has made what they share.

import { getHeapStatistics } from "node:v8";
import { type ElsewhereReport, TASKS_TOLD } from "../../shared/inspect_report.ts";
import type { KernelBoot, PoolApi } from "../../shared/kernel_boot.ts";
import { letOthersGoOn } from "../call/pieces.ts";
import { OF_THREAD_0 } from "../counters.ts";
import { IdleTrim } from "../idle_trim.ts";
import { type Asked, KernelThread } from "../loop.ts";
import { SocketSubjects } from "../profile/socket_subjects.ts";
import { ThreadProfiler } from "../profile/thread_profiler.ts";
import { breakThread } from "../thread_faults.ts";
import { reportThread } from "../thread_figures.ts";
import { reportHeap } from "../thread_heap.ts";
import type { ThreadParts } from "../thread_parts.ts";
import type { PoolKernel } from "./pool_kernel.ts";

/** Nothing is alike in a thread that others have not (idle_trim.ts). */
const NO_ALIKE = -1;

/** V8 makes text of a stack when it is read: that of thousands takes longer than a turn. */
async function waitsOf(kernel: PoolKernel): Promise<ElsewhereReport[]> {
  const told: ElsewhereReport[] = [];
  for (const wait of kernel.waits()) {
    told.push(wait);
    if (told.length === TASKS_TOLD) break;
    if (kernel.longTurns.isFull) await letOthersGoOn(kernel);
  }
  kernel.owesAnswer = true;
  return told;
}

/** What the main thread may ask of such a thread once it runs, whoever runs it. */
export function answersOf(
  kernel: PoolKernel,
  { config, roles }: KernelBoot,
  asked: Asked,
): Pick<PoolApi, "counters" | "report" | "inspect" | "breakThread" | "profileStart" | "profileStop"> {
  const role = roles[kernel.thread]!;
  /** Made when somebody asks: a start has no use for it. */
  let profiler: ThreadProfiler | null = null;
  return {
    async profileStart(options) {
      asked.serve();
      // Which files data threads read, thread 0 alone knows.
      const view = role === "net" ? { subjects: () => new SocketSubjects() } : null;
      profiler ??= new ThreadProfiler(kernel, () => reportThread(kernel, role), view);
      profiler.start(options);
    },

    async profileStop() {
      asked.serve();
      return profiler?.stop() ?? null;
    },

    async counters() {
      asked.serve();
      const heap = { heapCharged: kernel.heap.used, heapUsed: getHeapStatistics().used_heap_size };
      return { ...kernel.counters.toRecord(OF_THREAD_0), ...heap };
    },

    async report() {
      asked.serve();
      return reportThread(kernel, role);
    },

    async inspect({ tasks, heap, kernelStacks, logLevel }) {
      asked.serve();
      if (logLevel !== undefined) kernel.log.setLevel?.(logLevel);
      if (kernelStacks !== undefined) kernel.keepsStacks = kernelStacks;
      return {
        ...(tasks === true && { waits: await waitsOf(kernel) }),
        ...(heap === true && { heap: reportHeap(kernel.thread, roles[kernel.thread]!) }),
      };
    },

    async breakThread(how) {
      asked.serve();
      if (config.options.hostFaults === true) breakThread(how, kernel);
      return config.options.hostFaults === true;
    },
  };
}

export function poolApi(
  kernel: PoolKernel,
  boot: KernelBoot,
  { native, descriptors, uv }: ThreadParts,
  asked: Asked,
): PoolApi {
  kernel.longTurns.watchCollector();
  const thread = new KernelThread(kernel, asked, uv, new IdleTrim(native, descriptors.proc, NO_ALIKE));
  return {
    ...answersOf(kernel, boot, asked),

    async isReady() {},

    async begin() {
      setImmediate(thread.run);
    },
  };
}
