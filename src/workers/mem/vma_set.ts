// The VMA set of one address space: what is mapped where, as the guest has to see it. The host's page
// tables are made equal to it by the stub, which may fail; so every change is first planned (checked,
// its room in the limits set aside) and committed only when the stub has reported success.
//
// A plan stays valid while its range is locked (range_lock.ts): nothing changes inside. Around it the
// set may change, so a commit cuts and merges against the set as it then is.

import { EACCES, EINVAL, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import { PROT_EXEC, PROT_WRITE } from "../../shared/abi/mman.ts";
import type { PidNumbers } from "../call/pid.ts";
import {
  type CountedBacking,
  changed,
  clip,
  mergeable,
  moved,
  PAGE_SIZE,
  VM_ATTACHED,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_SEALED,
  VM_SHARED,
  type Vma,
  type VmaChange,
} from "./vma.ts";
import { type Step, VmaPlan } from "./vma_plan.ts";
import {
  claimedStart,
  collect,
  findBelow,
  findFrom,
  highestGap,
  insert,
  lowestGap,
  remove,
  type VmaTree,
} from "./vma_tree.ts";

/** Linux's default for vm.max_map_count. */
export const MAX_MAP_COUNT = 65530;

/** What the VMA sets of a kernel have in common: how many VMAs there are in all of them, and may be. */
export interface VmaAccount {
  readonly counters: { mappings: number };
  readonly heap: { hasRoom(kind: "mappings", count: number): boolean };
  /** On whose behalf they change. */
  readonly current: { readonly process: PidNumbers | null } | null;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Bytes, maintained with every change. Linux's total_vm, data_vm, stack_vm, exec_vm, locked_vm. */
export interface VmaTotals {
  total: number;
  data: number;
  stack: number;
  exec: number;
  locked: number;
  /** Shared with others, and writable. */
  shared: number;
}

export interface GapRequest {
  /** The gap lies in [low, high). */
  low: number;
  high: number;
  length: number;
  /** A power of two, at least the page size. */
  align: number;
  /** As high as possible, instead of as low as possible. */
  topDown: boolean;
  /** Further ranges to stay clear of: what is locked. */
  blocked?: readonly Range[];
}

export class VmaSet {
  readonly #limit: number;
  readonly #shared: VmaAccount | null;
  readonly #excluded: readonly Range[];
  #tree: VmaTree = null;
  #totals: VmaTotals = { total: 0, data: 0, stack: 0, exec: 0, locked: 0, shared: 0 };
  /** How many VMAs each backing has that counts them, and what a change under way has not told yet. */
  #attached: Map<CountedBacking, number> | null = null;
  readonly #untold = new Map<CountedBacking, number>();
  #sealedBytes = 0;
  #reservedMaps = 0;
  #reservedBytes = 0;

  /** `excluded` ranges never hold a VMA: the stub window. */
  constructor(excluded: readonly Range[], limit: number = MAX_MAP_COUNT, shared: VmaAccount | null = null) {
    this.#excluded = excluded;
    this.#limit = limit;
    this.#shared = shared;
  }

  get count(): number {
    return this.#tree === null ? 0 : this.#tree.size;
  }

  get totals(): Readonly<VmaTotals> {
    return this.#totals;
  }

  /** Bytes that open plans may add to totals.total: to be counted against RLIMIT_AS. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** The address space of a forked child. Shares everything; O(1). */
  clone(): VmaSet {
    const copy = new VmaSet(this.#excluded, this.#limit, this.#shared);
    copy.#tree = this.#tree;
    copy.#totals = { ...this.#totals };
    copy.#sealedBytes = this.#sealedBytes;
    copy.#counted(this.count);
    for (const [backing, vmas] of this.#attached ?? []) copy.#count(backing, vmas);
    copy.#tell(this.#actor);
    return copy;
  }

  /** The end of the address space: nothing is mapped any more. `process`: whose it was. */
  clear(process = this.#actor): void {
    for (const [backing, vmas] of this.#attached ?? []) this.#count(backing, -vmas);
    this.#tell(process);
    this.#counted(-this.count);
    this.#tree = null;
    this.#sealedBytes = 0;
    this.#totals = { total: 0, data: 0, stack: 0, exec: 0, locked: 0, shared: 0 };
  }

  #counted(change: number): void {
    if (this.#shared !== null) this.#shared.counters.mappings += change;
  }

  get #actor(): PidNumbers | null {
    return this.#shared?.current?.process ?? null;
  }

  #count(backing: CountedBacking, change: number): void {
    this.#untold.set(backing, (this.#untold.get(backing) ?? 0) + change);
  }

  // At the end of a change: what is cut out and put back in other pieces was never gone.
  #tell(process: PidNumbers | null): void {
    for (const [backing, change] of this.#untold) {
      if (change === 0) continue;
      this.#attached ??= new Map();
      const vmas = (this.#attached.get(backing) ?? 0) + change;
      if (vmas === 0) this.#attached.delete(backing);
      else this.#attached.set(backing, vmas);
      backing.vmasChanged(change, process);
    }
    this.#untold.clear();
  }

  /** Backings that count their VMAs here. */
  get attachments(): number {
    return this.#attached?.size ?? 0;
  }

  /** The first VMA of a counted backing that ends above `address` and fits; null: none. */
  firstAttached(address: number, fits: (vma: Vma) => boolean): Vma | null {
    if (this.#attached === null || this.#attached.size === 0) return null;
    const attached = (vma: Vma) => (vma.flags & VM_ATTACHED) !== 0 && fits(vma);
    return this.overlapping(address, Number.POSITIVE_INFINITY).find(attached) ?? null;
  }

  /** Whether all address spaces together may have so many VMAs more. */
  get mayBeCloned(): boolean {
    return this.#sharedRoom(this.count);
  }

  #sharedRoom(maps: number): boolean {
    return maps === 0 || this.#shared === null || this.#shared.heap.hasRoom("mappings", maps);
  }

  // ---- Looking ----

  /** The VMA that contains `address`. */
  find(address: number): Vma | null {
    const vma = findFrom(this.#tree, address);
    return vma !== null && vma.start <= address ? vma : null;
  }

  /** The first VMA that ends above `address` (Linux: find_vma). */
  findFrom(address: number): Vma | null {
    return findFrom(this.#tree, address);
  }

  /** The last VMA that starts below `address`. */
  findBelow(address: number): Vma | null {
    return findBelow(this.#tree, address);
  }

  /** The VMAs that overlap [start, end), in order, not clipped. */
  overlapping(start: number, end: number): Vma[] {
    const found: Vma[] = [];
    collect(this.#tree, start, end, found);
    return found;
  }

  all(): Vma[] {
    return this.overlapping(0, Number.MAX_SAFE_INTEGER);
  }

  /** Whether every page of [start, end) is mapped. */
  covers(start: number, end: number): boolean {
    let at = start;
    for (const vma of this.overlapping(start, end)) {
      if (vma.start > at) return false;
      at = vma.end;
    }
    return at >= end;
  }

  /** Whether a mapping hinted at [start, end) fits there: nothing mapped, no guard gap, not excluded. */
  isFree(start: number, end: number): boolean {
    if (this.#excluded.some((range) => start < range.end && end > range.start)) return false;
    const next = findFrom(this.#tree, start);
    return next === null || claimedStart(next) >= end;
  }

  /** Start of a gap as asked for, or -ENOMEM. O(log n) for each range that is excluded or blocked. */
  findGap(request: GapRequest): number {
    const { low, high, length, align, topDown } = request;
    // A gap this wide holds an aligned one wherever it lies (Linux searches so too).
    const wanted = length + align - PAGE_SIZE;
    const intervals = without(low, high, [...this.#excluded, ...(request.blocked ?? [])]);
    if (topDown) intervals.reverse();
    for (const interval of intervals) {
      if (topDown) {
        const end = highestGap(this.#tree, interval.start, interval.end, wanted);
        if (end >= 0) return Math.floor((end - length) / align) * align;
      } else {
        const start = lowestGap(this.#tree, interval.start, interval.end, wanted);
        if (start >= 0) return Math.ceil(start / align) * align;
      }
    }
    return -ENOMEM;
  }

  // ---- Planning: each gives a plan, or a negative errno if nothing is to be done ----

  /** Maps a VMA; what was mapped in its range goes. */
  planMap(vma: Vma): VmaPlan | number {
    if (!this.#allowed(vma.start, vma.end)) return -ENOMEM;
    const old = this.overlapping(vma.start, vma.end);
    if (old.some(isSealed)) return -EPERM;
    const maps = 1 + this.#splitsInside(old, vma.start, vma.end);
    if (!this.#hasRoom(maps)) return -ENOMEM;
    const bytes = Math.max(0, vma.end - vma.start - mappedBytes(old, vma.start, vma.end));
    return new VmaPlan(this, { op: "map", vma }, vma, maps, bytes, 0);
  }

  planUnmap(start: number, end: number): VmaPlan | number {
    if (this.#sealedBytes > 0 && this.overlapping(start, end).some(isSealed)) return -EPERM;
    const first = this.find(start);
    const maps = first === null ? 0 : this.#splitsInside([first], start, end);
    if (!this.#hasRoom(maps)) return -ENOMEM;
    return new VmaPlan(this, { op: "unmap", start, end }, { start, end }, maps, 0, 0);
  }

  /**
   * Changes protection, flags or name of what is mapped in [start, end). `holes: "stop"`: as mprotect and
   * mlock, up to the first hole, then -ENOMEM; "skip": as madvise, all that is mapped, then -ENOMEM if
   * there was a hole.
   */
  planChange(start: number, end: number, change: VmaChange, holes: "stop" | "skip"): VmaPlan | number {
    let at = start;
    let hole = false;
    let error = 0;
    for (const vma of this.overlapping(start, end)) {
      if (vma.start > at) {
        hole = true;
        if (holes === "stop") break;
      }
      error = refusal(vma, change);
      if (error !== 0) break;
      at = Math.min(end, vma.end);
    }
    if (error === 0 && (hole || at < end)) error = -ENOMEM;
    const reach = holes === "skip" && (error === 0 || error === -ENOMEM) ? end : at;
    if (reach === start) return error === 0 ? -EINVAL : error;
    const maps = this.#edges(start, reach);
    if (!this.#hasRoom(maps)) return -ENOMEM;
    return new VmaPlan(
      this,
      { op: "change", start, end: reach, change },
      { start, end: reach },
      maps,
      0,
      error,
    );
  }

  /**
   * Moves [from.start, from.end), which lies in one VMA, to `to`; a longer `to` extends it. What was mapped
   * in `to` goes; the ranges must not overlap. The plan's range is `to`: the caller locks both.
   */
  planMove(from: Range, to: Range): VmaPlan | number {
    if (!this.#allowed(to.start, to.end)) return -ENOMEM;
    if (from.start < to.end && to.start < from.end) return -EINVAL;
    const source = this.find(from.start);
    if (source === null || source.end < from.end) return -EINVAL;
    const old = this.overlapping(to.start, to.end);
    if (isSealed(source) || old.some(isSealed)) return -EPERM;
    const maps =
      1 + this.#splitsInside([source], from.start, from.end) + this.#splitsInside(old, to.start, to.end);
    if (!this.#hasRoom(maps)) return -ENOMEM;
    const growth = to.end - to.start - (from.end - from.start) - mappedBytes(old, to.start, to.end);
    return new VmaPlan(this, { op: "move", from, to }, to, maps, Math.max(0, growth), 0);
  }

  // ---- Used by plans alone ----

  /** Where `count` VMAs from `start` on end; at or above `end` when there are no more before it. */
  pieceEnd(start: number, end: number, count: number): number {
    let at = start;
    for (let left = count; left > 0 && at < end; left--) at = findFrom(this.#tree, at)?.end ?? end;
    return at;
  }

  reserve(maps: number, bytes: number): void {
    this.#reservedMaps += maps;
    this.#reservedBytes += bytes;
  }

  apply(step: Step): void {
    this.#change(step);
    if (this.#untold.size > 0) this.#tell(this.#actor);
  }

  #change(step: Step): void {
    switch (step.op) {
      case "unmap":
        this.#cut(step.start, step.end);
        return;
      case "map":
        this.#cut(step.vma.start, step.vma.end);
        this.#put(step.vma);
        return;
      case "change":
        for (const vma of this.#cut(step.start, step.end)) this.#put(changed(vma, step.change));
        return;
      case "move": {
        const [source] = this.#cut(step.from.start, step.from.end);
        this.#cut(step.to.start, step.to.end);
        this.#put({ ...moved(source!, step.to.start), end: step.to.end });
        return;
      }
    }
  }

  // ---- Changing ----

  /** Empties [start, end) and returns what was in it. */
  #cut(start: number, end: number): Vma[] {
    const old = this.overlapping(start, end);
    for (const vma of old) {
      this.#remove(vma);
      if (vma.start < start) this.#insert(clip(vma, vma.start, start));
      if (vma.end > end) this.#insert(clip(vma, end, vma.end));
    }
    return old.map((vma) => clip(vma, start, end));
  }

  /** Adds a VMA where nothing is mapped, as one with the neighbours that it continues. */
  #put(vma: Vma): void {
    const low = findBelow(this.#tree, vma.start);
    if (low !== null && mergeable(low, vma)) {
      this.#remove(low);
      vma = { ...low, end: vma.end };
    }
    const high = findFrom(this.#tree, vma.end);
    if (high !== null && mergeable(vma, high)) {
      this.#remove(high);
      vma = { ...vma, end: high.end };
    }
    this.#insert(vma);
  }

  #insert(vma: Vma): void {
    this.#tree = insert(this.#tree, vma);
    this.#counted(1);
    if ((vma.flags & VM_ATTACHED) !== 0) this.#count(vma.backing as CountedBacking, 1);
    this.#account(vma, vma.end - vma.start);
  }

  #remove(vma: Vma): void {
    this.#tree = remove(this.#tree, vma.start);
    this.#counted(-1);
    if ((vma.flags & VM_ATTACHED) !== 0) this.#count(vma.backing as CountedBacking, -1);
    this.#account(vma, vma.start - vma.end);
  }

  /** The classes are those of Linux's vm_stat_account. */
  #account(vma: Vma, bytes: number): void {
    const totals = this.#totals;
    totals.total += bytes;
    if (isSealed(vma)) this.#sealedBytes += bytes;
    if ((vma.flags & VM_LOCKED) !== 0) totals.locked += bytes;
    if ((vma.flags & VM_SHARED) !== 0 && (vma.prot & PROT_WRITE) !== 0) totals.shared += bytes;
    if ((vma.flags & VM_GROWSDOWN) !== 0) totals.stack += bytes;
    else if ((vma.prot & PROT_WRITE) !== 0 && (vma.flags & VM_SHARED) === 0) totals.data += bytes;
    else if ((vma.prot & (PROT_EXEC | PROT_WRITE)) === PROT_EXEC) totals.exec += bytes;
  }

  // ---- Limits ----

  #allowed(start: number, end: number): boolean {
    return !this.#excluded.some((range) => start < range.end && end > range.start);
  }

  #hasRoom(maps: number): boolean {
    if (maps === 0) return true;
    return this.count + this.#reservedMaps + maps <= this.#limit && this.#sharedRoom(maps);
  }

  /** 1 if taking [start, end) out of `old` leaves two pieces of one VMA. */
  #splitsInside(old: readonly Vma[], start: number, end: number): number {
    const first = old[0];
    return first !== undefined && first.start < start && first.end > end ? 1 : 0;
  }

  /** How many of the two addresses lie inside a VMA: changing what is between adds so many. */
  #edges(start: number, end: number): number {
    const inside = (address: number) => {
      const vma = this.find(address);
      return vma !== null && vma.start < address ? 1 : 0;
    };
    return inside(start) + inside(end);
  }
}

function isSealed(vma: Vma): boolean {
  return (vma.flags & VM_SEALED) !== 0;
}

/** Why a VMA may not be changed so: a negative errno, or 0. */
function refusal(vma: Vma, change: VmaChange): number {
  if (change.prot === undefined) return 0;
  if (isSealed(vma)) return -EPERM;
  return (change.prot & ~vma.maxProt) === 0 ? 0 : -EACCES;
}

function mappedBytes(vmas: readonly Vma[], start: number, end: number): number {
  let bytes = 0;
  for (const vma of vmas) bytes += Math.min(end, vma.end) - Math.max(start, vma.start);
  return bytes;
}

/** [low, high) without the given ranges: what is left, in order. */
function without(low: number, high: number, ranges: Range[]): Range[] {
  const left: Range[] = [];
  let at = low;
  for (const range of ranges.sort((a, b) => a.start - b.start)) {
    if (range.end <= at) continue;
    if (range.start >= high) break;
    if (range.start > at) left.push({ start: at, end: range.start });
    at = range.end;
  }
  if (at < high) left.push({ start: at, end: high });
  return left;
}
