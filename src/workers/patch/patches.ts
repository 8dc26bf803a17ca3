// The patched sites of an address space and the pools with their trampolines. What is here says what was written to
// the memory; patcher.ts writes. A forked child, whose memory is a copy, has a copy of this.
//
// A place in a pool is used again only when the memory of its site is gone: a thread that was interrupted inside a
// trampoline, and goes on later, must find what it left.

import type { Counters } from "../counters.ts";
import { HeldPages } from "./held_pages.ts";
import { type PatchSite, type Refusal, SYSCALL_LENGTH } from "./site.ts";
import { guestAddress, POOL_PLACES, POOL_SIZE, suits, TRAMPOLINE_SIZE } from "./trampoline.ts";
import type { TrapCounts } from "./trap_counts.ts";

/** Sites of an address space, and the others of which it is known why they are none. */
const SITES_MAX = 1024;
const REFUSED_MAX = 1024;
/** Undone sites that are remembered: threads may yet report a breakpoint of them. */
const FORMER_MAX = 256;
const POOLS_MAX = 8;
const PAGE_SIZE = 4096;
const POOL_PAGES = POOL_SIZE / PAGE_SIZE;

export interface PatchedSite extends PatchSite {
  readonly trampoline: number;
  /** What was written over the original's first bytes. */
  readonly jump: Uint8Array;
}

export class Pool {
  readonly base: number;
  readonly memory: HeldPages;
  readonly #places: (PatchedSite | null)[];

  constructor(base: number, memory: HeldPages, places: readonly (PatchedSite | null)[] = [null]) {
    this.base = base;
    this.memory = memory;
    this.#places = [...places];
  }

  get end(): number {
    return this.base + POOL_SIZE;
  }

