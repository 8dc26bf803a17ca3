// Memory of a standing thread, read and written for others (ptrace(2), PTRACE_PEEKDATA, PTRACE_POKEDATA; /proc/PID/mem). The
// thread's own stub does it, by its slot's window: the kernel thread touches no memory that a host may not give (F12), and a
// fault is found in its place. What the thread itself may not write is written all the same where nobody else has it: its
// stub makes such a page writable for so long, under a lock on it.

import { EIO, ESRCH } from "../../shared/abi/errno.ts";
import { PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { OperationList, SYS_mprotect } from "../call/operation_list.ts";
import type { HeldLock } from "../mem/address_space.ts";
import type { MemCaller } from "../mem/caller.ts";
import { PAGE_SIZE, VM_HIDDEN, VM_SHARED, type Vma } from "../mem/vma.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import type { Task } from "../process/task.ts";
import { doAside, doBehind } from "./stops.ts";
import type { Tracee } from "./tracee.ts";

const NOTHING = new Uint8Array(0);
/** As much is copied at once, wherever it lies in a page. */
export const ROUND_MAX = WINDOW_SIZE - PAGE_SIZE;

/**
 * Has the stub of a standing thread do something, and waits for it in a call of `asker`: false if the thread has gone on, or
 * is gone. Signals that end the asker end the wait; `ended` is called all the same, when the stub has done it or will not.
 */
export function* wait(
  asker: MemCaller,
  tracee: Tracee<Task>,
  begins: (task: Task) => void,
  ended?: (task: Task, isDone: boolean) => void,
): Generator<void, boolean, void> {
  const { call } = asker;
  let isOver = false;
  let isDone = false;
  let isAwaited = true;
  doAside(tracee, begins, (done) => {
    isOver = true;
    isDone = done;
    ended?.(tracee.task, done);
    if (isAwaited) call.completeWait(0);
  });
  try {
    while (!isOver) {
      call.replyBlocked();
      yield;
    }
  } finally {
    isAwaited = false;
  }
  return isDone;
}

/** The first of up to ROUND_MAX bytes that can be read there; -ESRCH: there is no thread that could. */
export function* readFrom(
  asker: MemCaller,
  tracee: Tracee<Task>,
  address: number,
  length: number,
): Generator<void, Uint8Array | number, void> {
  const wanted = Math.min(length, ROUND_MAX);
  if (!isGuestRange(address, wanted)) return NOTHING;
  const { stub } = tracee.task;
  const direct = readStubMemory(stub, address, wanted);
  if (direct.length === wanted) return direct.slice();
  let bytes = NOTHING;
  const isDone = yield* wait(asker, tracee, ({ call }) => {
    call.outAt(address, wanted, WINDOW);
    call.copyRound(Reply.COPY_IN_MORE);
  });
  if (!isDone) return -ESRCH;
  const { call } = tracee.task;
  const n = Math.min(call.roundBytes(), wanted);
  bytes = call.bytes.slice(call.base + WINDOW, call.base + WINDOW + n);
  return bytes;
}

/** Writes up to ROUND_MAX bytes there: how many, or -EIO for none, -ESRCH. */
export function* writeTo(
  asker: MemCaller,
  tracee: Tracee<Task>,
  address: number,
  bytes: Uint8Array,
): Generator<void, number, void> {
  let done = 0;
  const length = Math.min(bytes.length, ROUND_MAX);
  while (done < length) {
    const at = address + done;
    const vma = isGuestRange(at, 1) ? tracee.task.stub.space.vmas.find(at) : null;
    if (vma === null || (vma.flags & VM_HIDDEN) !== 0) break;
    const part = bytes.subarray(done, done + Math.min(length - done, vma.end - at));
    const n =
      (vma.prot & PROT_WRITE) !== 0
        ? yield* writePlainly(asker, tracee, at, part)
        : yield* writeForced(asker, tracee, at, part);
    if (n < 0) return done > 0 ? done : n;
    done += n;
    if (n < part.length) break;
  }
  return done > 0 ? done : -EIO;
}

function putInWindow({ call }: Task, bytes: Uint8Array): void {
  call.bytes.set(bytes, call.base + WINDOW);
}

function* writePlainly(
  asker: MemCaller,
  tracee: Tracee<Task>,
  address: number,
  bytes: Uint8Array,
): Generator<void, number, void> {
  const isDone = yield* wait(asker, tracee, (task) => {
    putInWindow(task, bytes);
    task.call.outAt(address, bytes.length, WINDOW);
    task.call.copyRound(Reply.COPY_OUT_MORE);
  });
  return isDone ? Math.min(tracee.task.call.roundBytes(), bytes.length) : -ESRCH;
}

// Operations of a forced write that its stub has done: it stops at the first that fails.
const UNPROTECTED = 1;
const COPIED = 2;
const PROTECTED = 3;

/**
 * To private memory that is not writable: breakpoints in text. The lock is held for as long as the stub is about it, also if
 * nobody waits for that any more.
 */
function* writeForced(
  asker: MemCaller,
  tracee: Tracee<Task>,
  address: number,
  bytes: Uint8Array,
): Generator<void, number, void> {
  const { space } = tracee.task.stub;
  const start = Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
  const end = Math.ceil((address + bytes.length) / PAGE_SIZE) * PAGE_SIZE;
  const lock = yield* space.lock(asker, start, end);
  const vma = space.vmas.find(address);
  if (!isForceable(vma) || vma.end < end) {
    lock.release();
    return -EIO;
  }
  const { prot } = vma;
  let operations = 0;
  const isDone = yield* wait(
    asker,
    tracee,
    (task) => {
      putInWindow(task, bytes);
      const list = new OperationList(task.kernel.slots, task.call.slot);
      list.call(SYS_mprotect, start, end - start, prot | PROT_READ | PROT_WRITE);
      list.copyTo(address, bytes.length, WINDOW);
      list.call(SYS_mprotect, start, end - start, prot);
      task.kernel.stubs.expect(task, list.expected);
      task.call.replyList(Reply.OPS, list.length);
    },
    (task, done) => {
      if (done) operations = task.call.listDone;
      if (operations === COPIED) task.killHostile();
      if (operations === UNPROTECTED) protect(tracee, lock, start, end, prot);
      else lock.release();
    },
  );
  if (!isDone) return -ESRCH;
  return operations === PROTECTED ? bytes.length : -EIO;
}

function isForceable(vma: Vma | null): vma is Vma {
  return vma !== null && (vma.flags & VM_SHARED) === 0 && (vma.prot & PROT_WRITE) === 0;
}

/** The protection is what the guest was told it is, or there is no guest. */
function protect(tracee: Tracee<Task>, lock: HeldLock, start: number, end: number, prot: number): void {
  doBehind(
    tracee,
    (task) => {
      const list = new OperationList(task.kernel.slots, task.call.slot);
      list.call(SYS_mprotect, start, end - start, prot);
      task.call.replyList(Reply.OPS, list.length);
    },
    (isDone) => {
      const { task } = tracee;
      if (isDone && task.call.listDone !== 1) task.killHostile();
      lock.release();
    },
  );
}
