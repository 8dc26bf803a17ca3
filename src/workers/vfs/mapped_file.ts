// Host descriptors of files as the kernel itself reads them and lets them go: those of a mount that may make it wait by
// its own ways (SlowDescriptor), all others at once.

import type { Native } from "../native.ts";
import type { MappedFile, SlowDescriptor } from "./file.ts";

/** Up to so many bytes at a position: fewer at the end. NOT_AT_HAND, or a negative errno. */
export function readMapped(
  native: Native,
  { hostFd, slow }: MappedFile,
  position: number,
  length: number,
): Uint8Array | number {
  const part = Math.min(length, native.scratch.length);
  if (slow !== undefined) return slow.read(position, part);
  const n = native.preadScratch(hostFd, 0, part, position);
  return n < 0 ? n : native.scratch.slice(0, n);
}

export function closeMapped(
  native: Native,
  file: { readonly hostFd: number; readonly slow?: SlowDescriptor },
): void {
  if (file.slow !== undefined) file.slow.close();
  else if (file.hostFd >= 0) native.close(file.hostFd);
}
