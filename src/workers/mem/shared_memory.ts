// Shared anonymous memory: one host memfd a region, which holds nothing else (docs/hardening.md, F1). The
// stubs that map it keep it alive in the host; the kernel closes its descriptor after the mapping.

import type { CallContext } from "../call/context.ts";
import type { MapSource } from "./mapping.ts";
import type { Mapped, Vma } from "./vma.ts";

/** Device of shared anonymous memory, as Linux's internal tmpfs mount shows it: 0:1. */
export const DEV_ZERO_FS = 1;

export function sharedMemory(kernel: CallContext, length: number): MapSource | number {
  const hostFd = kernel.native.memfdCreate(length);
  if (hostFd < 0) return hostFd;
  const id = kernel.nextMappedId();
  const backing: Mapped = { id, path: "/dev/zero (deleted)", dev: DEV_ZERO_FS, ino: id };
  return { backing, offset: 0, hostFd };
}

/** Whether the VMA shows a file, not memory that is nobody else's. */
export function showsFile({ backing }: Vma): boolean {
  return backing !== null && (backing as Mapped).dev !== DEV_ZERO_FS;
}
