// What every kernel thread begins with: native entries of its own, the memory that all share, a log.

import type { KernelBoot } from "../shared/kernel_boot.ts";
import { GuestMemory } from "../shared/ring/guest_memory.ts";
import { PrivateSab } from "../shared/ring/private_sab.ts";
import type { KernelDescriptors } from "./call/context.ts";
import { type Log, openLog } from "./log.ts";
import type { UvLoop } from "./loop.ts";
import { loadNative, type Native } from "./native.ts";

export interface ThreadParts {
  readonly native: Native;
  readonly memory: GuestMemory;
  readonly sab: PrivateSab;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  readonly strace: ((line: string) => void) | null;
  /** The calling thread's event loop. */
  readonly uv: UvLoop;
}

/** For the calling thread. Throws. */
export async function threadParts(boot: KernelBoot): Promise<ThreadParts> {
  const module = { exports: {} };
  process.dlopen(module, boot.hostLibrary);
  const native = await loadNative(boot.hostLibrary);
  const memory = new GuestMemory(boot.guestMemory);
  native.setGuestMemory(new Uint8Array(memory.buffer));
  const { config, descriptors } = boot;
  return {
    native,
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
    uv: module.exports as UvLoop,
  };
}