  copy(): Pool {
    return new Pool(this.base, this.memory.share(), this.#places);
  }

  /** Address of a free place for a site, or -1. */
  freePlace(site: PatchSite): number {
    // The first one holds the entry's address.
    for (let place = 1; place < POOL_PLACES; place++) {
      const at = this.base + place * TRAMPOLINE_SIZE;
      if ((this.#places[place] ?? null) === null && suits(site, at)) return at;
    }
    return -1;
  }

  put(site: PatchedSite): void {
    const place = this.#placeOf(site.trampoline);
    while (this.#places.length < place) this.#places.push(null);
    this.#places[place] = site;
  }

  release(site: PatchedSite): void {
    this.#places[this.#placeOf(site.trampoline)] = null;
  }

  /** Of which site the trampoline at an address is. */
  siteAt(address: number): PatchedSite | null {
    return this.#places[this.#placeOf(address)] ?? null;
  }

  sites(): PatchedSite[] {
    return this.#places.filter((site) => site !== null);
  }

  #placeOf(address: number): number {
    return Math.floor((address - this.base) / TRAMPOLINE_SIZE);
  }
}

export class Patches {
  readonly #counters: Counters;
  readonly #counts: TrapCounts;
  readonly #space: number;
  readonly pools: Pool[] = [];
  hasGivenUp = false;
  #held = 0;
  /** By address; those that are undone are not here any more. */
  #sites: PatchedSite[] = [];
  readonly #refused = new Map<number, Refusal>();
  /** All that are refused lie from the one to the other. */
  #refusedFrom = Number.POSITIVE_INFINITY;
  #refusedTo = 0;
  /** Pages that have been written, by their numbers, until their memory goes: a pool may go before, with its sites. */
  readonly #pages = new Map<number, HeldPages>();
  readonly #written = new Set<number>();
  /** Where sites were, the last ones. */
  readonly #former = new Set<number>();

  /** `counts`: where traps of the address space of that number are counted. */
  constructor(counters: Counters, counts: TrapCounts, space: number) {
    this.#counters = counters;
    this.#counts = counts;
    this.#space = space;
  }

  /** For the address space of a child, of that number. */
  copy(space: number): Patches {
    const copy = new Patches(this.#counters, this.#counts, space);
    for (const pool of this.pools) copy.pools.push(pool.copy());
    copy.#sites = [...this.#sites];
    for (const [page, memory] of this.#pages) copy.#pages.set(page, memory.share());
    for (const at of this.#former) copy.#former.add(at);
    copy.#hold(this.#held);
    return copy;
  }

  /** The address space is gone. */
  release(): void {
    this.#hold(-this.#held);
    this.#sites = [];
    this.#counters.refusedSites -= this.#refused.size;
    this.#refused.clear();
    for (const { memory } of this.pools) memory.release();
    this.pools.length = 0;
    for (const memory of this.#pages.values()) memory.release();
    this.#pages.clear();
  }

  /** Trampolines that there are, those of undone sites too. */
  get size(): number {
    return this.#held;
  }

  /** Whether there may be another site, and another page that was written. */
  get mayAdd(): boolean {
    return this.#held < SITES_MAX && this.#pages.size < SITES_MAX;
  }

  #hold(change: number): void {
    this.#held += change;
    this.#counters.patchedSites += change;
  }

  // ---- Sites ----

  /** The site with that syscall instruction. */
  find(syscall: number): PatchedSite | null {
    const site = this.#sites[this.#firstFrom(syscall) - 1];
    return site !== undefined && site.syscall === syscall ? site : null;
  }

  /** The site whose instruction begins there. */
  findAt(at: number): PatchedSite | null {
    const site = this.#sites[this.#firstFrom(at)];
    return site !== undefined && site.at === at ? site : null;
  }

  /** The site in whose jump an instruction begins there. */
  findByBorder(address: number): PatchedSite | null {
    const site = this.#sites[this.#firstFrom(address) - 1];
    return site !== undefined && site.border >= 0 && site.at + site.border === address ? site : null;
  }

  add(site: PatchedSite, pool: Pool): void {
    pool.put(site);
    this.#sites.splice(this.#firstFrom(site.at), 0, site);
    const page = pageOf(site.at);
    if (!this.#pages.has(page)) this.#pages.set(page, new HeldPages(this.#counters, 1));
    this.#hold(1);
  }

  /** Sites of which something lies in [start, end). */
  within(start: number, end: number): PatchedSite[] {
    const found: PatchedSite[] = [];
    const first = Math.max(0, this.#firstFrom(start) - 1);
    for (let i = first; i < this.#sites.length && this.#sites[i]!.at < end; i++) {
      const site = this.#sites[i]!;
      if (site.syscall + SYSCALL_LENGTH > start) found.push(site);
    }
    return found;
  }

  /** The guest may have written to the pages in [start, end) from now on. */
  givePages(start: number, end: number): void {
    const [first, last] = [pageOf(start), pageOf(end)];
    if (last - first < this.#pages.size) for (let page = first; page < last; page++) this.#givePage(page);
    else for (const page of this.#pages.keys()) if (page >= first && page < last) this.#givePage(page);
  }

  #givePage(page: number): void {
    this.#pages.get(page)?.release();
    this.#pages.delete(page);
  }

  /** Whether the page at an address is a copy that was made to patch it. */
  hasPatchedPage(address: number): boolean {
    return this.#pages.has(pageOf(address));
  }

  /** The original bytes of a site stand again: its trampoline is left to threads that were inside. */
  undone(site: PatchedSite): void {
    this.#drop(site);
    this.#former.add(site.at);
    if (site.border >= 0) this.#former.add(site.at + site.border);
    while (this.#former.size > FORMER_MAX) this.#former.delete(this.#former.values().next().value!);
  }

  /** Sites whose trampolines are in a pool, and whose jumps stand. */
  sitesOf(pool: Pool): PatchedSite[] {
    return this.#sites.filter(({ trampoline }) => pool.base <= trampoline && trampoline < pool.end);
  }

  remove(pool: Pool): void {
    const index = this.pools.indexOf(pool);
    if (index < 0) return; // its address space was released meanwhile
    this.pools.splice(index, 1);
    pool.memory.release();
    this.#hold(-pool.sites().length);
  }

  /** A breakpoint may stand there while bytes are written. */
  beginWriting(at: number): void {
    this.#written.add(at);
  }

  endWriting(at: number): void {
    this.#written.delete(at);
  }

  isBeingWritten(at: number): boolean {
    return this.#written.has(at);
  }

  /** Whether a breakpoint may have stood there while a site was patched, or the reverse. */
  hadBreakpointAt(at: number): boolean {
    return this.#former.has(at) || this.findAt(at) !== null || this.findByBorder(at) !== null;
  }

  /** The memory in [start, end) is gone, or other memory. */
  forget(start: number, end: number): void {
    for (const site of this.within(start, end)) {
      this.#drop(site);
      this.poolOf(site.trampoline)?.release(site);
      this.#hold(-1);
      this.#counts.forget(site.syscall + SYSCALL_LENGTH, this.#space);
    }
    this.givePages(start, end);
    if (end <= this.#refusedFrom || start > this.#refusedTo) return;
    for (const address of this.#refused.keys())
      if (address >= start && address < end && this.#refused.delete(address)) {
        this.#counters.refusedSites--;
        this.#counts.forget(address + SYSCALL_LENGTH, this.#space);
      }
  }

  #drop(site: PatchedSite): void {
    const index = this.#sites.indexOf(site);
    if (index < 0) return;
    this.#sites.splice(index, 1);
  }

  #firstFrom(address: number): number {
    let low = 0;
    let high = this.#sites.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sites[middle]!.at < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // ---- Sites that stay ----

  /** Nothing is patched here any more: the host refused to write. */
  giveUp(): Refusal {
    this.hasGivenUp = true;
    return "the host refuses to write it";
  }

  refuse(syscall: number, why: Refusal): void {
    if (!this.mayRefuse) return;
    if (!this.#refused.has(syscall)) this.#counters.refusedSites++;
    this.#refused.set(syscall, why);
    this.#refusedFrom = Math.min(this.#refusedFrom, syscall);
    this.#refusedTo = Math.max(this.#refusedTo, syscall);
  }

  get mayRefuse(): boolean {
    return this.#refused.size < REFUSED_MAX;
  }

  whyNot(syscall: number): Refusal | undefined {
    return this.#refused.get(syscall);
  }

  // ---- Pools ----

  get mayAddPool(): boolean {
    return this.pools.length < POOLS_MAX;
  }

  /** There is a pool now, with nothing in it. */
  addPool(base: number): Pool {
    const pool = new Pool(base, new HeldPages(this.#counters, POOL_PAGES));
    this.pools.push(pool);
    return pool;
  }

  poolOf(address: number): Pool | undefined {
    return this.pools.find((pool) => address >= pool.base && address < pool.end);
  }

  /** Whether a pool lies in [start, end). */
  anyPoolIn(start: number, end: number): boolean {
    return this.pools.some((pool) => pool.base < end && start < pool.end);
  }

  poolsIn(start: number, end: number): Pool[] {
    return this.pools.filter((pool) => pool.base < end && start < pool.end);
  }

  /** The parts of [start, end) that are not pools': host calls on memory of the guest leave those out. */
  outside(ranges: readonly [number, number][]): [number, number][] {
    let left = [...ranges];
    for (const { base, end } of this.pools)
      left = left.flatMap(([from, to]): [number, number][] => {
        if (end <= from || to <= base) return [[from, to]];
        return [
          [from, base],
          [end, to],
        ].filter(([a, b]) => a! < b!) as [number, number][];
      });
    return left;
  }

  /** The guest's address for one in a trampoline; -1 if it is none. */
  guestAddressOf(rip: number): number {
    const pool = this.poolOf(rip);
    const site = pool?.siteAt(rip) ?? null;
    return site === null ? -1 : guestAddress(site, rip - site.trampoline);
  }
}

function pageOf(address: number): number {
  return Math.floor(address / PAGE_SIZE);
}

/** Whether the replaced bytes of a site lie in one page, with the syscall instruction. */
export function isInOnePage(site: PatchSite): boolean {
  return pageOf(site.at) === pageOf(site.syscall + SYSCALL_LENGTH - 1);
}
