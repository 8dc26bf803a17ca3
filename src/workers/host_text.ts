// Texts of the host's proc.

import type { Native } from "./native.ts";

/** The whole text of an open file of the host's proc, one char per byte; "" if it cannot be read. */
export function readHostText({ native }: { readonly native: Native }, fd: number, maxLength: number): string {
  const parts: string[] = [];
  for (let done = 0; done < maxLength; ) {
    const n = native.preadScratch(fd, 0, Math.min(maxLength - done, native.scratch.length), done);
    if (n <= 0) break;
    parts.push(Buffer.from(native.scratch.subarray(0, n)).toString("latin1"));
    done += n;
  }
  return parts.join("");
}
