// process_vm_readv(2), process_vm_writev(2): bytes between the caller's memory and another process's, by way of the caller's
// window. Of memory that belongs to the other process alone (direct_copy.ts), or is shared and no file's, the kernel thread copies
// itself; of a thread that stands for its tracer its own stub does it. What is left, pages of files, is EFAULT: the
// kernel thread waits for no disk (docs/hardening.md, F12), and whoever runs is not interrupted for this.
//
// As on Linux a fault ends a call with what was copied before it, page by page and not only vector by vector, which the manual
// says.

import { EACCES, EFAULT, EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { IOV_MAX } from "../../shared/abi/fcntl.ts";
import { PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { WINDOW, WINDOW_SECOND, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { breatheOn } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest } from "../call/guest_copy.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { deliver, fetch, isDirectIn } from "../mem/direct_copy.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import { mayInspect } from "../process/ptrace_access.ts";
import type { Task } from "../process/task.ts";
import { IOVEC_SIZE, type Segments, segmentsOf } from "../vfs/segments.ts";
import { ROUND_MAX, readFrom, writeTo } from "./memory.ts";

/** How often it is looked whether a change of the other's mappings is over. */
const LOOKS_MAX = 200;

/** Where the stub has put the arrays of vectors. */
const PIECES = [WINDOW, WINDOW_SECOND] as const;

/** An array of vectors as it came with the call; null: it is not there, or has no room there. Before anything is waited for. */
function arrayInPiece({ call }: Task, piece: 0 | 1, count: number): Buffer | null {
  const length = count * IOVEC_SIZE;
  if (count > IOV_MAX || !call.inComplete(piece, length)) return null;
  const at = call.base + PIECES[piece];
  return Buffer.from(call.bytes.subarray(at, at + length));
}

/** The vectors of an array, or a negative errno. */
function* vectorsOf(
  task: Task,
  came: Buffer | null,
  address: number,
  count: number,
): Generator<void, Segments | number, void> {
  if (count > IOV_MAX) return -EINVAL;
  const copy = came ?? (yield* readGuest(task, address, count * IOVEC_SIZE));
  return typeof copy === "number" ? copy : segmentsOf(copy, count);
}

/** The thread whose memory is meant, or a negative errno (PTRACE_MODE_ATTACH_REALCREDS). */
function targetOf(task: Task, pid: number): Task | number {
  const target = task.pids.task(pid);
  if (target === undefined || target.dead || target.group.exiting) return -ESRCH;
  const error = mayInspect(task.credentials, target, true);
  return error === -EACCES ? -EPERM : error < 0 ? error : target;
}

/** Which way bytes go, and what the other process has to be allowed for that. */
interface Direction {
  readonly prot: number;
  /** Copies bytes between WINDOW and the other process's memory: how many, the first that cannot be reached ends it. */
  copy(task: Task, target: Task, address: number, length: number): Generator<void, number, void>;
}

/** Whether the kernel thread may copy itself; behind changes of the other's mappings, which last for a moment. */
function* mayCopy(
  task: Task,
  target: Task,
  address: number,
  length: number,
  prot: number,
): Generator<void, boolean, void> {
  for (let looks = LOOKS_MAX; looks > 0 && target.stub.space.locks.size > 0; looks--) yield* breatheOn(task);
  return !target.dead && target.stub.isAlive && isDirectIn(target, address, length, prot);
}

/** Whether a thread stands, so that its stub can be asked; and may do that by itself. */
function mayAsk({ tracee, stub }: Task, address: number, prot: number): boolean {
  const vma = isGuestRange(address, 1) ? stub.space.vmas.find(address) : null;
  return tracee?.isTrapped === true && vma !== null && (vma.prot & prot) === prot;
}

const READ: Direction = {
  prot: PROT_READ,
  *copy(task, target, address, length) {
    if (target.stub === task.stub) return yield* fetch(task, address, WINDOW, length);
    const { call, kernel } = task;
    if (yield* mayCopy(task, target, address, length, PROT_READ))
      return kernel.native.processCopyIn(target.stub.pid, address, call.chunk, call.base + WINDOW, length);
    if (!mayAsk(target, address, PROT_READ)) return 0;
    const bytes = yield* readFrom(task, target.tracee!, address, length);
    if (typeof bytes === "number") return bytes;
    call.bytes.set(bytes, call.base + WINDOW);
    return bytes.length;
  },
};

const WRITE: Direction = {
  prot: PROT_WRITE,
  *copy(task, target, address, length) {
    if (target.stub === task.stub) return yield* deliver(task, address, WINDOW, length);
    const { call, kernel } = task;
    if (yield* mayCopy(task, target, address, length, PROT_READ | PROT_WRITE))
      return kernel.native.processCopyOut(target.stub.pid, address, call.chunk, call.base + WINDOW, length);
    if (!mayAsk(target, address, PROT_WRITE)) return 0;
    const bytes = call.bytes.slice(call.base + WINDOW, call.base + WINDOW + length);
    return yield* writeTo(task, target.tracee!, address, bytes);
  },
};

/** Bytes of the other process's memory to the next fault or `length`: as many at once as can be, then page by page. */
function* copyAll(
  { copy }: Direction,
  task: Task,
  target: Task,
  address: number,
  length: number,
): Generator<void, number, void> {
  if (!isGuestRange(address, length)) return 0;
  const whole = yield* copy(task, target, address, length);
  if (whole > 0 || length <= PAGE_SIZE - (address % PAGE_SIZE)) return whole;
  return yield* copy(task, target, address, PAGE_SIZE - (address % PAGE_SIZE));
}

function* transfer(
  task: Task,
  target: Task,
  local: Segments,
  remote: Segments,
  direction: Direction,
): Coroutine {
  const { longTurns } = task.kernel;
  let done = 0;
  while (local.run > 0 && remote.run > 0) {
    const length = Math.min(local.run, remote.run, WINDOW_SIZE, ROUND_MAX);
    let n = direction === WRITE ? yield* fetch(task, local.address, WINDOW, length) : length;
    if (n > 0) n = yield* copyAll(direction, task, target, remote.address, n);
    if (n > 0 && direction === READ) n = yield* deliver(task, local.address, WINDOW, n);
    if (n <= 0) return done > 0 ? done : n === -ESRCH || target.isEnding ? -ESRCH : -EFAULT;
    done += n;
    local.skip(n);
    remote.skip(n);
    if (longTurns.isFull) yield* breatheOn(task);
  }
  return done;
}

function* processVm(
  task: Task,
  pid: number,
  localAt: number,
  localCount: number,
  remoteAt: number,
  remoteCount: number,
  flags: number,
  direction: Direction,
): Coroutine {
  if (flags !== 0) return -EINVAL;
  const [locals, remotes] = [arrayInPiece(task, 0, localCount), arrayInPiece(task, 1, remoteCount)];
  const local = yield* vectorsOf(task, locals, localAt, localCount);
  if (typeof local === "number") return local;
  if (local.invalid) return -EFAULT;
  if (local.total === 0) return 0;
  const remote = yield* vectorsOf(task, remotes, remoteAt, remoteCount);
  if (typeof remote === "number") return remote;
  if (remote.total === 0) return 0;
  const target = targetOf(task, pid);
  return typeof target === "number" ? target : yield* transfer(task, target, local, remote, direction);
}

export const PROCESS_VM_HANDLERS: Handlers<Task> = {
  process_vm_readv: (task, pid, local, locals, remote, remotes, flags) =>
    task.call.start(processVm(task, pid, local, locals, remote, remotes, flags, READ)),

  process_vm_writev: (task, pid, local, locals, remote, remotes, flags) =>
    task.call.start(processVm(task, pid, local, locals, remote, remotes, flags, WRITE)),
};
