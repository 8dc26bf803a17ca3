// Seals of a memory file (fcntl(2), F_ADD_SEALS; memfd_create(2)): what nobody may do to it any more. The
// kernel asks here before each change; what guests could do to its pages without the kernel, the host
// forbids: the memfd that holds the contents gets the seals against writing too, and knows best whether a
// mapping through which somebody could write still exists.

import { EBUSY, EINVAL, EPERM } from "../../../shared/abi/errno.ts";
import * as F from "../../../shared/abi/fcntl.ts";
import type { Coroutine } from "../../call/call.ts";
import { PAGE_SIZE, VM_SHARED } from "../../mem/vma.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import type { MemoryRegular } from "./memory_regular.ts";

const ALL =
  F.F_SEAL_SEAL | F.F_SEAL_SHRINK | F.F_SEAL_GROW | F.F_SEAL_WRITE | F.F_SEAL_FUTURE_WRITE | F.F_SEAL_EXEC;
const NO_WRITES = F.F_SEAL_WRITE | F.F_SEAL_FUTURE_WRITE;
const X_BITS = 0o111;
const PROT_WRITE = 2;
/** The host process of a guest that has ended, or runs another program, is gone after so long, or never. */
const HOST_TRIES = 200;
const HOST_PAUSE_NS = 5e6;

/** How much of a write the seals allow: like Linux, whole pages before the end of a file that must not grow. */
export function sealedLength(seals: number, size: number, position: number, length: number): number {
  if ((seals & NO_WRITES) !== 0) return -EPERM;
  if ((seals & F.F_SEAL_GROW) === 0 || position + length <= size) return length;
  const whole = Math.floor(size / PAGE_SIZE) * PAGE_SIZE - position;
  return whole > 0 ? whole : -EPERM;
}

export function sealedTruncate(seals: number, size: number, wanted: number): number {
  if (wanted < size && (seals & F.F_SEAL_SHRINK) !== 0) return -EPERM;
  return wanted > size && (seals & F.F_SEAL_GROW) !== 0 ? -EPERM : 0;
}

export function sealedAllocate(seals: number, size: number, mode: number, end: number): number {
  if ((mode & F.FALLOC_FL_PUNCH_HOLE) !== 0) return (seals & NO_WRITES) !== 0 ? -EPERM : 0;
  return end > size && (seals & F.F_SEAL_GROW) !== 0 ? -EPERM : 0;
}

export function sealedMode(seals: number, before: number, after: number): number {
  return (seals & F.F_SEAL_EXEC) !== 0 && ((before ^ after) & X_BITS) !== 0 ? -EPERM : 0;
}

/** Whether there may be no new mapping through which the file can be written. */
export function sealsMappings(seals: number): boolean {
  return (seals & NO_WRITES) !== 0;
}

/** F_ADD_SEALS: 0 or a negative errno; the file is open for writing. */
export function* addSeals(task: VfsCaller, node: MemoryRegular, added: number): Coroutine {
  if ((added & ~ALL) !== 0) return -EINVAL;
  for (let tries = 0; ; tries++) {
    const { seals, meta } = node;
    if ((seals & F.F_SEAL_SEAL) !== 0) return -EPERM;
    let all = seals | added;
    const newWrite = (added & F.F_SEAL_WRITE) !== 0 && (seals & F.F_SEAL_WRITE) === 0;
    if (newWrite && isMappedWritable(task.kernel, node)) return -EBUSY;
    // What must stay executable is not to change either.
    if ((added & F.F_SEAL_EXEC) !== 0 && (meta!.mode & X_BITS) !== 0)
      all |= F.F_SEAL_SHRINK | F.F_SEAL_GROW | NO_WRITES;
    const error = node.data?.seal(all & NO_WRITES & ~seals) ?? 0;
    if (error === 0) node.seals = all;
    if (error !== -EBUSY || tries === HOST_TRIES) return error;
    // No guest has such a mapping, but a host process that is about to end: its guest's end was told at once.
    yield* pause(task);
  }
}

function isMappedWritable(kernel: VfsContext, node: MemoryRegular): boolean {
  for (const group of kernel.pids.groups()) {
    if (group.exiting) continue;
    for (const space of new Set(group.tasks.map((task) => task.stub.space)))
      for (const vma of space.vmas.all())
        if (
          vma.backing !== null &&
          node.isBacking(vma.backing) &&
          (vma.flags & VM_SHARED) !== 0 &&
          (vma.maxProt & PROT_WRITE) !== 0
        )
          return true;
  }
  return false;
}

function* pause(task: VfsCaller): Generator<void, void, void> {
  const { native, timers } = task.kernel;
  let over = false;
  const timer = timers.add(native.monotonicNs() + HOST_PAUSE_NS, () => {
    over = true;
    task.call.completeWait(0);
  });
  try {
    while (!over) {
      task.call.replyBlocked();
      yield;
    }
  } finally {
    timers.cancel(timer);
  }
}
