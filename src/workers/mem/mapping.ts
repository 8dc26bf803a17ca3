// Changes of an address space: each locks its range, plans against the VMA set, has the stub do the
// host's part in one operation list, and commits when the stub has reported success (docs/hardening.md, F4).
// A list that fails half way kills the process: its host memory is not what the VMA set says.

import { EEXIST, EINVAL, ENOMEM, EPERM } from "../../shared/abi/errno.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_WRITE,
} from "../../shared/abi/mman.ts";
import { RLIMIT_AS, RLIMIT_DATA } from "../../shared/abi/resource.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import { isGuestRange, MMAP_MIN_ADDR, RESERVED_BASE, RESERVED_END } from "../call/guest_range.ts";
import { OperationList, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_munmap } from "../call/operation_list.ts";
import { clearPools, undoIn } from "../patch/clear_pools.ts";
import { closeMapped } from "../vfs/mapped_file.ts";
import type { HeldLock } from "./address_space.ts";
import type { MemCaller } from "./caller.ts";
import { type Givable, type GivenFile, give } from "./given_file.ts";
import { type Mapped, PAGE_SIZE, VM_NORESERVE, VM_SHARED, type Vma } from "./vma.ts";
import type { VmaPlan } from "./vma_plan.ts";

export function pageCeil(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}

/** What is to be mapped: anonymous memory, or an object through a host descriptor. */
export interface MapSource extends Givable {
  readonly backing: Mapped | null;
  readonly offset: number;
}

export const ANONYMOUS: MapSource = { backing: null, offset: 0, hostFd: -1 };

export interface MapRequest {
  /** Page aligned; 0 with placement "any" lets the kernel choose. */
  readonly address: number;
  readonly length: number;
  readonly prot: number;
  readonly maxProt: number;
  /** VM_* */
  readonly flags: number;
  /** "any": the address is a hint; "fixed": what is there goes; "free": EEXIST if anything is there. */
  readonly placement: "any" | "fixed" | "free";
  readonly align?: number;
  readonly source: MapSource;
  readonly name: string;
  /** MADV_POPULATE_* to run over it, or -1. */
  readonly populate: number;
}

/** The host's flags of a mapping: always at a given address, never more than the filter allows. */
function hostFlags(flags: number, fd: number): number {
  if (fd >= 0) return MAP_FIXED | ((flags & VM_SHARED) !== 0 ? MAP_SHARED : MAP_PRIVATE);
  return MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | ((flags & VM_NORESERVE) !== 0 ? MAP_NORESERVE : 0);
}

/** Whether the limits allow `bytes` more. */
export function withinLimits(task: MemCaller, bytes: number, isData: boolean): boolean {
  const { vmas } = task.stub.space;
  if (vmas.totals.total + vmas.reservedBytes + bytes > task.limit(RLIMIT_AS)) return false;
  return !isData || vmas.totals.data + bytes <= task.limit(RLIMIT_DATA);
}

/**
 * A stub that goes back to its guest by itself does not keep a kick waiting for longer than the host takes for so
 * much.
 */
const RETURN_MAX = 64 << 20;
/** In place of a result: the call goes on behind its list. */
export const GOES_ON = -1;

/**
 * Runs the list of a plan, which must not fail half way; false when its first operation failed and nothing changed.
 * With a result, the call ends with it when the plan is committed.
 */
function* runPlan(
  task: MemCaller,
  list: OperationList,
  plan: VmaPlan,
  result: number,
): Generator<void, boolean, void> {
  const ends = result !== GOES_ON && list.length > 0 && plan.end - plan.start <= RETURN_MAX && plan.isShort;
  const isDone = ends ? yield* task.runAndReturn(list, result, true) : yield* task.run(list);
  return isDone || survives(task);
}

/** Runs a list that must not fail half way; false when its first operation failed and nothing changed. */
export function* runOrDie(task: MemCaller, list: OperationList): Generator<void, boolean, void> {
  return (yield* task.run(list)) || survives(task);
}

/** A list has failed: where it has done something, its process ends. False. */
function survives(task: MemCaller): boolean {
  if (task.call.listDone > 0) {
    task.kernel.log("error", "a change of an address space failed half way: killed", {
      pid: task.firstPid,
      done: task.call.listDone,
      errno: -task.call.listResult,
    });
    task.killHostile();
  }
  return false;
}

/** The errno that the host gave to the first operation of a failed list. */
function hostError(task: MemCaller): number {
  const result = task.call.listResult;
  return result < 0 && result > -4096 ? result : -ENOMEM;
}

/** Locks a range that something is to be mapped in, which no pool of trampolines may be in the way of. */
export function* lockForNew(task: MemCaller, start: number, end: number): Generator<void, HeldLock, void> {
  const { space } = task.stub;
  for (;;) {
    const lock = yield* space.lock(task, start, end);
    if (space.patches?.anyPoolIn(start, end) !== true) return lock;
    lock.release();
    yield* clearPools(task, start, end);
  }
}

/** As the result with which a call ends when it has mapped: the address, which map() chooses. */
export const ITS_ADDRESS = -2;

