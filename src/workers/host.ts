// Starting the kernel: on the calling thread, which becomes kernel thread 0.

import type { KernelBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { confineProcess, Part } from "./confine.ts";
import { HostFaults } from "./host_faults.ts";
import { IdleTrim, openAlike } from "./idle_trim.ts";
import { Kernel } from "./kernel.ts";
import { kernelApi } from "./kernel_api.ts";
import { type Asked, KernelThread } from "./loop.ts";
import { readVdso } from "./mem/vdso.ts";
import { SocketMaker } from "./net/host/maker.ts";
import { Keeper } from "./net/link/keeper.ts";
import { Stillness } from "./stillness.ts";
import { threadParts } from "./thread_parts.ts";

/**
 * Makes the calling thread kernel thread 0, and confines the process: everything has been loaded, in this thread and
 * the others, and no guest has run. Its loop begins when the event loop turns. Throws: there is no sandbox without.
 */
export async function runKernel(boot: KernelBoot, asked: Asked): Promise<KernelApi> {
  const { native, memory, sab, descriptors, log, strace, uv } = await threadParts(boot);
  const kernel = new Kernel(native, memory, sab, boot.config, descriptors, log, strace, boot.roles);
  kernel.boot(readVdso());
  kernel.longTurns.watchCollector();
  const trim = new IdleTrim(native, descriptors.proc, openAlike());
  kernel.network.devices.isHosts = boot.descriptors.maker !== undefined;
  if (boot.descriptors.keeper !== undefined && kernel.netThread === null)
    new Keeper(kernel, boot.descriptors.keeper);
  if (boot.descriptors.maker !== undefined)
    kernel.hostNetwork = new SocketMaker(kernel, boot.descriptors.maker);
  if (boot.roles.length === 1) kernel.stillness = new Stillness(kernel);
  confineProcess(native, boot.init, boot.descriptors.maker === undefined ? 0 : Part.HOST_NETWORK);
  const thread = new KernelThread(kernel, asked, uv, trim);
  setImmediate(thread.run);
  const faults =
    boot.config.options?.hostFaults === true ? new HostFaults(native, kernel.counters, log) : null;
  return kernelApi(kernel, asked, faults);
}
