// Tasks and thread groups. A guest task is a host thread in the stub process of its address space;
// it has one slot. What Linux shares between tasks by CLONE_ flags are objects here too: address
// space, files, fs (umask), signal handlers, thread group.
//
// A task is in one of these: running guest code (the slot is with the guest), in a call (the kernel
// owns the slot; a coroutine or a waiter may stand for what it waits for), or dead.

import { chunkOfSlot, slotInChunk } from "../../shared/ring/guest_memory.ts";
import { REP_FLAGS, REP_SET_FS, REPLY, REQ_COUNT, REQ_IN_LENGTH, REQ_VALUE, SLOT_SIZE, WINDOW } from "../../shared/ring/layout.ts";
import { Reply, type ReplyCode } from "../../shared/ring/slot_states.ts";
import { Frame } from "../../shared/ring/slot.ts";
import { EFAULT, ENAMETOOLONG } from "../../shared/abi/errno.ts";
import type { Kernel } from "../kernel.ts";
import type { FileTable } from "../vfs/file_table.ts";
import { isGuestRange } from "../mem/guest_range.ts";
import type { Credentials } from "./credentials.ts";
import type { Expected, OperationList } from "./operation_list.ts";
import type { SignalHandlers, SignalState } from "./signals.ts";
import type { StubProcess } from "./stub_process.ts";

/** A handler's answer when the call's result comes later. No errno and no address. */
export const BLOCKED = -0x7fffffff;

/** What a task's call waits for: one object, cancellable, that completes it exactly once. */
export interface Waiter {
  /** The wait is over without its event (a signal, the end of the task): forget the task. */
  cancel(): void;
}

/** A call in several steps: each yield waits for the next request that the task's stub posts. */
export type Coroutine = Generator<void, number, void>;

const IN_FAULTED = 0x80000000;

/** umask, and later root and working directory (CLONE_FS). */
export class FsState {
  umask: number;
  constructor(umask: number) {
    this.umask = umask;
  }
}

export class ThreadGroup {
  readonly pid: number;
  readonly kernel: Kernel;
  readonly tasks: Task[] = [];
  readonly signal: SignalState;
  parentPid = 0;
  processGroup: number;
  session: number;
  /** RLIMIT_* index -> [soft, hard]; RLIM_INFINITY is Infinity. */
  readonly rlimits: [number, number][];
  comm = "";
  /** Linux wait status, once the group is ending. */
  exitStatus = -1;
  /** The host process is gone as well. */
  released = false;
  readonly onExit: ((status: number) => void)[] = [];

  constructor(kernel: Kernel, pid: number, signal: SignalState, rlimits: [number, number][]) {
    this.kernel = kernel;
    this.pid = pid;
    this.processGroup = pid;
    this.session = pid;
    this.signal = signal;
    this.rlimits = rlimits;
  }

  get exiting(): boolean {
    return this.exitStatus >= 0;
  }

  /** Ends every task of the group with this wait status. Never depends on the guest's help (F14). */
  exit(status: number): void {
    if (this.exiting) return;
    this.exitStatus = status;
    for (const task of this.tasks) task.cancelWait();
    this.tasks[0]?.stub.kill();
  }
}

export class Task {
  readonly kernel: Kernel;
  readonly tid: number;
  readonly group: ThreadGroup;
  readonly stub: StubProcess;
  /** Number of the task's slot in the guest SAB (guest_memory.ts). */
  readonly slot: number;
  /** Byte view of the slot's chunk; the slot begins at `base`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly base: number;
  readonly frame = new Frame();
  files: FileTable;
  fs: FsState;
  handlers: SignalHandlers;
  credentials: Credentials;
  hostTid = 0;
  /** Sequence of the request that is being handled. */
  sequence = 0;
  /** The kernel owns the slot. */
  owned = false;
  dead = false;
  clearChildTid = 0;
  robustList = 0;
  /** Blocked signals, bit n-1 for signal n, as two words. */
  blockedLow = 0;
  blockedHigh = 0;
  altStack = { sp: 0, flags: 2 /* SS_DISABLE */, size: 0 };
  /** Notifications that the outstanding list raises, in order. */
  expected: readonly Expected[] = [];
  expectedIndex = 0;
  /** Number of the system call in progress; -1 outside one. */
  nr = -1;
  /** The unfinished call, cancellable. */
  waiter: Waiter | null = null;
  coroutine: Coroutine | null = null;
  /** What a call answers when its out pieces faulted after so many bytes (F20); EFAULT by default. */
  outFault: ((copied: number) => number) | null = null;
  #pieces = 0;
  #outEnd = WINDOW;
  #badPointer = false;
  #setFs = false;

