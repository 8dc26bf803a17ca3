// What one kernel may have of what its process has, or the host: all, or its part, where several kernels share the process
// (SandboxOptions.kernels says how many there may be). A part is a kernel's own: what others leave is not lent to it, so that
// nothing that one does is felt in another's budget.

import { totalmem } from "node:os";

export interface HostShare {
  /** Bytes of the host's memory. */
  readonly memory: number;
  /** Of a number of things that a process has. */
  of(whole: number): number;
}

export function shareOf(kernels: number): HostShare {
  return {
    memory: Math.floor(totalmem() / kernels),
    of: (whole) => Math.floor(whole / kernels),
  };
}
