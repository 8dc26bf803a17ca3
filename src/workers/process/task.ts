// A task (Linux's task_struct): a guest thread. It is a host thread in the stub process of its address
// space and has one slot there. What Linux shares between tasks by CLONE_ flags are objects of their
// own: files, fs, signal handlers, thread group.
//
// Where a task is:
//   in guest code      the slot is with the guest
//   in a call          the kernel owns the slot; a waiter or a coroutine stands for what it waits for
//   running a list     a coroutine waits; the slot is with the stub
//   parked             the group is stopped; `unpark` goes on
//   dead

import { EFAULT, ENAMETOOLONG, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { SCHED_NORMAL } from "../../shared/abi/sched.ts";
import { TWO_32 } from "../../shared/abi/struct.ts";
import { chunkOfSlot, slotInChunk } from "../../shared/ring/guest_memory.ts";
import * as L from "../../shared/ring/layout.ts";
import { Frame } from "../../shared/ring/slot.ts";
import { Reply, type ReplyCode } from "../../shared/ring/slot_states.ts";
import type { RestartBlock } from "../call/restart.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { IpcMember } from "../ipc/member.ts";
import type { Kernel } from "../kernel.ts";
import { isGuestRange } from "../mem/guest_range.ts";
import type { Expected, OperationList } from "../platform/operation_list.ts";
import { SIGKICK, type StubProcess } from "../platform/stub_process.ts";
import { type AltStack, type BeforeHandler, NO_ALT_STACK } from "../signals/signal_frame.ts";
import { SignalSet } from "../signals/signal_set.ts";
import { PendingSignals, type SignalHandlers } from "../signals/signals.ts";
import type { FileTable } from "../vfs/file_table.ts";
import type { FsState } from "../vfs/fs_state.ts";
import type { ThreadGroup } from "./thread_group.ts";

export type { ThreadGroup } from "./thread_group.ts";

/** A handler's answer when the call's result comes later. No errno and no address. */
export const BLOCKED = -0x7fffffff;
/** As BLOCKED, of a call that has replied by itself, or never returns. */
export const NO_RESULT = BLOCKED;

/** What a task's call waits for: one object that completes it once, unless it is cancelled. */
export interface Waiter {
  /** The wait is over without its event: forget the task. */
  cancel(): void;
  /** A signal ended the wait: the call's result, ERESTARTSYS unless said otherwise. */
  interrupted?(): number;
}

/** A call in several steps: each yield waits for what the stub posts next, or for a waiter's event. */
export type Coroutine = Generator<void, number, void>;

const IN_FAULTED = 0x80000000;

/** What CLONE_ flags decide to share. */
export interface SharedParts {
  files: FileTable;
  fs: FsState;
  handlers: SignalHandlers;
  ipc: IpcMember;
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
  readonly handlers: SignalHandlers;
  readonly ipc: IpcMember;
  #credentials: Credentials;
  comm: string;
  /** PR_SET_NO_NEW_PRIVS: execve gives nothing that was not there before. */
  noNewPrivileges = false;
  /** PR_SET_PDEATHSIG; 0: none. */
  parentDeathSignal = 0;
  timerSlackNs = 50_000;
  /** What PR_SET_TIMERSLACK goes back to: its creator's. */
  defaultTimerSlackNs = 50_000;

  // ---- Scheduling: kept and shown ----
  policy = 0;
  realtimePriority = 0;
  /** -20 to 19. */
  nice = 0;
  /** SCHED_RESET_ON_FORK: children get nothing of it. */
  resetsOnFork = false;
  ioPriority = 0;
  /** CPUs that it may run on; null: all. */
  affinity: ReadonlySet<number> | null = null;

  // ---- Signals ----
  readonly pending: PendingSignals;
  readonly blocked = new SignalSet();
  /** The mask to come back to after sigsuspend, ppoll and their like. */
  savedMask: SignalSet | null = null;
  /** Signals that sigtimedwait waits for, though they are blocked. */
  waitSet: SignalSet | null = null;
  altStack: AltStack = NO_ALT_STACK;
  lastFault = { trapno: 0, err: 0, cr2: 0 };
  /** The reply under way enters a handler: what was before, since its frame may prove to be unwritable. */
  beforeHandler: BeforeHandler | null = null;

  // ---- The host task ----
  hostTid = 0;
  /** It has posted STARTED and can be kicked. */
  started = false;
  dead = false;
  /** Its group is gone while its stub process goes on: the next request is answered with EXIT. */
  leaving = false;
  /** Notifications that the outstanding list raises, in order. */
  expected: readonly Expected[] = [];
  expectedIndex = 0;

  // ---- The call in progress ----
  /** Sequence of the request that is being handled. */
  sequence = 0;
  /** The kernel owns the slot. */
  owned = false;
  /** Number of the system call in progress; -1 outside one. */
  nr = -1;
  waiter: Waiter | null = null;
  coroutine: Coroutine | null = null;
  /** What a call answers when its out pieces faulted after so many bytes (F20); EFAULT by default. */
  outFault: ((copied: number) => number) | null = null;
  /** Out pieces are delivered with an error as well (what is left of a sleep). */
  outOnError = false;
  restartBlock: RestartBlock | null = null;
  #interrupted = false;
  /** Its wait is over: it goes on at the kernel thread's next step. */
  #due = false;
  #dueResult = 0;
  #stepping: Coroutine | null = null;
  #afterCopyOut: ((result: number) => void) | null = null;
  #afterCopyOutResult = 0;
  #outBytes = 0;
  #parked: (() => void) | null = null;
  #pieces = 0;
  #outEnd: number = L.WINDOW;
  #badPointer = false;
  #setFs = false;
  #filesReleased = false;

  // ---- Memory of the task that the kernel writes when it ends (set_tid_address, robust lists) ----
  clearChildTid = 0;
  robustList = 0;

  constructor(
    kernel: Kernel,
    tid: number,
    group: ThreadGroup,
    stub: StubProcess,
    slot: number,
    parts: SharedParts,
    credentials: Credentials,
    comm: string,
  ) {
    this.kernel = kernel;
    this.pending = new PendingSignals(kernel.counters);
    this.tid = tid;
    this.group = group;
    this.stub = stub;
    this.slot = slot;
    this.bytes = kernel.memory.chunkBytes(chunkOfSlot(slot));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.base = slotInChunk(slot) * L.SLOT_SIZE;
    this.files = parts.files;
    this.fs = parts.fs;
    this.handlers = parts.handlers;
    this.ipc = parts.ipc;
    this.#credentials = credentials;
    this.comm = comm;
  }

  get credentials(): Credentials {
    return this.#credentials;
  }

  set credentials(next: Credentials) {
    this.kernel.counters.groupIds += next.groups.length - this.#credentials.groups.length;
    this.#credentials = next;
  }

  get chunk(): number {
    return chunkOfSlot(this.slot);
  }

  /** What clone and execve keep of the task that was there before. */
  takeSettings(from: Task): void {
    this.timerSlackNs = from.timerSlackNs;
    this.defaultTimerSlackNs = from.defaultTimerSlackNs;
    this.policy = from.policy;
    this.realtimePriority = from.realtimePriority;
    this.nice = from.nice;
    this.resetsOnFork = from.resetsOnFork;
    this.ioPriority = from.ioPriority;
    this.affinity = from.affinity;
    this.noNewPrivileges = from.noNewPrivileges;
  }

  /** Of a new task, whose settings are its creator's. */
  resetSchedulingOnFork(): void {
    if (!this.resetsOnFork) return;
    this.resetsOnFork = false;
    if (this.realtimePriority > 0) {
      this.policy = SCHED_NORMAL;
      this.realtimePriority = 0;
      this.nice = 0;
    }
    this.nice = Math.max(this.nice, 0);
  }

  // ---- In pieces: what the stub copied into the window before it posted ----

  /** Bytes of in piece 0 or 1 that arrived. */
  inLength(piece: number): number {
    return this.kernel.slots.word(this.slot, L.REQ_IN_LENGTH + 4 * piece) & 0x7fffffff;
  }

  /** Whether all of `wanted` bytes of the piece arrived; a handler answers EFAULT otherwise. */
  inComplete(piece: number, wanted: number): boolean {
    const word = this.kernel.slots.word(this.slot, L.REQ_IN_LENGTH + 4 * piece);
    // A fault behind what is wanted (the stub copies by the register's 64 bits) does not matter.
    return (word & 0x7fffffff) >= wanted;
  }

  /** The C string of an in piece, one char a byte; -EFAULT or -ENAMETOOLONG. */
  inString(piece: 0 | 1): string | number {
    const word = this.kernel.slots.word(this.slot, L.REQ_IN_LENGTH + 4 * piece);
    if ((word & IN_FAULTED) !== 0) return -EFAULT;
    const length = Math.min(word & 0x7fffffff, L.CSTRING_MAX);
    if (length === 0) return -EFAULT; // a null pointer
    const at = this.base + (piece === 0 ? L.WINDOW : L.WINDOW_SECOND);
    // One copy out of shared memory, then only the copy is looked at.
    const copy = Buffer.from(this.bytes.subarray(at, at + length));
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
    if (this.#outEnd > L.WINDOW + L.WINDOW_SIZE) throw new RangeError("out pieces do not fit the window");
    this.outAt(address, length, offset);
    return this.base + offset;
  }

  /** As out(), for bytes that stand, or are to stand, at an offset of the slot. */
  outAt(address: number, length: number, offset: number): void {
    const valid = isGuestRange(address, length);
    if (!valid) this.#badPointer = true;
    // A round with a bad address moves nothing of that piece, which its caller takes for a fault.
    this.kernel.slots.setPiece(this.slot, this.#pieces++, address, valid ? length : 0, offset);
    this.#outBytes += length;
  }

  /** The call returns with a new fs base: the slot frame's. */
  setFsBase(): void {
    this.#setFs = true;
  }

  /** The frame is about to be loaded whole: a new fs base stands in it. */
  fsBaseComesWithFrame(): void {
    this.#setFs = false;
  }

  /** Pieces that stand in the slot to go out with the call's result. */
  get outPieces(): number {
    return this.#pieces;
  }

  /** Bytes of those pieces. */
  get outBytes(): number {
    return this.#outBytes;
  }

  /** Whether the call has something to copy out with that result. */
  hasOut(result: number): boolean {
    return this.#pieces > 0 && (result >= 0 || this.outOnError);
  }

  /** Copies the call's out pieces now, and goes on with the result, which a fault changes. */
  copyOutThen(result: number, then: (result: number) => void): void {
    if (this.#badPointer) {
      this.#resetOut();
      then(this.#resultOfFault(0));
      return;
    }
    this.#afterCopyOut = then;
    this.#afterCopyOutResult = result;
    const expected = this.#outBytes;
    this.copyRound(Reply.COPY_OUT_MORE);
    this.#outBytes = expected;
  }

  #resultOfFault(copied: number): number {
    return this.outFault === null ? -EFAULT : this.outFault(copied);
  }

  // ---- Copy rounds, in coroutines ----

  copyRound(code: typeof Reply.COPY_IN_MORE | typeof Reply.COPY_OUT_MORE | typeof Reply.SAVE_FP): void {
    const count = this.#pieces;
    this.#resetOut();
    this.#replyList(code, count);
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
    return Math.min(this.kernel.slots.unsigned(this.slot, L.REQ_VALUE), L.SLOT_SIZE);
  }

  #resetOut(): void {
    this.#pieces = 0;
    this.#outEnd = L.WINDOW;
    this.#outBytes = 0;
    this.#badPointer = false;
  }

  // ---- Replies ----

  /** Ends the call with a result; signals and restarts are deliver_signal.ts's business. */
  finish(result: number): void {
    if (this.dead || !this.owned) return;
    if (this.#badPointer && (result >= 0 || this.outOnError)) result = this.#resultOfFault(0);
    const pieces = result < 0 && result > -4096 && !this.outOnError ? 0 : this.#pieces;
    this.#resetOut();
    this.#endCall();
    const { slots } = this.kernel;
    slots.setWord(this.slot, L.REP_FLAGS, this.#setFs ? L.REP_SET_FS : 0);
    this.#setFs = false;
    if (slots.replyRet(this.slot, this.sequence, result | 0, Math.floor(result / TWO_32) | 0, pieces))
      this.#wake();
  }

  /** Final replies whose fields stand in the slot: SIGRETURN, EXIT, RESUME. */
  replyFinal(code: ReplyCode): void {
    if (this.dead || !this.owned) return;
    this.#reportIfPending();
    this.#resetOut();
    this.#endCall();
    if (this.kernel.slots.replyFinal(this.slot, this.sequence, code)) this.#wake();
  }

  /** SIGNAL, with the frame as a piece. */
  replySignal(): void {
    if (this.dead || !this.owned) return;
    this.#reportIfPending();
    const pieces = this.#pieces;
    this.#resetOut();
    this.#endCall();
    if (this.kernel.slots.replyList(this.slot, this.sequence, Reply.SIGNAL, pieces)) this.#wake();
  }

  #endCall(): void {
    this.owned = false;
    this.nr = -1;
    this.waiter = null;
    this.outOnError = false;
  }

  /** Tells the stub to sleep, not to poll: the answer takes its time. */
  replyBlocked(): void {
    if (!this.dead && this.owned) this.kernel.slots.replyBlocked(this.slot, this.sequence);
  }

  /** Runs an operation list in the stub. The coroutine that called it yields next. */
  runList(list: OperationList): void {
    this.kernel.stubs.expect(this, list.expected);
    this.#replyList(Reply.OPS, list.length);
  }

  /** As runList, up to the list's outcome: whether all of it was done. */
  *run(list: OperationList): Generator<void, boolean, void> {
    this.runList(list);
    yield;
    return this.listDone === list.length;
  }

  #replyList(code: ReplyCode, count: number): void {
    if (this.dead || !this.owned) return;
    this.owned = false;
    if (this.kernel.slots.replyList(this.slot, this.sequence, code, count)) this.#wake();
  }

  #wake(): void {
    this.kernel.native.futexWake(this.chunk, this.base + L.REPLY);
  }

  /** Operations of the last list that were done, and the last result, as the stub tells. */
  get listDone(): number {
    return this.kernel.slots.word(this.slot, L.REQ_COUNT) >>> 0;
  }

  get listResult(): number {
    return this.kernel.slots.signed(this.slot, L.REQ_VALUE);
  }

  // ---- Coroutines and waiting ----

  /** Starts a coroutine for the call in progress: its result, or BLOCKED when it has to wait. */
  start(coroutine: Coroutine): number {
    this.coroutine = coroutine;
    return this.#step(coroutine);
  }

  /** The stub posted what the task waits for; false if it waits for nothing. */
  posted(): boolean {
    const then = this.#afterCopyOut;
    if (then !== null) {
      this.#afterCopyOut = null;
      const copied = this.#roundBytes();
      const expected = this.#outBytes;
      this.#resetOut();
      then(copied < expected ? this.#resultOfFault(copied) : this.#afterCopyOutResult);
      return true;
    }
    if (this.coroutine === null) return false;
    this.#resume();
    return true;
  }

  #resume(): void {
    const coroutine = this.coroutine;
    if (coroutine === null) return;
    const result = this.#step(coroutine);
    if (result !== BLOCKED) this.kernel.complete(this, result);
  }

  #step(coroutine: Coroutine): number {
    const outer = this.#stepping;
    const before = this.kernel.current;
    this.#stepping = coroutine;
    this.kernel.current = this;
    const step = coroutine.next();
    this.kernel.current = before;
    this.#stepping = outer;
    if (!step.done) return BLOCKED;
    if (this.coroutine === coroutine) this.coroutine = null;
    return step.value;
  }

  /** The stub runs something for the kernel, whose outcome comes next. */
  get expectsOutcome(): boolean {
    return this.coroutine !== null || this.#afterCopyOut !== null;
  }

  /** Waits in a coroutine; the caller has set `waiter`. True when a signal ended the wait, or came before it. */
  *wait(): Generator<void, boolean, void> {
    if (this.interruptPending) {
      const { waiter } = this;
      this.waiter = null;
      waiter?.cancel();
      return true;
    }
    this.replyBlocked();
    yield;
    const interrupted = this.#interrupted;
    this.#interrupted = false;
    return interrupted;
  }

  /**
   * The event that the waiter stood for has come: the call has a result, or the coroutine goes on. As the
   * next step: never nested into whoever woke it.
   */
  completeWait(result: number): void {
    this.waiter = null;
    if (this.#due) return;
    this.#due = true;
    this.#dueResult = result;
    this.kernel.nextStep(this);
  }

  /** The next step after completeWait. */
  goOn(): void {
    if (!this.#due) return;
    this.#due = false;
    const parked = this.#parked;
    this.#parked = null;
    if (parked !== null) parked();
    else if (this.coroutine !== null) this.#resume();
    else this.kernel.complete(this, this.#dueResult);
  }

  /** A signal or a stop has come that an interruptible wait must not sleep through. */
  get interruptPending(): boolean {
    return this.group.isHeld || this.signalPending();
  }

  /** A signal or a stop: ends an interruptible wait, or kicks the task out of guest code. */
  interrupt(): void {
    if (this.dead) return;
    const waiter = this.waiter;
    if (waiter === null) {
      this.kick();
      return;
    }
    this.waiter = null;
    waiter.cancel();
    this.#interrupted = this.coroutine !== null;
    this.completeWait(waiter.interrupted?.() ?? -ERESTARTSYS);
  }

  /** Makes guest code enter the stub soon, which then posts INTERRUPTED. */
  kick(): void {
    // A coroutine that has just replied for good is on its last step; one that waits for the stub sees
    // what is pending when its call ends.
    const waits = this.coroutine !== null && this.coroutine !== this.#stepping;
    if (this.owned || !this.started || waits || this.#afterCopyOut !== null) return;
    this.kernel.native.tgkill(this.stub.pid, this.hostTid, SIGKICK);
    this.kernel.kicks.watch(this);
  }

  // What is pending behind a new frame, or is unblocked by it, comes before the guest's next instruction.
  #reportIfPending(): void {
    const report = this.signalPending() || this.group.isHeld;
    this.kernel.slots.setWord(this.slot, L.REP_FLAGS, report ? L.REP_REPORT : 0);
  }

  /** The task has no more use for its files, its place in the file system and System V objects; once. */
  releaseFiles(): void {
    if (this.#filesReleased) return;
    this.#filesReleased = true;
    this.ipc.release(this.group.pid);
    this.files.release();
    this.fs.release();
  }

  /** Forgets whatever the call waits for. */
  cancelWait(): void {
    const waiter = this.waiter;
    this.waiter = null;
    waiter?.cancel();
    this.#due = false;
    const coroutine = this.coroutine;
    this.coroutine = null;
    // One that ends its own task runs on to its end; its result finds nobody.
    if (coroutine !== this.#stepping) coroutine?.return(0);
    this.#afterCopyOut = null;
    this.#parked = null;
  }

  // ---- Signals ----

  signalPending(): boolean {
    return (
      this.pending.set.firstOutside(this.blocked) !== 0 ||
      this.group.pending.set.firstOutside(this.blocked) !== 0
    );
  }

  /** Whether sigtimedwait waits for the signal. */
  waitsFor(signo: number): boolean {
    return this.waitSet?.has(signo) ?? false;
  }

  /** A signal has become pending that this task may take. */
  notice(signo: number): void {
    if (!this.blocked.has(signo) || this.waitsFor(signo)) this.interrupt();
  }

  /** Something stands between the end of a call and guest code. */
  get hasWork(): boolean {
    return this.savedMask !== null || this.group.isHeld || this.signalPending();
  }

  /** Back to the mask before sigsuspend and its like, if no handler's return does it. */
  restoreMask(): boolean {
    if (this.savedMask === null) return false;
    this.blocked.assign(this.savedMask);
    this.savedMask = null;
    return true;
  }

  park(resume: () => void): void {
    this.replyBlocked();
    this.#parked = resume;
  }

  /** The group goes on: so does the task, as the next step, since it may end there. */
  unpark(): void {
    if (this.#parked === null || this.#due) return;
    this.#due = true;
    this.kernel.nextStep(this);
  }
}
