// Where the kernel runs (--workers, of which the launcher has made a choice). Solo: on Node's main thread, in one
// event loop with the control server, which saves a second isolate and half of a start. Else on threads of its own,
// which piscina keeps.

import type { KernelBoot } from "../shared/kernel_boot.ts";
import type { KernelApi } from "../shared/process_spec.ts";
import { createGuestMemory } from "../shared/ring/guest_memory.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import { threadPlan } from "../shared/thread_plan.ts";
import { runKernel } from "../workers/host.ts";
import type { Boot, Descriptors } from "./boot.ts";

export interface RunningKernel {
  api: KernelApi;
  /** Rejects when a thread of it has ended; never resolves. */
  ended: Promise<never>;
  /** Guest memory: to be held for as long as the process lives. */
  memory: WebAssembly.Memory;
}

/** What the kernel needs of the boot descriptors. */
function forKernel(descriptors: Descriptors): Descriptors {
  const { proc, cpuinfo, stat, loadavg, zygote, root, log } = descriptors;
  const { keeper, maker, "debug-log": debugLog } = descriptors;
  return {
    proc: proc!,
    cpuinfo: cpuinfo!,
    stat: stat!,
    loadavg: loadavg!,
    zygote: zygote!,
    root: root!,
    log: log!,
    ...(keeper !== undefined && { keeper }),
    ...(maker !== undefined && { maker }),
    ...(debugLog !== undefined && { "debug-log": debugLog }),
  };
}

/** Starts the kernel and confines the process: nothing can be loaded any more. Throws: there is no sandbox without. */
export async function startKernel(
  hostLibrary: string,
  positions: number,
  { config, init, descriptors }: Boot,
): Promise<RunningKernel> {
  const { workers } = config.options;
  const roles = threadPlan(workers);
  if (typeof roles === "string") throw new Error(`--workers: ${roles}`);
  const memory = createGuestMemory();
  const boot: KernelBoot = {
    config,
    descriptors: forKernel(descriptors),
    init,
    privateSab: new PrivateSab().buffer,
    guestMemory: memory.buffer as unknown as SharedArrayBuffer,
    roles,
    hostLibrary,
    positions,
  };
  if (workers === "solo") {
    const never = { due: () => false, serve: () => {} };
    return { api: await runKernel(boot, never), ended: new Promise<never>(() => {}), memory };
  }
  const { startKernelThreads } = await import("./kernel_threads.ts");
  return { ...(await startKernelThreads(boot)), memory };
}
