// Starting the kernel thread NET.

import type { KernelBoot, PoolApi } from "../../shared/kernel_boot.ts";
import type { Asked } from "../loop.ts";
import { Keeper } from "../net/link/keeper.ts";
import { patcherFor } from "../patch/patcher.ts";
import { threadParts } from "../thread_parts.ts";
import { NetKernel } from "./net_kernel.ts";
import { poolApi } from "./pool_host.ts";

/** Throws: there is no sandbox without. */
export async function runNet(boot: KernelBoot, thread: number, asked: Asked): Promise<PoolApi> {
  const parts = await threadParts(boot);
  const { config, descriptors, roles } = boot;
  const every = patcherFor(config.options)?.every ?? 0;
  const kernel = new NetKernel(parts, { thread, threads: roles.length }, every);
  kernel.network.devices.isHosts = descriptors.maker !== undefined;
  if (descriptors.keeper !== undefined) new Keeper(kernel, descriptors.keeper);
  return poolApi(kernel, boot, parts, asked);
}
