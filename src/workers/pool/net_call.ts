// A guest's thread as the kernel thread NET knows it, for as long as its slot lasts: its call, and of who it is what came
// with that. It has no process here: what only a process can do, thread 0 does with the result.

import { type Attention, INTERRUPT } from "../../shared/ring/attention.ts";
import { highWord } from "../../shared/ring/slot.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { Call } from "../call/call.ts";
import type { OperationList } from "../call/operation_list.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { type Credentials, initialCredentials } from "../credentials/credentials.ts";
import type { NetCaller } from "../net/caller.ts";
import type { NetContext } from "../net/context.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import type { OwnedSocket } from "./owned_sockets.ts";

interface NetCallContext extends NetContext {
  readonly attention: Attention;
  /** Passes a slot to thread 0 and fills a record for it; null: the slot was closed meanwhile. */
  passBack(kind: number, slot: number, sequence: number): Int32Array | null;
  /** Sends it. */
  sendBack(): void;
  /** A record for thread 0. */
  record(kind: number): Int32Array;
}

const JUDGED = { allows: () => false };

/** A call that replies only where nothing stands between its end and guest code. */
class NetCall extends Call {
  readonly #task: NetTask;

  constructor(task: NetTask, context: NetCallContext, slot: number) {
    super(task, context, slot);
    this.#task = task;
  }

  override finish(result: number): void {
    const task = this.#task;
    task.socket?.publish();
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

export class NetTask implements NetCaller {
  readonly kernel: NetCallContext;
  readonly call: Call;
  readonly files = { id: 0, get: () => this.socket?.file };
  firstTid = 0;
  firstPid = 0;
  pid = 0;
  readonly process = null;
  credentials: Credentials;
  /** What the call's descriptor names. */
  socket: OwnedSocket | null = null;
  /** Goes to the task with the result; 0: none. */
  signal = 0;
  /** Its slot was closed. */
  isEnding = false;
  /** Of the next call, which thread 0 has judged by them; null: they stand in its slot. */
  arguments: Int32Array | null = null;
  readonly isWatched = false;
  /** Who it is, and its table, are as they were last told. */
  isKnown = false;

  constructor(kernel: NetCallContext, slot: number) {
    this.kernel = kernel;
    this.credentials = initialCredentials(0, 0, [], kernel.users);
    this.call = new NetCall(this, kernel, slot);
  }

  /** Thread 0 passes what may be made; its arguments come with it where that depends on them. */
  get seccomp(): typeof JUDGED | null {
    return this.arguments === null ? null : JUDGED;
  }

  judge(): null {
    if (this.arguments !== null) this.call.frame.setArguments(this.arguments);
    this.arguments = null;
    return null;
  }

  /** Its slot has been passed, with a call. */
  take(record: Int32Array, socket: OwnedSocket | null): void {
    const { call } = this;
    call.cancelWait(); // of a stub that has broken the protocol
    call.takeBack(record[M.SEQUENCE]!, record[M.NR]!);
    this.socket = socket;
    this.signal = 0;
    this.files.id = record[M.CALL_TABLE]!;
    this.isKnown = true;
    this.identify(record);
  }

  /** Who it is stands in a record. */
  identify(record: Int32Array): void {
    this.firstTid = record[M.FIRST_TID]!;
    this.firstPid = record[M.FIRST_PID]!;
    this.pid = record[M.PID]!;
    this.#identify(
      record[M.CALLER_EUID]! >>> 0,
      record[M.CALLER_EGID]! >>> 0,
      record[M.CAPABILITIES_LOW]!,
      record[M.CAPABILITIES_HIGH]!,
    );
  }

  /** It has posted a call itself, on a descriptor that is known. */
  begin(sequence: number, nr: number, socket: OwnedSocket): void {
    const { call } = this;
    this.arguments = null;
    call.cancelWait();
    call.takeBack(sequence, nr);
    this.socket = socket;
    this.signal = 0;
  }

  #identify(euid: number, egid: number, effectiveLow: number, effectiveHigh: number): void {
    const old = this.credentials;
    const isSame = old.euid === euid && old.egid === egid;
    if (isSame && old.effectiveLow === effectiveLow && old.effectiveHigh === effectiveHigh) return;
    this.credentials = {
      ...initialCredentials(euid, egid, [], this.kernel.users),
      effectiveLow,
      effectiveHigh,
    };
  }

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
    this.socket?.publish();
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
    this.socket = null;
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
