// One VMA: a range of an address space whose pages have the same protection, flags and backing. VMAs
// are values: never changed after they were made, so that forked address spaces and plans share them.

import type { PidNumbers } from "../call/pid.ts";

export const PAGE_SIZE = 4096;

/** Linux keeps so much free below a mapping that grows down (stack_guard_gap, 256 pages). */
export const STACK_GUARD_GAP = 256 * PAGE_SIZE;

// Flags; those that Linux shows in smaps have its meaning.
export const VM_SHARED = 1 << 0;
export const VM_GROWSDOWN = 1 << 1;
export const VM_NORESERVE = 1 << 2;
export const VM_LOCKED = 1 << 3;
export const VM_DONTFORK = 1 << 5; // MADV_DONTFORK: absent in a child
export const VM_WIPEONFORK = 1 << 6; // zero-filled in a child
export const VM_DONTDUMP = 1 << 7;
export const VM_HUGEPAGE = 1 << 8;
export const VM_NOHUGEPAGE = 1 << 9;
export const VM_SEALED = 1 << 10; // mseal: no unmapping, moving or changing
export const VM_HIDDEN = 1 << 11; // not in /proc/PID/maps: trampoline pools, what the host sealed
export const VM_ATTACHED = 1 << 12; // its backing counts its VMAs, which never become one again

/** What backs a VMA that is not private anonymous memory; compared by identity. */
export type Backing = object;

/** The kinds of backing there are: files and shared anonymous regions, as maps and futexes name them. */
export interface Mapped {
  /** Unique in the kernel. */
  readonly id: number;
  /** As /proc/PID/maps shows it. */
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  /** Its host may not give its pages for as long as it likes: the kernel touches none of them. */
  readonly isSlow?: boolean;
}

/** A backing that counts the VMAs that it stands in, those of VM_ATTACHED (Linux: vm_ops with open and close). */
export interface CountedBacking extends Mapped {
  /** VMAs of it came or went, by the doing of that process. */
  vmasChanged(change: number, process: PidNumbers | null): void;
}

export interface Vma {
  /** Page aligned; end is the first byte behind. */
  readonly start: number;
  readonly end: number;
  /** PROT_* */
  readonly prot: number;
  /** The most that mprotect may ask for: a shared mapping of a read-only descriptor never gets PROT_WRITE. */
  readonly maxProt: number;
  /** VM_* */
  readonly flags: number;
  readonly backing: Backing | null;
  /** Byte in the backing that lies at `start`; 0 for private anonymous memory. */
  readonly offset: number;
  /** As /proc/PID/maps shows it: "[heap]", "[stack]", "[vdso]", "[anon:...]"; "" for none or for a file's path. */
  readonly name: string;
}

/** What can be changed in place. */
export interface VmaChange {
  prot?: number;
  setFlags?: number;
  clearFlags?: number;
  name?: string;
}

/** The part of a VMA that lies in [start, end), which must overlap it. */
export function clip(vma: Vma, start: number, end: number): Vma {
  if (start <= vma.start && end >= vma.end) return vma;
  const from = Math.max(start, vma.start);
  const offset = vma.backing === null ? 0 : vma.offset + (from - vma.start);
  return { ...vma, start: from, end: Math.min(end, vma.end), offset };
}

/** The same memory at another address. */
export function moved(vma: Vma, start: number): Vma {
  return { ...vma, start, end: start + (vma.end - vma.start) };
}

export function changed(vma: Vma, change: VmaChange): Vma {
  return {
    ...vma,
    prot: change.prot ?? vma.prot,
    flags: (vma.flags | (change.setFlags ?? 0)) & ~(change.clearFlags ?? 0),
    name: change.name ?? vma.name,
  };
}

/** Whether `high` continues `low`, so that both are one VMA. */
export function mergeable(low: Vma, high: Vma): boolean {
  return (
    low.end === high.start &&
    low.prot === high.prot &&
    low.maxProt === high.maxProt &&
    low.flags === high.flags &&
    (low.flags & VM_ATTACHED) === 0 &&
    low.backing === high.backing &&
    low.name === high.name &&
    (low.backing === null || low.offset + (low.end - low.start) === high.offset)
  );
}
