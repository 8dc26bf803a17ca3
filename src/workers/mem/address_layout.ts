// Where the parts of an address space begin: Linux's layout for x86-64 (arch/x86/mm/mmap.c, fs/binfmt_elf.c),
// with the stub window never in it. Randomness is injected, so that tests are exact.
//
//   image (ET_EXEC: as linked; PIE: pieBase) ... heap ... <- mmap, top down from mmapBase ... stack ... vDSO

import { TASK_SIZE, WINDOW_BASE, WINDOW_END } from "../../shared/ring/layout.ts";
import { MMAP_MIN_ADDR } from "../call/guest_range.ts";
import { PAGE_SIZE, STACK_GUARD_GAP } from "./vma.ts";
import type { Range } from "./vma_set.ts";

/** A uniform integer in [0, bound). */
export type Random = (bound: number) => number;

const MIB = 1 << 20;
const GIB = 1 << 30;
const PMD_SIZE = 2 * MIB;

/** vm.mmap_rnd_bits: pages of randomness in mmapBase and pieBase; 2^40 bytes stay clear of the window. */
const MMAP_RANDOM_PAGES = 2 ** 28;
const STACK_RANDOM_PAGES = 2 ** 22;
const BRK_RANDOM_BYTES = GIB;

/** Two thirds of the address space (ELF_ET_DYN_BASE). */
const ET_DYN_BASE = pageFloor((TASK_SIZE / 3) * 2);
/** Where mmap starts upwards when the stack has no limit (TASK_UNMAPPED_BASE). */
const UNMAPPED_BASE = pageCeil(TASK_SIZE / 3);
const MMAP_GAP_MIN = 128 * MIB;
const MMAP_GAP_MAX = pageFloor((TASK_SIZE / 6) * 5);

export interface LayoutRequest {
  random: Random;
  /** False under personality(ADDR_NO_RANDOMIZE). */
  randomize: boolean;
  /** RLIMIT_STACK in bytes; Infinity for none. */
  stackLimit: number;
  /** Bytes of the vDSO image, a multiple of the page size. */
  vdsoSize: number;
}

export interface AddressLayout {
  /** First byte above the stack. */
  readonly stackTop: number;
  readonly mmapBase: number;
  /** mmap chooses addresses from mmapBase downwards; false: upwards. */
  readonly topDown: boolean;
  /** Bias of a PIE that has an interpreter. One without, and the interpreter, go where mmap puts them. */
  readonly pieBase: number;
  /** Address of the vDSO, or 0: no room above the stack, it goes where mmap puts it. */
  readonly vdso: number;
}

export function layoutAddressSpace(request: LayoutRequest): AddressLayout {
  const { random, randomize, stackLimit, vdsoSize } = request;
  const randomPages = (count: number) => (randomize ? random(count) * PAGE_SIZE : 0);

  const stackTop = TASK_SIZE - randomPages(STACK_RANDOM_PAGES);
  const mmapOffset = randomPages(MMAP_RANDOM_PAGES);
  const pieBase = ET_DYN_BASE + randomPages(MMAP_RANDOM_PAGES);
  const topDown = Number.isFinite(stackLimit);

  let mmapBase = UNMAPPED_BASE + mmapOffset;
  if (topDown) {
    const stackRandom = randomize ? STACK_RANDOM_PAGES * PAGE_SIZE : 0;
    const gap = pageCeil(stackLimit) + stackRandom + STACK_GUARD_GAP;
    mmapBase = TASK_SIZE - Math.min(Math.max(gap, MMAP_GAP_MIN), MMAP_GAP_MAX) - mmapOffset;
    // A huge stack limit may push the base into the window: everything then goes below it.
    if (mmapBase > WINDOW_BASE && mmapBase <= WINDOW_END) mmapBase = WINDOW_BASE;
  }
  return { stackTop, mmapBase, topDown, pieBase, vdso: placeVdso(stackTop, vdsoSize, request) };
}

/** Above the stack, anywhere up to the end of the page table that maps the stack's top. */
function placeVdso(stackTop: number, size: number, { random, randomize }: LayoutRequest): number {
  const end = Math.min(Math.ceil((stackTop + size) / PMD_SIZE) * PMD_SIZE, TASK_SIZE);
  const places = Math.floor((end - size - stackTop) / PAGE_SIZE) + 1;
  if (places <= 0) return 0;
  return stackTop + (randomize ? random(places) * PAGE_SIZE : 0);
}

/**
 * Start of the heap. `imageEnd` is the end of the program's bss; `separate` is set for a PIE without
 * interpreter, which lies among the mappings: its heap starts where a PIE with one would be.
 */
export function brkStart(imageEnd: number, separate: boolean, random: Random, randomize: boolean): number {
  const base = separate ? ET_DYN_BASE : pageCeil(imageEnd);
  return randomize ? base + random(BRK_RANDOM_BYTES / PAGE_SIZE) * PAGE_SIZE : base;
}

/** The range of addresses that mmap chooses from, for VmaSet.findGap; the second is the fallback. */
export function mmapRanges(layout: AddressLayout): [Range, Range] {
  const below = { start: MMAP_MIN_ADDR, end: layout.mmapBase };
  const above = { start: layout.mmapBase, end: TASK_SIZE };
  return layout.topDown ? [below, { start: UNMAPPED_BASE, end: TASK_SIZE }] : [above, below];
}

function pageFloor(address: number): number {
  return Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
}

function pageCeil(address: number): number {
  return Math.ceil(address / PAGE_SIZE) * PAGE_SIZE;
}
