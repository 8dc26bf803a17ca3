// Confining the sandbox process (native/host/confine.c): once, when all its threads have loaded what they will ever need.

import type { Native } from "./native.ts";

/** What a process may ask of the host beside what every sandbox does, as confine.c has it. */
export const Part = { HOST_NETWORK: 1, KERNELS: 2, TRACED_KERNELS: 4 } as const;

/** `init`: its boot socket, which is closed. Throws: there is no sandbox without. */
export function confineProcess(native: Native, init: number, parts: number): void {
  const error = native.confine(init, parts);
  if (error < 0) throw new Error(`confining the sandbox process: errno ${-error}`);
}
