// Copies between a slot's data window, or files, and guest memory that the kernel thread makes itself, without an
// exchange with the stub. Only private memory is touched so that is anonymous, or the process's own by now
// (own_pages.ts): a page of a file could make the kernel thread wait (docs/hardening.md, F12). What is not certain is
// left to the stub, which finds faults in their place.

import { PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { isGuestRange } from "../call/guest_range.ts";
import type { MemCaller } from "./caller.ts";
import { showsFile } from "./shared_memory.ts";
import { VM_SHARED } from "./vma.ts";

/** Whether a range is such memory with that protection, and nobody is changing it. */
function isPlain(task: MemCaller, address: number, length: number, prot: number): boolean {
  const { kernel, stub } = task;
  const { space } = stub;
  if (space.locks.size > 0 || stub.hasSlowFile) return false;
  for (let at = address; at < address + length; ) {
    const vma = space.vmas.find(at);
    if (vma === null || (vma.flags & VM_SHARED) !== 0 || (vma.prot & prot) !== prot) return false;
    const end = Math.min(vma.end, address + length);
    if (vma.backing !== null && !space.ownPages.has(kernel, stub.pid, vma, at, end)) return false;
    at = end;
  }
  return true;
}

/** As isDirectTarget, of memory of another process, with that protection; and of memory that it shares, if that is no file's. */
export function isDirectIn(of: MemCaller, address: number, length: number, prot: number): boolean {
  const { space } = of.stub;
  if (isPlain(of, address, length, prot)) return true;
  if (space.locks.size > 0 || of.stub.hasSlowFile) return false;
  const vma = space.vmas.find(address);
  if (vma === null || address + length > vma.end || (vma.prot & prot) !== prot) return false;
  return (vma.flags & VM_SHARED) !== 0 && !showsFile(vma);
}

/** Whether the kernel thread itself may copy to a range of guest memory, and from it. */
export function isDirectTarget(task: MemCaller, address: number, length: number): boolean {
  return isPlain(task, address, length, PROT_READ | PROT_WRITE);
}

export function isDirectSource(task: MemCaller, address: number, length: number): boolean {
  return isPlain(task, address, length, PROT_READ);
}

/** Fetches guest memory to an offset of the slot; false: nothing is done. */
export function copyInDirectly(task: MemCaller, address: number, offset: number, length: number): boolean {
  if (!isPlain(task, address, length, PROT_READ)) return false;
  const { native } = task.kernel;
  return (
    native.processCopyIn(task.stub.pid, address, task.call.chunk, task.call.base + offset, length) === length
  );
}

/** Delivers bytes of the slot to guest memory; false: not all of them have arrived. */
export function copyOutDirectly(task: MemCaller, address: number, offset: number, length: number): boolean {
  if (!isPlain(task, address, length, PROT_READ | PROT_WRITE)) return false;
  const { native } = task.kernel;
  return (
    native.processCopyOut(task.stub.pid, address, task.call.chunk, task.call.base + offset, length) === length
  );
}

/**
 * Delivers bytes of the slot in the middle of a call: directly, or by an exchange with the stub, which takes longer
 * than all the rest. How many have arrived.
 */
export function* deliver(
  task: MemCaller,
  address: number,
  offset: number,
  length: number,
): Generator<void, number, void> {
  if (isGuestRange(address, length) && copyOutDirectly(task, address, offset, length)) return length;
  task.call.outAt(address, length, offset);
  return yield* task.call.copyOutRound();
}

/** As deliver, of guest memory that is fetched. */
export function* fetch(
  task: MemCaller,
  address: number,
  offset: number,
  length: number,
): Generator<void, number, void> {
  if (isGuestRange(address, length) && copyInDirectly(task, address, offset, length)) return length;
  task.call.outAt(address, length, offset);
  return yield* task.call.copyInRound();
}
