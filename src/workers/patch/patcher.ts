// Patching call sites (docs/hardening.md, F9-F11): a site that has trapped often enough is judged, and if it can be,
// an instruction shortly before the syscall becomes a jump to a trampoline. The trapped call itself is made again
// afterwards.
//
// Of an address space everything is locked meanwhile: what was judged is what is written.

import { ERESTARTNOINTR } from "../../shared/abi/errno.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../../shared/abi/mman.ts";
import type { SandboxOptions } from "../../shared/process_spec.ts";
import { ORIG_RAX, REQ_FLAGS, RIP } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { isGuestRange, MMAP_MIN_ADDR } from "../call/guest_range.ts";
import { OperationList, SYS_mmap } from "../call/operation_list.ts";
import type { MemCaller } from "../mem/caller.ts";
import { type Mapped, PAGE_SIZE, VM_SHARED, type Vma } from "../mem/vma.ts";
import { fileBase, functionAround } from "./functions.ts";
import { ROUND_MAX, readText } from "./guest_text.ts";
import { isInOnePage, type PatchedSite, Patches, type Pool } from "./patches.ts";
import { judgeSite, type PatchSite, type Refusal, SYSCALL_LENGTH } from "./site.ts";
import { TextMemory } from "./text_memory.ts";
import { basesFor, jumpTo, POOL_SIZE, poolHeader, reaches, trampolineFor } from "./trampoline.ts";
import { TrapCounts } from "./trap_counts.ts";
import { type CodeBytes, writeCode } from "./write_text.ts";

export interface PatchOptions {
  /** So many counted traps of a site cost as much as patching it. */
  readonly threshold: number;
  /** One of so many traps is counted; a power of two. */
  readonly every: number;
  /** Paths, as the guest's maps name them, of files that stay as they are. */
  readonly excluded: readonly string[];
}

/** Pools lie no farther than this from a file's begin: its last sites must reach them. */
const POOL_DISTANCE = 1 << 30;
const UNDONE_AT_ONCE = 64;
const MAP_POOL = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

/** What --patch asks for: when about 64 traps make it worth while, of which some are counted, or at the first one. */
const MODES = {
  on: { threshold: 16, every: 4 },
  eager: { threshold: 1, every: 1 },
} as const;
const RANDOM_SHIFT = 24;

/** A power of two. */
const AGAIN_FROM = 256;

export function patcherFor({ patch, patchExclude }: SandboxOptions): Patcher | null {
  return patch === "off" ? null : new Patcher({ ...MODES[patch], excluded: patchExclude });
}

export class Patcher {
  readonly counts = new TrapCounts();
  readonly #threshold: number;
  /** One of so many traps is counted. */
  readonly every: number;
  #random = 1;
  readonly #excluded: ReadonlySet<string>;

  constructor({ threshold, every, excluded }: PatchOptions) {
    this.#threshold = threshold;
    this.every = every;
    this.#excluded = new Set(excluded);
  }

