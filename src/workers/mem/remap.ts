// mremap(2): growing and shrinking in place, moving. The stub's host call does the same to the host's
// page tables, always with a destination that was chosen here.

import { EFAULT, EINVAL, ENOMEM } from "../../shared/abi/errno.ts";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "../../shared/abi/mman.ts";
import { TASK_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { isGuestRange, MMAP_MIN_ADDR } from "../call/guest_range.ts";
import { OperationList, SYS_mremap, SYS_munmap } from "../call/operation_list.ts";
import { clearPoolsIn, undoIn } from "../patch/clear_pools.ts";
import type { HeldLock } from "./address_space.ts";
import type { MemCaller } from "./caller.ts";
import { lockForNew, pageCeil, runOrDie, unmap, withinLimits } from "./mapping.ts";
import { PAGE_SIZE, VM_SHARED, type Vma } from "./vma.ts";

interface Remap {
  from: number;
  oldSize: number;
  newSize: number;
  mayMove: boolean;
  dontUnmap: boolean;
  /** MREMAP_FIXED's destination, or -1. */
  to: number;
}

export function remap(
  task: MemCaller,
  from: number,
  oldGiven: number,
  newGiven: number,
  flags: number,
  newAddress: number,
): number {
  const oldSize = pageCeil(oldGiven);
  const newSize = pageCeil(newGiven);
  const mayMove = (flags & MREMAP_MAYMOVE) !== 0;
  const dontUnmap = (flags & MREMAP_DONTUNMAP) !== 0;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  if (from % PAGE_SIZE !== 0 || newSize === 0 || newSize > TASK_SIZE) return -EINVAL;
  if ((fixed || dontUnmap) && !mayMove) return -EINVAL;
  if (dontUnmap && oldSize !== newSize) return -EINVAL;
  if (fixed) {
    if (newAddress % PAGE_SIZE !== 0 || !isGuestRange(newAddress, newSize) || newAddress < MMAP_MIN_ADDR)
      return -EINVAL;
    if (newAddress < from + oldSize && from < newAddress + newSize) return -EINVAL;
  }
  return task.call.start(
    run(task, { from, oldSize, newSize, mayMove, dontUnmap, to: fixed ? newAddress : -1 }),
  );
}

function* run(task: MemCaller, call: Remap): Coroutine {
  const { space } = task.stub;
  const vma = space.vmas.find(call.from);
  if (vma === null) return -EFAULT;
  if (call.oldSize === 0) {
    // A second mapping of the same shared pages: private ones have nothing to share.
    if ((vma.flags & VM_SHARED) === 0) return -EINVAL;
    return call.mayMove ? yield* duplicate(task, call) : -ENOMEM;
  }
  if (call.to < 0 && !call.dontUnmap && call.newSize <= call.oldSize) {
    if (!space.vmas.covers(call.from, call.from + call.oldSize)) return -EFAULT;
    if (call.newSize === call.oldSize) return call.from;
    const error = yield* unmap(task, call.from + call.newSize, call.from + call.oldSize);
    return error < 0 ? error : call.from;
  }
  if (vma.end < call.from + Math.min(call.oldSize, call.newSize)) return -EFAULT;
  if (call.to < 0 && !call.dontUnmap) {
    const grown = yield* growInPlace(task, call, vma);
    if (grown !== -ENOMEM) return grown;
    if (!call.mayMove) return -ENOMEM;
  }
  return yield* move(task, call);
}

/** Grows a mapping where it is; -ENOMEM if there is no room behind it. */
function* growInPlace(task: MemCaller, { from, oldSize, newSize }: Remap, seen: Vma): Coroutine {
  const { space } = task.stub;
  const end = from + oldSize;
  if (seen.end !== end || !isGuestRange(from, newSize)) return -ENOMEM;
  const lock = yield* lockForNew(task, from, from + newSize);
  try {
    const vma = space.vmas.find(from);
    if (vma === null || vma.end !== end) return -EFAULT;
    if (space.vmas.overlapping(end, from + newSize).length > 0) return -ENOMEM;
    if (!withinLimits(task, newSize - oldSize, (vma.flags & VM_SHARED) === 0)) return -ENOMEM;
    const added: Vma = {
      ...vma,
      start: end,
      end: from + newSize,
      offset: vma.backing === null ? 0 : vma.offset + (end - vma.start),
    };
    const plan = space.vmas.planMap(added);
    if (typeof plan === "number") return plan;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.call(SYS_mremap, from, oldSize, newSize, 0, 0);
    if (!(yield* runOrDie(task, list))) {
      plan.drop();
      return -ENOMEM;
    }
    plan.commit();
    return from;
  } finally {
    lock.release();
  }
}

function* move(task: MemCaller, call: Remap): Coroutine {
  const { space } = task.stub;
  // Source and destination are two ranges; one lock on everything keeps the order simple.
  const lock: HeldLock = yield* space.lockAll(task);
  try {
    const { from, newSize, dontUnmap } = call;
    const oldSize = Math.min(call.oldSize, newSize);
    const vma = space.vmas.find(from);
    if (vma === null || vma.end < from + oldSize) return -EFAULT;
    if (dontUnmap && (vma.backing !== null || (vma.flags & VM_SHARED) !== 0)) return -EINVAL;
    if (!withinLimits(task, newSize - (dontUnmap ? 0 : oldSize), (vma.flags & VM_SHARED) === 0))
      return -ENOMEM;
    const to = call.to >= 0 ? call.to : space.chooseAddress(newSize);
    if (to < 0) return to;
    yield* clearPoolsIn(task, to, to + newSize);
    // What a jump reaches from here it does not reach from there.
    yield* undoIn(task, from, from + oldSize);
    const plan = space.vmas.planMove({ start: from, end: from + oldSize }, { start: to, end: to + newSize });
    if (typeof plan === "number") return plan;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    if (call.oldSize > newSize) list.call(SYS_munmap, from + newSize, call.oldSize - newSize);
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED | (dontUnmap ? MREMAP_DONTUNMAP : 0);
    list.call(SYS_mremap, from, oldSize, newSize, flags, to);
    if (!(yield* runOrDie(task, list))) {
      plan.drop();
      return task.call.listResult < 0 && task.call.listResult > -4096 ? task.call.listResult : -ENOMEM;
    }
    plan.commit();
    space.patches?.forget(from, from + oldSize);
    space.patches?.forget(to, to + newSize);
    if (call.oldSize > newSize) commitUnmap(task, from + newSize, from + call.oldSize);
    if (dontUnmap) {
      const left = space.vmas.planMap({ ...vma, start: from, end: from + oldSize });
      if (typeof left !== "number") left.commit();
    }
    return to;
  } finally {
    lock.release();
  }
}

/** Maps the shared pages from `from` on once more. */
function* duplicate(task: MemCaller, { from, newSize, to: wanted }: Remap): Coroutine {
  const { space } = task.stub;
  const lock: HeldLock = yield* space.lockAll(task);
  try {
    const vma = space.vmas.find(from);
    if (vma === null || (vma.flags & VM_SHARED) === 0) return -EFAULT;
    if (!withinLimits(task, newSize, false)) return -ENOMEM;
    const to = wanted >= 0 ? wanted : space.chooseAddress(newSize);
    if (to < 0) return to;
    yield* clearPoolsIn(task, to, to + newSize);
    const offset = vma.offset + (from - vma.start);
    const plan = space.vmas.planMap({ ...vma, start: to, end: to + newSize, offset });
    if (typeof plan === "number") return plan;
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.call(SYS_mremap, from, 0, newSize, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (!(yield* runOrDie(task, list))) {
      plan.drop();
      return task.call.listResult < 0 && task.call.listResult > -4096 ? task.call.listResult : -ENOMEM;
    }
    plan.commit();
    space.patches?.forget(to, to + newSize);
    return to;
  } finally {
    lock.release();
  }
}

function commitUnmap(task: MemCaller, start: number, end: number): void {
  const plan = task.stub.space.vmas.planUnmap(start, end);
  if (typeof plan !== "number") plan.commit();
  task.stub.space.patches?.forget(start, end);
}
