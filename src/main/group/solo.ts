// All kernels of a group on the main thread, in one event loop with the control server.

import type { KernelBoot } from "../../shared/kernel_boot.ts";
import type { SandboxOptions } from "../../shared/process_spec.ts";
import { GroupHost } from "../../workers/group_host.ts";
import { openAlike } from "../../workers/idle_trim.ts";
import type { Places, Running } from "./places.ts";

const NEVER = { due: () => false, serve: () => {} };

/** Confines the process. Rejects: there is no sandbox without. */
export async function openSolo(
  hostLibrary: string,
  proc: number,
  init: number,
  options: SandboxOptions,
): Promise<Places> {
  const host = await GroupHost.make(hostLibrary, proc, openAlike());
  host.confine(init, options);
  return {
    async start(_place: number, boot: KernelBoot): Promise<Running> {
      return host.supervise(boot, NEVER);
    },
    ended: new Promise<never>(() => {}),
  };
}