/** Maps; the address or a negative errno. Owns the source's descriptor. `result`: what the call ends with then. */
export function* map(task: MemCaller, request: MapRequest, result = GOES_ON): Coroutine {
  const { space } = task.stub;
  const { source, length } = request;
  const placed = request.placement !== "any";
  const lock = placed
    ? yield* lockForNew(task, request.address, request.address + length)
    : yield* space.lockUnplaced(task);
  let ungiven: Givable | null = source;
  let given: GivenFile | number = -EINVAL;
  let plan: VmaPlan | number = -EINVAL;
  try {
    const at = placed ? checkPlaced(task, request) : choose(task, request);
    if (at < 0) return at;
    if (!placed) lock.place(at, at + length);
    const isData = (request.flags & VM_SHARED) === 0 && (request.prot & 2) !== 0;
    if (!withinLimits(task, length, isData)) return -ENOMEM;
    const vma: Vma = {
      start: at,
      end: at + length,
      prot: request.prot,
      maxProt: request.maxProt,
      flags: request.flags,
      backing: source.backing,
      offset: source.backing === null ? 0 : source.offset,
      name: request.name,
    };
    ungiven = null;
    given = yield* give(task, source);
    if (typeof given === "number") return given;
    plan = space.vmas.planMap(vma);
    if (typeof plan === "number") return plan;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    const { fd } = given;
    given.openIn(list);
    list.call(SYS_mmap, at, length, request.prot, hostFlags(request.flags, fd), fd, source.offset);
    given.closeIn(list);
    const ends = request.populate >= 0 ? GOES_ON : result === ITS_ADDRESS ? at : result;
    const isDone = yield* runPlan(task, list, plan, ends);
    const error = isDone ? 0 : hostError(task);
    yield* given.ended(isDone);
    if (!isDone) {
      plan.drop();
      return error;
    }
    yield* plan.commitInPieces(() => breatheOn(task));
    space.patches?.forget(at, at + length);
    if (request.populate >= 0) yield* advise(task, at, length, request.populate);
    return at;
  } finally {
    if (ungiven !== null) closeMapped(task.kernel.native, ungiven);
    if (typeof given !== "number") given.release();
    lock.release();
  }
}

function isUsed(task: MemCaller, start: number, end: number): boolean {
  const first = task.stub.space.vmas.findFrom(start);
  return first !== null && first.start < end;
}

function checkPlaced(task: MemCaller, { address, length, placement }: MapRequest): number {
  if (!isGuestRange(address, length)) return -ENOMEM;
  if (address < MMAP_MIN_ADDR) return -EPERM;
  if (placement === "free" && isUsed(task, address, address + length)) return -EEXIST;
  return address;
}

/** Where a hint is followed, or -1: nothing is there, and nothing is about to be. */
export function hintFollowed(task: MemCaller, { address, length }: MapRequest): number {
  const { space } = task.stub;
  const hinted = Math.max(address, MMAP_MIN_ADDR);
  if (address === 0 || !isGuestRange(hinted, length)) return -1;
  if (!space.vmas.isFree(hinted, hinted + length)) return -1;
  const busy = space.locks.busy();
  const isBusy = busy.some((range) => range.start < hinted + length && hinted < range.end);
  return isBusy || space.patches?.anyPoolIn(hinted, hinted + length) === true ? -1 : hinted;
}

function choose(task: MemCaller, request: MapRequest): number {
  const hinted = hintFollowed(task, request);
  return hinted >= 0 ? hinted : task.stub.space.chooseAddress(request.length, request.align);
}

/** Runs one madvise in the host; its error counts for nothing. */
export function* advise(
  task: MemCaller,
  start: number,
  length: number,
  advice: number,
): Generator<void, number, void> {
  const list = new OperationList(task.kernel.slots, task.call.slot);
  list.call(SYS_madvise, start, length, advice);
  return (yield* task.run(list)) ? 0 : hostError(task);
}

/**
 * The parts of [start, end) that are the guest's: host calls leave out the reserved range, and pools of trampolines.
 */
export function hostRanges({ stub }: MemCaller, start: number, end: number): [number, number][] {
  const ranges: [number, number][] = [];
  if (start < RESERVED_BASE) ranges.push([start, Math.min(end, RESERVED_BASE)]);
  if (end > RESERVED_END) ranges.push([Math.max(start, RESERVED_END), end]);
  const own = ranges.filter(([from, to]) => from < to);
  return stub.space.patches?.outside(own) ?? own;
}

/** `result`: what the call ends with then. */
export function* unmap(task: MemCaller, start: number, end: number, result = GOES_ON): Coroutine {
  const { space } = task.stub;
  const lock = yield* space.lock(task, start, end);
  try {
    if (!isUsed(task, start, end)) return 0;
    const plan = space.vmas.planUnmap(start, end);
    if (typeof plan === "number") return plan;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    for (const [from, to] of hostRanges(task, start, end)) list.call(SYS_munmap, from, to - from);
    if (!(yield* runPlan(task, list, plan, result))) {
      plan.drop();
      return hostError(task);
    }
    yield* plan.commitInPieces(() => breatheOn(task));
    space.patches?.forget(start, end);
    return 0;
  } finally {
    lock.release();
  }
}

/** mprotect(2): 0, which ends the call, or a negative errno; what lies before a gap is changed all the same. */
export function* protect(task: MemCaller, start: number, end: number, prot: number): Coroutine {
  const { space } = task.stub;
  const lock = yield* space.lock(task, start, end);
  try {
    const plan = space.vmas.planChange(start, end, { prot }, "stop");
    if (typeof plan === "number") return plan;
    // What can be written to must be the guest's own.
    if ((prot & PROT_WRITE) !== 0) {
      yield* undoIn(task, plan.start, plan.end);
      space.patches?.givePages(plan.start, plan.end);
    }
    const list = new OperationList(task.kernel.slots, task.call.slot);
    for (const [from, to] of hostRanges(task, plan.start, plan.end))
      list.call(SYS_mprotect, from, to - from, prot);
    if (!(yield* runPlan(task, list, plan, plan.error === 0 ? 0 : GOES_ON))) {
      plan.drop();
      return hostError(task);
    }
    yield* plan.commitInPieces(() => breatheOn(task));
    return plan.error;
  } finally {
    lock.release();
  }
}
