// What every kernel thread begins with: native entries of its own, and its event loop; and what a kernel begins with there:
// the memory that its threads share, a log.

import type { KernelBoot } from "../shared/kernel_boot.ts";
import { GuestMemory } from "../shared/ring/guest_memory.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import type { KernelDescriptors } from "./call/context.ts";
import { nativeOf } from "./guest_native.ts";
import { type HostShare, shareOf } from "./host_share.ts";
import { type Log, openLog } from "./log.ts";
import type { UvLoop } from "./loop.ts";
import { loadNative, type Native } from "./native.ts";

/** Of a thread, whatever kernels it has. */
export interface ThreadBase {
  readonly native: Native;
  /** The calling thread's event loop. */
  readonly uv: UvLoop;
}

export interface ThreadParts extends ThreadBase {
  readonly memory: GuestMemory;
  readonly sab: PrivateSab;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  readonly strace: ((line: string) => void) | null;
  readonly share: HostShare;
}

/** For the calling thread, before the process is confined. Throws. */
export async function threadBase(hostLibrary: string): Promise<ThreadBase> {
  const module = { exports: {} };
  process.dlopen(module, hostLibrary);
  return { native: await loadNative(hostLibrary), uv: module.exports as UvLoop };
}

/** A kernel's on a thread. Throws: there are more than the process can have. */
export function kernelParts({ native, uv }: ThreadBase, boot: KernelBoot): ThreadParts {
  const memory = new GuestMemory(boot.guestMemory);
  const error = native.setGuestMemory(boot.kernel, new Uint8Array(memory.buffer));
  if (error < 0) throw new Error("a process has no room for one more kernel");
  const { config, descriptors } = boot;
  return {
    native: nativeOf(native, boot.kernel),
    uv,
    memory,
    sab: new PrivateSab(boot.privateSab),
    descriptors: {
      proc: descriptors.proc!,
      cpuinfo: descriptors.cpuinfo!,
      stat: descriptors.stat!,
      loadavg: descriptors.loadavg!,
      zygote: descriptors.zygote!,
      root: descriptors.root!,
    },
    ...openLog(config, descriptors, boot.positions),
    share: shareOf(config.options.kernels ?? 1),
  };
}

/** Of a thread that has one kernel. Throws. */
export async function threadParts(boot: KernelBoot): Promise<ThreadParts> {
  return kernelParts(await threadBase(boot.hostLibrary), boot);
}
