// Which pages of an address space are in memory: what the host's page tables of its stub hold. Of a file's pages it is
// not told whether the host has them (mincore(2): of files that are not the caller's own, all count as resident).

import { O_DIRECTORY } from "../../shared/abi/fcntl.ts";
import type { CallContext } from "../call/context.ts";
import { SCRATCH_SIZE } from "../native.ts";
import { PAGE_SIZE } from "./vma.ts";

/** /proc/PID/pagemap has eight bytes a page; the highest says that it is there, or swapped, and whether it is a file's. */
const ENTRY_SIZE = 8;
const PRESENT = 0x80;
const SWAPPED = 0x40;
const OF_FILE = 0x20;
const HIGHEST_BYTE = 7;
/** Pages that one look tells of. */
export const PAGES_AT_ONCE = SCRATCH_SIZE / ENTRY_SIZE;

export class Residency {
  readonly #kernel: CallContext;
  readonly #fd: number;

  /** Of a stub's process; to be closed. One that cannot be read says that nothing is there. */
  constructor(kernel: CallContext, pid: number) {
    const { native, descriptors } = kernel;
    this.#kernel = kernel;
    const directory = native.openComponent(descriptors.proc, String(pid), O_DIRECTORY);
    this.#fd = directory < 0 ? directory : native.openComponent(directory, "pagemap", 0);
    if (directory >= 0) native.close(directory);
  }

  /** Writes 1 for each of up to PAGES_AT_ONCE pages from `start` on that is there, 0 for others; how many are. */
  look(start: number, pages: number, into: Uint8Array | null, at: number): number {
    const { native } = this.#kernel;
    const wanted = pages * ENTRY_SIZE;
    const got = this.#fd < 0 ? 0 : native.preadScratch(this.#fd, 0, wanted, (start / PAGE_SIZE) * ENTRY_SIZE);
    let resident = 0;
    for (let page = 0; page < pages; page++) {
      const entry = page * ENTRY_SIZE;
      const isThere = entry < got && (native.scratch[entry + HIGHEST_BYTE]! & PRESENT) !== 0 ? 1 : 0;
      resident += isThere;
      if (into !== null) into[at + page] = isThere;
    }
    return resident;
  }

  /** Whether up to PAGES_AT_ONCE pages from `start` on have all been written to by whose memory they are. */
  areOwn(start: number, pages: number): boolean {
    const { native } = this.#kernel;
    const wanted = pages * ENTRY_SIZE;
    if (this.#fd < 0) return false;
    if (native.preadScratch(this.#fd, 0, wanted, (start / PAGE_SIZE) * ENTRY_SIZE) < wanted) return false;
    for (let entry = 0; entry < wanted; entry += ENTRY_SIZE) {
      const bits = native.scratch[entry + HIGHEST_BYTE]!;
      if ((bits & (PRESENT | SWAPPED)) === 0 || (bits & OF_FILE) !== 0) return false;
    }
    return true;
  }

  close(): void {
    if (this.#fd >= 0) this.#kernel.native.close(this.#fd);
  }
}
