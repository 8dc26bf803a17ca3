// A guest's thread as a kernel thread other than 0 knows it, for as long as its slot lasts: its call. It has no process
// there: what only a process can do, thread 0 does with the result.

import { type Attention, INTERRUPT } from "../../shared/ring/attention.ts";
import { highWord } from "../../shared/ring/slot.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { Call } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { OperationList } from "../call/operation_list.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { type Credentials, initialCredentials } from "../credentials/credentials.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";

export interface ServingContext extends CallContext {
  readonly attention: Attention;
  /** Passes a slot to thread 0 and fills a record for it; null: the slot was closed meanwhile. */
  passBack(kind: number, slot: number, sequence: number): Int32Array | null;
  /** Passes a slot with a request that is thread 0's to serve. */
  passRequest(slot: number, request: number, nr: number): void;
  /** Sends it. */
  sendBack(): void;
  /** A record for thread 0. */
  record(kind: number): Int32Array;
}

/** A call that replies only where nothing stands between its end and guest code. */
export class ServedCall extends Call {
  readonly #task: ServedTask;

  constructor(task: ServedTask, context: ServingContext, slot: number) {
    super(task, context, slot);
    this.#task = task;
  }

  override finish(result: number): void {
    const task = this.#task;
    task.beforeReply();
    if (task.signal !== 0) {
      task.returnToGuest(result);
      return;
    }
    const { slot, sequence } = this;
    super.finish(result);
    // What was raised while the reply was written: its guest goes back to its code.
    if (task.kernel.attention.get(slot) === 0) return;
    const record = task.kernel.record(Message.KICK);
    record[M.SLOT] = slot;
    record[M.SEQUENCE] = sequence;
    task.kernel.sendBack();
  }
}

export abstract class ServedTask implements Caller {
  abstract readonly kernel: ServingContext;
  abstract readonly call: Call;
  firstTid = 0;
  firstPid = 0;
  pid = 0;
  readonly process = null;
  credentials: Credentials;
  /** Goes to the task with the result; 0: none. */
  signal = 0;
  /** Its slot was closed. */
  isEnding = false;
  readonly isWatched = false;
  readonly isTraced = false;

  constructor(kernel: ServingContext) {
    this.credentials = initialCredentials(0, 0, [], kernel.users);
  }

  get seccomp(): { allows(nr: number): boolean } | null {
    return null;
  }

  judge(): null {
    return null;
  }

  enters(): boolean {
    return false;
  }

  /** A call is over: its guest may go on at once. */
  beforeReply(): void {}

  get interruptPending(): boolean {
    return (this.kernel.attention.get(this.call.slot) & INTERRUPT) !== 0;
  }

  get hasWork(): boolean {
    return this.kernel.attention.get(this.call.slot) !== 0;
  }

  /** Nothing here asks the host for what takes its time. */
  serveAgain(): void {}

  /** What stands between the end of the call and guest code is thread 0's. */
  returnToGuest(result: number | null): void {
    const { call, kernel } = this;
    const given = result ?? 0;
    if (call.hasOut(given)) {
      call.copyOutThen(given, (after) => this.returnToGuest(after));
      return;
    }
    this.beforeReply();
    if (!call.owned) return;
    const { slot, sequence, nr, movedPieces: moved } = call;
    call.handOver();
    const record = kernel.passBack(Message.RESULT, slot, sequence);
    if (record === null) return;
    record[M.NR] = nr;
    record[M.RESULT_LOW] = given | 0;
    record[M.RESULT_HIGH] = highWord(given);
    record[M.SIGNAL] = this.signal;
    record[M.MOVED_PIECES] = moved;
    kernel.sendBack();
  }

  killHostile(): void {
    const { call, kernel } = this;
    const { slot, sequence, owned } = call;
    call.cancelWait();
    call.handOver();
    if (owned && kernel.passBack(Message.HOSTILE, slot, sequence) !== null) kernel.sendBack();
  }

  /** The slot was closed: what the call waits for is forgotten. */
  end(): void {
    this.isEnding = true;
    this.call.handOver();
    this.call.cancelWait();
  }

  *run(list: OperationList): Generator<void, boolean, void> {
    if (list.expected.length > 0) throw new Error("a list of this thread may raise no notifications");
    this.call.replyList(Reply.OPS, list.length);
    yield;
    return this.call.listDone === list.length;
  }

  runAndReturn(list: OperationList): Generator<void, boolean, void> {
    return this.run(list);
  }

  send({ signo }: SigInfo): void {
    this.signal = signo;
  }

  limit(): number {
    return Number.POSITIVE_INFINITY;
  }

  // Frames of handlers and masks are thread 0's.
  onUnwritableFrame(): void {}
  useMask(): void {}
  restoreMask(): boolean {
    return false;
  }
  kick(): void {}
}