  /** A call has been claimed: whether it trapped, and its site is to be patched now. */
  isDue(task: MemCaller): boolean {
    const { kernel, call } = task;
    kernel.counters.trappedCalls++;
    if (task.stub.space.staysUnpatched) return false;
    // A look at the registers costs something: some calls, chosen at random, stand for the others.
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0;
    if ((this.#random >>> RANDOM_SHIFT) % this.every !== 0) return false;
    const times = this.counts.count(kernel.slots, call.slot, task.stub.space.id);
    // Much later again, and at twice as many: what stood in the way may be gone.
    const isDue = times === this.#threshold || (times >= AGAIN_FROM && (times & (times - 1)) === 0);
    if (!isDue || kernel.slots.word(call.slot, REQ_FLAGS) !== 0) return false;
    // A call from the vsyscall page cannot be made again, and one from the host's vDSO is not to be seen. One that makes a
    // thread has its signal frame by trapping: patched, it would trap for that.
    return isGuestRange(kernel.slots.unsigned(call.slot, RIP) - SYSCALL_LENGTH, SYSCALL_LENGTH);
  }

  /** The call's coroutine: patches its site, if that can be done, and makes the call again. */
  *patch(task: MemCaller): Coroutine {
    const { kernel, call, stub } = task;
    const address = kernel.slots.unsigned(call.slot, RIP) - SYSCALL_LENGTH;
    const nr = kernel.slots.word(call.slot, ORIG_RAX) >>> 0;
    const { space } = stub;
    const lock = yield* space.lockAll(task);
    try {
      space.patches ??= new Patches(kernel.counters, this.counts, space.id);
      const refusal = yield* this.#tryTo(task, space.patches, address, nr);
      if (refusal !== null) space.patches.refuse(address, refusal);
      kernel.log("debug", refusal === null ? "patched a call site" : "a call site stays as it is", {
        pid: task.firstPid,
        site: `0x${address.toString(16)}`,
        nr,
        why: refusal ?? undefined,
      });
    } finally {
      lock.release();
    }
    task.returnToGuest(-ERESTARTNOINTR);
    return NO_RESULT;
  }

  *#tryTo(task: MemCaller, patches: Patches, address: number, nr: number): Generator<void, Refusal | null> {
    const vma = task.stub.space.vmas.find(address);
    // To take a patch back would wait as well.
    if (task.stub.space.textWaitMs > 0) return patches.giveUp();
    const refused = patches.whyNot(address) ?? this.#refusal(task, patches, vma);
    if (refused !== null) return refused;
    const site = yield* judge(task, patches, vma!, address, nr);
    if (typeof site === "string") return site;
    if (site.at < vma!.start || site.syscall + SYSCALL_LENGTH > vma!.end || !isInOnePage(site))
      return "it lies across two pages";
    const memory = new TextMemory(task.kernel, task.stub);
    try {
      if (memory.error < 0) return patches.giveUp();
      return yield* write(task, patches, site, vma!, memory);
    } finally {
      memory.close();
    }
  }

  #refusal(task: MemCaller, patches: Patches, vma: Vma | null): Refusal | null {
    const mapped = (vma?.backing ?? null) as Mapped | null;
    const isText =
      vma !== null && (vma.prot & (PROT_EXEC | PROT_WRITE)) === PROT_EXEC && (vma.flags & VM_SHARED) === 0;
    // A name stands at what is no file: the vDSO.
    if (!isText || mapped === null || vma.name !== "") return "its memory is not a private file's";
    if (this.#excluded.has(mapped.path)) return "its file is excluded";
    if (mapped.isSlow === true) return "its host may not answer";
    if (patches.hasGivenUp) return "the host refuses to write it";
    const { heap, commonMemory } = task.kernel;
    // What files leave is not for patches, either.
    if (!commonMemory.hasRoomForFiles(POOL_SIZE + PAGE_SIZE)) return "there is no memory for it";
    // Whatever comes of it is remembered.
    const fits = patches.mayAdd && patches.mayRefuse;
    return fits && heap.hasRoom("patchedSites") && heap.hasRoom("refusedSites") ? null : "there are too many";
  }
}

function* write(
  task: MemCaller,
  patches: Patches,
  site: PatchSite,
  vma: Vma,
  memory: TextMemory,
): Generator<void, Refusal | null> {
  // A page that was dropped (madvise) has come back from its file.
  const before = patches.find(site.syscall);
  if (before !== null && memory.holds(site.at, site.original)) patches.undone(before);
  // Whoever changed the page may do so again, without being seen.
  const isOurs = patches.hasPatchedPage(site.at);
  if (!isOurs && !memory.isOfFile(site.at)) return "its page was written to";
  if (patches.find(site.syscall) !== null) return "it is patched, and entered behind the jump";
  if (!memory.holds(site.at, site.original)) return "it is not an instruction of its function";
  const pool = (yield* poolFor(task, patches, site, vma, memory)) ?? null;
  const trampoline = pool?.freePlace(site) ?? -1;
  const code = pool === null || trampoline < 0 ? null : trampolineFor(site, trampoline, pool.base);
  if (pool === null || code === null) return "there is no room for a trampoline";
  if (!memory.write(trampoline, code)) return patches.giveUp();
  const patched: PatchedSite = { ...site, trampoline, jump: jumpTo(site, trampoline) };
  // Before the first byte is written: other threads may run into it at once.
  patches.add(patched, pool);
  if (yield* writeCode(task, memory, [codeOf(patched, false)])) return null;
  patches.undone(patched);
  return patches.giveUp();
}

/** Its jump in the place of what was linked, or the reverse. */
function codeOf({ at, original, jump, border }: PatchedSite, undoes: boolean): CodeBytes {
  const linked = original.subarray(0, jump.length);
  return undoes ? { at, bytes: linked, before: jump, border } : { at, bytes: jump, before: linked, border };
}

/** What can be done with a site, from the start of its function on. */
function* judge(
  task: MemCaller,
  patches: Patches,
  vma: Vma,
  address: number,
  nr: number,
): Generator<void, PatchSite | Refusal> {
  const start = yield* functionAround(task, vma, address);
  if (start < vma.start) return "no function begins before it";
  const end = address + SYSCALL_LENGTH;
  const length = end - start;
  if (length > ROUND_MAX) return "its function is too long";
  const code = yield* readText(task, start, length);
  if (code === null) return "no function begins before it";
  // As it was linked. The address is the guest's word, and may lie in a jump.
  for (const { at, original, jump } of patches.within(start, end))
    if (at >= start) code.set(original.subarray(0, Math.min(jump.length, end - at)), at - start);
  return judgeSite(code, start, address, nr);
}

/** A pool with a free place that the site reaches: one that is there, or a new one; null if there can be none. */
function* poolFor(
  task: MemCaller,
  patches: Patches,
  site: PatchSite,
  vma: Vma,
  memory: TextMemory,
): Generator<void, Pool | null> {
  const near = patches.pools.find((pool) => reaches(site.at, pool.base) && pool.freePlace(site) >= 0);
  if (near !== undefined) return near;
  if (!patches.mayAddPool) return null;
  const base = site.border < 0 ? placeForPool(task, patches, vma) : placeForBorder(task, patches, site);
  if (base < 0) return null;
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.call(SYS_mmap, base, POOL_SIZE, PROT_READ | PROT_EXEC, MAP_POOL, -1, 0);
  if (!(yield* task.run(list)) || !memory.write(base, poolHeader())) return null;
  return patches.addPool(base);
}

/**
 * Below the file's begin, where no heap grows towards it; else behind its end. Nothing of the guest's is there, and
 * nothing that the guest's kernel chooses an address for comes there.
 */
function placeForPool(task: MemCaller, patches: Patches, vma: Vma): number {
  const { vmas } = task.stub.space;
  const base = Math.max(fileBase(task, vma), 0) || vma.start;
  const request = {
    length: POOL_SIZE,
    align: POOL_SIZE,
    blocked: patches.pools.map(({ base: start, end }) => ({ start, end })),
  };
  const low = Math.max(MMAP_MIN_ADDR, base - POOL_DISTANCE);
  const below = vmas.findGap({ ...request, low, high: base, topDown: true });
  if (below >= 0) return below;
  return vmas.findGap({ ...request, low: vma.end, high: vma.end + POOL_DISTANCE, topDown: true });
}

/** For a site with a border: nothing of the guest's is there, either. */
function placeForBorder(task: MemCaller, patches: Patches, site: PatchSite): number {
  const blocked = patches.pools.map(({ base: start, end }) => ({ start, end }));
  const request = { length: POOL_SIZE, align: PAGE_SIZE, blocked, topDown: true };
  const { vmas } = task.stub.space;
  const isFree = (low: number) => vmas.findGap({ ...request, low, high: low + POOL_SIZE }) === low;
  return basesFor(site).find((base) => base >= MMAP_MIN_ADDR && isFree(base)) ?? -1;
}

/** Gives sites their original bytes back where the jump still stands. Under a lock on their pages. */
export function* undo(task: MemCaller, sites: readonly PatchedSite[]): Generator<void, void> {
  const { patches } = task.stub.space;
  if (patches === null || sites.length === 0) return;
  const memory = new TextMemory(task.kernel, task.stub);
  try {
    if (memory.error < 0) {
      task.kernel.log("error", "patched text cannot be written: killed", {
        pid: task.firstPid,
        errno: -memory.error,
      });
      task.killHostile();
      return;
    }
    for (let first = 0; first < sites.length; first += UNDONE_AT_ONCE) {
      const some = sites.slice(first, first + UNDONE_AT_ONCE);
      const standing = some.filter((site) => memory.holds(site.at, site.jump));
      const codes = standing.map((site) => codeOf(site, true));
      if (memory.isTooSlow || !(yield* writeCode(task, memory, codes))) {
        task.kernel.log("error", "patched text could not be made whole: killed", {
          pid: task.firstPid,
          waitedMs: Math.round(task.stub.space.textWaitMs),
        });
        // Its text is not what the guest is to see: nobody can go on with that.
        task.killHostile();
        return;
      }
      for (const site of some) patches.undone(site);
      if (task.kernel.longTurns.isFull) yield* breatheOn(task);
    }
  } finally {
    memory.close();
  }
}