  constructor(
    kernel: Kernel,
    tid: number,
    group: ThreadGroup,
    stub: StubProcess,
    slot: number,
    shared: { files: FileTable; fs: FsState; handlers: SignalHandlers; credentials: Credentials },
  ) {
    this.kernel = kernel;
    this.tid = tid;
    this.group = group;
    this.stub = stub;
    this.slot = slot;
    this.bytes = kernel.memory.chunkBytes(chunkOfSlot(slot));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.base = slotInChunk(slot) * SLOT_SIZE;
    this.files = shared.files;
    this.fs = shared.fs;
    this.handlers = shared.handlers;
    this.credentials = shared.credentials;
  }

  get chunk(): number {
    return chunkOfSlot(this.slot);
  }

  // ---- In pieces: what the stub copied into the window before it posted ----

  /** Bytes of in piece 0 or 1 that arrived. */
  inLength(piece: number): number {
    return this.kernel.slots.word(this.slot, REQ_IN_LENGTH + 4 * piece) & 0x7fffffff;
  }

  /** Whether all of `wanted` bytes of the piece arrived; a handler answers EFAULT otherwise. */
  inComplete(piece: number, wanted: number): boolean {
    const word = this.kernel.slots.word(this.slot, REQ_IN_LENGTH + 4 * piece);
    return (word & IN_FAULTED) === 0 && (word & 0x7fffffff) >= wanted;
  }

  /** Reads a C string that stands at an offset of the slot; a string of one char a byte, or an errno. */
  inString(piece: number, offset: number, capacity: number): string | number {
    const word = this.kernel.slots.word(this.slot, REQ_IN_LENGTH + 4 * piece);
    if ((word & IN_FAULTED) !== 0) return -EFAULT;
    const length = Math.min(word & 0x7fffffff, capacity);
    if (length === 0) return -EFAULT; // a null pointer
    // One copy out of shared memory, then only the copy is looked at.
    const copy = Buffer.from(this.bytes.subarray(this.base + offset, this.base + offset + length));
    const end = copy.indexOf(0);
    return end < 0 ? -ENAMETOOLONG : copy.toString("latin1", 0, end);
  }

  // ---- Out pieces: what the stub copies back with the result ----

