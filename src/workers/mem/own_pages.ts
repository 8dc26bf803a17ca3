// Pages of a private mapping of a file that its process has written to: they are its own by now, as anonymous memory is, and
// nobody who reaches for them waits for the file (F12). The page in which a program's data ends, and its zeroed memory
// begins, is one from the start, since the loader has written zeros there; so buffers that C programs declare lie in it.
//
// What was found last is remembered for its VMA: a change of that makes another VMA, and madvise(2), which can give pages
// back without one, forgets it.

import { PROT_WRITE } from "../../shared/abi/mman.ts";
import type { CallContext } from "../call/context.ts";
import { PAGES_AT_ONCE, Residency } from "./residency.ts";
import { type Mapped, PAGE_SIZE, VM_SHARED, type Vma } from "./vma.ts";

/** Where pages were found that are not, so many wishes are refused without a look. */
const REFUSED = 16;

function areOwn(kernel: CallContext, pid: number, from: number, pages: number): boolean {
  const map = new Residency(kernel, pid);
  const areAll = map.areOwn(from, pages);
  map.close();
  return areAll;
}

export class OwnPages {
  #vma: Vma | null = null;
  #start = 0;
  #end = 0;
  #refused = 0;

  /** Whether all pages of [start, end), which lies in the VMA, are the host process's own. False is a guess. */
  has(kernel: CallContext, pid: number, vma: Vma, start: number, end: number): boolean {
    if (vma === this.#vma && start >= this.#start && end <= this.#end) return true;
    if ((vma.prot & PROT_WRITE) === 0 || (vma.flags & VM_SHARED) !== 0) return false;
    if ((vma.backing as Mapped).isSlow === true) return false;
    if (this.#refused > 0) {
      this.#refused--;
      return false;
    }
    const from = start - (start % PAGE_SIZE);
    const pages = Math.ceil((end - from) / PAGE_SIZE);
    if (pages > PAGES_AT_ONCE || !areOwn(kernel, pid, from, pages)) {
      this.#refused = REFUSED;
      return false;
    }
    this.#remember(vma, from, from + pages * PAGE_SIZE);
    return true;
  }

  // Beside what is known of that VMA, or instead of it.
  #remember(vma: Vma, start: number, end: number): void {
    const touches = vma === this.#vma && start <= this.#end && end >= this.#start;
    this.#start = touches ? Math.min(start, this.#start) : start;
    this.#end = touches ? Math.max(end, this.#end) : end;
    this.#vma = vma;
  }

  /** Pages may be the file's again. */
  forget(): void {
    this.#vma = null;
  }
}
