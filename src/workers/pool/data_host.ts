// Starting a data thread.

import type { KernelBoot, PoolApi } from "../../shared/kernel_boot.ts";
import type { Asked } from "../loop.ts";
import { patcherFor } from "../patch/patcher.ts";
import { threadParts } from "../thread_parts.ts";
import { DataKernel } from "./data_kernel.ts";
import { poolApi } from "./pool_host.ts";

/** Throws: there is no sandbox without. */
export async function runData(boot: KernelBoot, thread: number, asked: Asked): Promise<PoolApi> {
  const parts = await threadParts(boot);
  const every = patcherFor(boot.config.options)?.every ?? 0;
  return poolApi(new DataKernel(parts, { thread, threads: boot.roles.length }, every), boot, parts, asked);
}
