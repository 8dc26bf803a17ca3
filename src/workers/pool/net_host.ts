// Starting the kernel thread NET: everything that it needs is loaded before the process is confined, and its loop begins
// when thread 0 has made what they share.

import { getHeapStatistics } from "node:v8";
import type { KernelBoot, NetApi } from "../../shared/kernel_boot.ts";
import { OF_THREAD_0 } from "../counters.ts";
import { IdleTrim } from "../idle_trim.ts";
import { type Asked, KernelThread } from "../loop.ts";
import { Keeper } from "../net/link/keeper.ts";
import { patcherFor } from "../patch/patcher.ts";
import { threadParts } from "../thread_parts.ts";
import { NetKernel } from "./net_kernel.ts";

/** Nothing is alike in a thread that others have not (idle_trim.ts). */
const NO_ALIKE = -1;

/** Throws: there is no sandbox without. */
export async function runNet(boot: KernelBoot, asked: Asked): Promise<NetApi> {
  const { native, memory, sab, descriptors, log, uv } = await threadParts(boot);
  const kernel = new NetKernel(
    native,
    memory,
    sab,
    descriptors,
    log,
    patcherFor(boot.config.options)?.every ?? 0,
  );
  kernel.longTurns.watchCollector();
  kernel.network.devices.isHosts = boot.descriptors.maker !== undefined;
  if (boot.descriptors.keeper !== undefined) new Keeper(kernel, boot.descriptors.keeper);
  const trim = new IdleTrim(native, descriptors.proc, NO_ALIKE);
  const thread = new KernelThread(kernel, asked, uv, trim);
  return {
    async isReady() {},

    async begin() {
      setImmediate(thread.run);
    },

    async counters() {
      asked.serve();
      const heap = { heapCharged: kernel.heap.used, heapUsed: getHeapStatistics().used_heap_size };
      return { ...kernel.counters.toRecord(OF_THREAD_0), ...heap };
    },
  };
}