  /**
   * Room in the window for `length` bytes that go to a guest address when the call returns; the
   * result is their offset in `bytes`. In pieces must have been read before. An address that no
   * guest memory can have makes the call end in EFAULT.
   */
  out(address: number, length: number): number {
    const offset = this.#outEnd;
    this.#outEnd = (offset + length + 7) & ~7;
    if (this.#outEnd > SLOT_SIZE) throw new RangeError("out pieces do not fit the window");
    this.outAt(address, length, offset);
    return this.base + offset;
  }

  /** As out(), for bytes that stand at an offset of the slot already. */
  outAt(address: number, length: number, offset: number): void {
    const valid = isGuestRange(address, length);
    if (!valid) this.#badPointer = true;
    // A round with a bad address moves nothing of that piece, which its caller takes for a fault.
    this.kernel.slots.setPiece(this.slot, this.#pieces++, address, valid ? length : 0, offset);
  }

  /** The call returns with a new fs base: the frame's. */
  setFsBase(): void {
    this.#setFs = true;
  }

  // ---- Replies ----

  /** Ends the call with a result; steps nothing else. */
  finish(result: number): void {
    if (this.dead || !this.owned) return;
    this.owned = false;
    this.nr = -1;
    this.waiter = null;
    const slots = this.kernel.slots;
    slots.setWord(this.slot, REP_FLAGS, this.#setFs ? REP_SET_FS : 0);
    this.#setFs = false;
    if (this.#badPointer && result >= 0) result = this.outFault === null ? -EFAULT : this.outFault(0);
    const pieces = result < 0 && result > -4096 ? 0 : this.#pieces;
    this.#resetOut();
    const wake = slots.replyRet(this.slot, this.sequence, result | 0, Math.floor(result / 4294967296) | 0, pieces);
    if (wake) this.#wake();
  }

  /** Runs an operation list in the stub. The coroutine that called it yields next. */
  runList(list: OperationList): void {
    this.kernel.stubs.expect(this, list.expected);
    this.#reply(Reply.OPS, list.length);
  }

  /** Runs the pieces set by outAt() as one round in between, in either direction. The coroutine yields next. */
  copyRound(code: typeof Reply.COPY_IN_MORE | typeof Reply.COPY_OUT_MORE): void {
    const count = this.#pieces;
    this.#resetOut();
    this.#reply(code, count);
  }

  /** Copies the pieces set by outAt() from guest memory to the slot; bytes before the first fault. */
  *copyInRound(): Generator<void, number, void> {
    this.copyRound(Reply.COPY_IN_MORE);
    yield;
    return this.#roundBytes();
  }

  /** Copies the pieces set by outAt() to guest memory in the middle of a call. */
  *copyOutRound(): Generator<void, number, void> {
    this.copyRound(Reply.COPY_OUT_MORE);
    yield;
    return this.#roundBytes();
  }

  // What the stub says it moved: bounded, as everything from a slot.
  #roundBytes(): number {
    return Math.min(this.kernel.slots.unsigned(this.slot, REQ_VALUE), SLOT_SIZE);
  }

  #resetOut(): void {
    this.#pieces = 0;
    this.#outEnd = WINDOW;
    this.#badPointer = false;
  }

  /** Tells the stub to sleep, not to poll: the answer takes its time. */
  replyBlocked(): void {
    if (!this.dead && this.owned) this.kernel.slots.replyBlocked(this.slot, this.sequence);
  }

  replyFinal(code: ReplyCode): void {
    if (this.dead || !this.owned) return;
    this.owned = false;
    this.nr = -1;
    if (this.kernel.slots.replyFinal(this.slot, this.sequence, code)) this.#wake();
  }

  #reply(code: ReplyCode, count: number): void {
    if (this.dead || !this.owned) return;
    this.owned = false;
    if (this.kernel.slots.replyList(this.slot, this.sequence, code, count)) this.#wake();
  }

  #wake(): void {
    this.kernel.native.futexWake(this.chunk, this.base + REPLY);
  }

  // ---- Waiting ----

  /** Operations of the last list that were done, and the last result, as the stub tells. */
  get listDone(): number {
    return this.kernel.slots.word(this.slot, REQ_COUNT) >>> 0;
  }

  get listResult(): number {
    return this.kernel.slots.signed(this.slot, REQ_VALUE);
  }

  /** Starts a coroutine for the call in progress: its result, or BLOCKED when it has to wait. */
  start(coroutine: Coroutine): number {
    this.coroutine = coroutine;
    return this.#step(coroutine);
  }

  /** The stub posted what the coroutine waits for. */
  resume(): void {
    const coroutine = this.coroutine;
    if (coroutine === null) return;
    const result = this.#step(coroutine);
    if (result !== BLOCKED) this.kernel.complete(this, result);
  }

  #step(coroutine: Coroutine): number {
    const step = coroutine.next();
    if (!step.done) return BLOCKED;
    if (this.coroutine === coroutine) this.coroutine = null;
    return step.value;
  }

  /** The event that a waiter stood for has come: the call's result. */
  completeWait(result: number): void {
    this.waiter = null;
    if (this.coroutine !== null) this.resume();
    else this.kernel.complete(this, result);
  }

  /** Forgets whatever the call waits for. */
  cancelWait(): void {
    const waiter = this.waiter;
    this.waiter = null;
    waiter?.cancel();
    const coroutine = this.coroutine;
    this.coroutine = null;
    coroutine?.return(0);
  }
}
