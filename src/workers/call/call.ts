// A task's system call in progress, from the request to the reply: what it waits for, how it goes on, and its
// end. A task has one Call for all its calls.
//
// Where a call is:
//   served            a handler runs; the kernel owns the slot
//   waiting           a waiter, or a coroutine, stands for what it waits for
//   running a list    a coroutine waits; the slot is with the stub
//   parked            the group is stopped, or its tracer has stopped the task; `unpark` goes on
//   aside             parked, or in a coroutine, while the stub does something that is no part of the call
//   elsewhere         another kernel thread owns the slot
//   none              the slot is with the guest

import { EIO, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { Reply, type ReplyCode } from "../../shared/ring/slot_states.ts";
import { type Asked, NOT_AT_HAND } from "./asked.ts";
import type { Caller } from "./caller.ts";
import type { Stopwatch } from "./latencies.ts";
import { isRestart, type RestartBlock } from "./restart.ts";
import { type SlotContext, SlotIo } from "./slot_io.ts";

/** A handler's answer when the call's result comes later. No errno and no address. */
export const BLOCKED = -0x7fffffff;
/**
 * A handler's answer when there is no result to deliver: its call has replied by itself, or never returns. It is
 * BLOCKED, since both leave the reply alone; the name says that nobody will complete the call.
 */
export const NO_RESULT = BLOCKED;

/** What a call waits for: one object that completes it once, unless it is cancelled. */
export interface Waiter {
  /** The wait is over without its event: forget the call. */
  cancel(): void;
  /** A signal ended the wait: the call's result, ERESTARTSYS unless said otherwise. */
  interrupted?(): number;
}

/** A call in several steps: each yield waits for what the stub posts next, or for a waiter's event. */
export type Coroutine = Generator<void, number, void>;

export class Call extends SlotIo {
  readonly caller: Caller;
  /** Number of the system call in progress; -1 outside one. */
  nr = -1;
  /** Another number for each call, and when there will be none: whoever remembers a call for long has this alone of it. */
  readonly progress = { serial: 0 };
  coroutine: Coroutine | null = null;
  /** What restart_syscall goes on from. */
  restartBlock: RestartBlock | null = null;
  /** Out pieces that have been copied already: they stand in the slot still. */
  movedPieces = 0;
  /** What its tracer remembers of it; null: it is not traced. */
  traced: object | null = null;
  /** Of the last one that was drawn to be timed (latencies.ts), and has not ended; null: none was. */
  timed: Stopwatch | null = null;
  #waiter: Waiter | null = null;
  #asked: Asked | null = null;
  #interrupted = false;
  /** Its wait is over: it goes on at the kernel thread's next step. */
  #due = false;
  #dueResult = 0;
  #stepping: Coroutine | null = null;
  #afterCopyOut: ((result: number) => void) | null = null;
  #afterCopyOutResult = 0;
  #copyOutBytes = 0;
  #parked: (() => void) | null = null;
  /** What becomes of what the stub does while the call rests. */
  #aside: ((isDone: boolean) => void) | null = null;
  /** Operations behind which the stub goes back to its guest by itself; 0: it does not. */
  #returnsAfter = 0;
  /** It has, and all that was left of the call is done; what it has posted was not served yet. */
  #isSettled = false;
  /** While what is left of such a call is done: how many of its operations were done, read once; else -1. */
  #doneOfSettled = -1;
  /** The last reply entered a signal handler. */
  #enteredHandler = false;

  constructor(caller: Caller, context: SlotContext, slot: number) {
    super(context, slot);
    this.caller = caller;
  }

  /** What stands for what it waits for; set by whoever lets it wait. */
  get waiter(): Waiter | null {
    return this.#waiter;
  }

  set waiter(waiter: Waiter | null) {
    this.#waiter = waiter;
    if (waiter !== null) this.caller.kernel.stacks?.begin(this);
  }

  /** What it has asked of the host; null: nothing. */
  get asked(): Asked | null {
    return this.#asked;
  }

  set asked(asked: Asked | null) {
    this.#asked = asked;
    if (asked !== null) this.caller.kernel.stacks?.begin(this);
  }

  // ---- A call's way ----

  /** A system call has been claimed. */
  begin(nr: number): void {
    this.nr = nr;
    this.progress.serial++;
    this.traced = null;
    this.outFault = null;
    this.movedPieces = 0;
    this.#enteredHandler = false;
  }

  /** Its handler answered BLOCKED: a wait that a signal ends is over before it began, if there is one. */
  blocked(): void {
    const { observer } = this.caller.kernel;
    if (observer !== null) observer.rests(this);
    const waits = this.#waiter !== null && this.coroutine === null;
    if (!waits || !this.caller.interruptPending || !this.interrupt()) this.replyBlocked();
  }

  /** The call is over: its result goes back to the guest, by way of the signals that stand in between. */
  complete(result: number): void {
    const { caller } = this;
    if (result <= NOT_AT_HAND || caller.isEnding) {
      if (result === NOT_AT_HAND) this.#beginAgain();
      return;
    }
    const { observer } = caller.kernel;
    if (observer !== null) observer.leave(this, result);
    if (this.traced !== null) caller.kernel.tracer?.leave(this, result);
    if (isRestart(result) || caller.hasWork) caller.returnToGuest(result);
    else this.finish(result);
  }

  /** As complete, of a call that has waited: what ends within its turn is the dispatcher's to time. */
  #completeLate(result: number): void {
    if (this.timed !== null && result > NOT_AT_HAND) this.caller.kernel.latencies.end(this);
    this.complete(result);
  }

  /** Replies with a result; signals and restarts have been dealt with. */
  finish(result: number): void {
    if (!this.owned) return;
    this.#end();
    this.replyResult(result);
  }

  /** Final replies whose fields stand in the slot: SIGRETURN, EXIT, RESUME. */
  replyFinal(code: ReplyCode): void {
    if (!this.owned) return;
    this.#end();
    this.replyPrepared(code, this.caller.interruptPending);
  }

  /** Enters a signal handler, whose frame is the out piece. */
  replySignal(): void {
    if (!this.owned) return;
    this.#end();
    this.#enteredHandler = true;
    this.replyFrame(this.caller.interruptPending);
  }

  #end(): void {
    this.nr = -1;
    this.#waiter = null;
    if (this.#asked !== null) this.endAsked();
  }

  // ---- What it has asked of the host ----

  /** What was asked for is over: a coroutine that goes on with something else asks anew. */
  endAsked(): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.end();
  }

  /** Its handler has left off for want of an answer: it runs again when that is there. */
  #beginAgain(): void {
    if (this.caller.isEnding) return;
    this.dropOut();
    this.outOnError = false;
    this.outFault = null;
    if (this.#asked === null) {
      this.complete(-EIO); // nobody was asked
      return;
    }
    this.replyBlocked();
    this.#asked.whenAnswered(() => this.completeWait(NOT_AT_HAND), true);
  }

  /** Waits in a coroutine for what was asked. */
  *answer(): Generator<void, void, void> {
    this.caller.kernel.stacks?.begin(this);
    this.replyBlocked();
    if (this.#asked === null) this.completeWait(0);
    else this.#asked.whenAnswered(() => this.completeWait(0), false);
    yield;
  }

  /** Copies the call's out pieces now, and goes on with the result, which a fault changes. */
  copyOutThen(result: number, then: (result: number) => void): void {
    if (this.hasBadPointer) {
      this.dropOut();
      then(this.resultOfFault(0));
      return;
    }
    this.movedPieces = this.outPieces;
    this.#afterCopyOut = then;
    this.#afterCopyOutResult = result;
    this.#copyOutBytes = this.outBytes;
    this.copyRound(Reply.COPY_OUT_MORE);
  }

  /** What went out with the last reply faulted in guest memory. */
  outFaulted(): void {
    if (this.#enteredHandler) {
      this.#enteredHandler = false;
      this.caller.onUnwritableFrame();
      return;
    }
    const result = this.resultOfFault(this.roundBytes());
    this.outFault = null;
    this.complete(result);
  }

  // ---- Calls that another kernel thread serves ----

  /** The slot is about to be another thread's: the call goes on there. */
  handOver(): void {
    const { observer } = this.caller.kernel;
    if (observer !== null) observer.passed(this);
    if (this.timed !== null) this.caller.kernel.latencies.drop(this);
    this.owned = false;
    this.dropOut();
    this.outOnError = false;
    this.#end();
  }

  /** It is this thread's again, with the request of that sequence. */
  takeBack(sequence: number, nr: number): void {
    this.owned = true;
    this.sequence = sequence;
    this.nr = nr;
  }

  // ---- Coroutines and waiting ----

  /** Starts a coroutine for the call in progress: its result, or BLOCKED when it has to wait. */
  start(coroutine: Coroutine): number {
    this.coroutine = coroutine;
    return this.#step(coroutine);
  }

  /** The stub posted what the call waits for; false if it waits for nothing. */
  posted(): boolean {
    const { observer } = this.caller.kernel;
    if (observer !== null) observer.goesOn(this);
    const aside = this.#aside;
    if (aside !== null) {
      this.#aside = null;
      aside(true);
      this.lookAgain();
      return true;
    }
    const then = this.#afterCopyOut;
    if (then !== null) {
      this.#afterCopyOut = null;
      const copied = this.roundBytes();
      this.dropOut();
      then(copied < this.#copyOutBytes ? this.resultOfFault(copied) : this.#afterCopyOutResult);
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
    const { observer } = this.caller.kernel;
    if (result !== BLOCKED) this.#completeLate(result);
    else if (observer !== null) observer.rests(this);
  }

  #step(coroutine: Coroutine): number {
    const { kernel } = this.caller;
    const outer = this.#stepping;
    const before = kernel.current;
    this.#stepping = coroutine;
    kernel.current = this.caller;
    if (kernel.stacks !== null) kernel.stacks.end(this);
    const step = coroutine.next();
    kernel.current = before;
    this.#stepping = outer;
    if (!step.done) {
      // It has ended its own task: what it holds it gives back, and nobody resumes it.
      if (this.coroutine !== coroutine) coroutine.return(0);
      return BLOCKED;
    }
    if (this.coroutine === coroutine) this.coroutine = null;
    return step.value;
  }

  /** The stub runs something for the kernel, whose outcome comes next. */
  get expectsOutcome(): boolean {
    return this.coroutine !== null || this.#afterCopyOut !== null || this.#aside !== null;
  }

  /** A coroutine, in whose place no waiter stands. */
  get waitsForGood(): boolean {
    return (
      this.coroutine !== null && this.coroutine !== this.#stepping && this.#waiter === null && !this.#due
    );
  }

  /**
   * The task is in guest code, or about to be, and sees nothing of what becomes pending. A coroutine that has just
   * replied for good is on its last step; one that waits for the stub looks when its call ends.
   */
  get isWithGuest(): boolean {
    const waits = this.coroutine !== null && this.coroutine !== this.#stepping && this.#returnsAfter === 0;
    return !this.owned && !waits && this.#afterCopyOut === null && this.#aside === null;
  }

  /**
   * Runs a list behind which the stub goes back to its guest with the result, if all of it is done: what the coroutine
   * does then is done when the stub has told, or has posted the next request, and may not wait. Quiet: no kernel thread that
   * sleeps is woken for what it tells.
   */
  runListAndReturn(count: number, result: number, isQuiet: boolean): void {
    if (!this.owned) return;
    // What is left for the kernel to do may lie until it wakes for something else.
    if (this.timed !== null) this.caller.kernel.latencies.end(this);
    this.owned = false;
    this.#returnsAfter = count;
    this.replyListAndResult(count, result, isQuiet);
  }

  /** What the stub posts next says whether it has gone back to its guest. */
  get mayHaveReturned(): boolean {
    return this.returns || this.#isSettled;
  }

  /** Its stub is on its way, or back, and nothing of what it has done is written down. */
  get returns(): boolean {
    return this.#returnsAfter > 0;
  }

  override get listDone(): number {
    return this.#doneOfSettled >= 0 ? this.#doneOfSettled : super.listDone;
  }

  /** As the stub tells, it has done all of the list behind which it goes back. */
  get listHasReturned(): boolean {
    return this.listDone === this.#returnsAfter;
  }

  /** The rest of such a call, whose list was done; the stub's outcome may still come. */
  settle(): void {
    const { coroutine, caller } = this;
    const done = this.#returnsAfter;
    this.#returnsAfter = 0;
    this.#isSettled = true;
    if (coroutine === null) return;
    this.#doneOfSettled = done;
    let result: number;
    try {
      result = this.#step(coroutine);
    } finally {
      this.#doneOfSettled = -1;
    }
    if (result === BLOCKED) throw new Error("a call that has returned waits");
    const { observer } = caller.kernel;
    if (observer !== null && !caller.isEnding) observer.leave(this, result);
    if (this.traced !== null && !caller.isEnding) caller.kernel.tracer?.leave(this, result);
    this.#end();
  }

  /** The rest of such a call, if its list was done. True: the stub waits for no reply to what it has posted. */
  afterReturn(isOutcome: boolean): boolean {
    if (isOutcome && !this.#isSettled && !this.listHasReturned) {
      this.#returnsAfter = 0;
      return false; // it waits for the call's result
    }
    if (!this.#isSettled && !this.listHasReturned) {
      // No stub of ours goes back to its guest before the list is done, and asks for something else.
      this.caller.killHostile();
      return true;
    }
    if (!this.#isSettled) this.settle();
    this.#isSettled = false;
    if (isOutcome) this.letGo();
    return isOutcome;
  }

  /** Waits in a coroutine; the caller has set `waiter`. True when a signal ended the wait, or came before it. */
  *wait(): Generator<void, boolean, void> {
    if (this.caller.interruptPending) {
      const waiter = this.#waiter;
      this.#waiter = null;
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
    this.#waiter = null;
    if (this.#due) return;
    this.#due = true;
    this.#dueResult = result;
    this.caller.kernel.nextSteps.push(this);
  }

  /** The next step after completeWait, or after unpark. */
  goOn(): void {
    if (!this.#due) return;
    this.#due = false;
    if (this.#aside !== null) return; // behind that it looks again
    const { observer } = this.caller.kernel;
    if (observer !== null) observer.goesOn(this);
    const parked = this.#parked;
    this.#parked = null;
    if (parked !== null) parked();
    else if (this.coroutine !== null) {
      // While its stub is about something it goes on with what comes of that, whoever else wakes it.
      if (this.owned) this.#resume();
    } else if (this.#dueResult === NOT_AT_HAND) this.caller.serveAgain();
    else this.#completeLate(this.#dueResult);
  }

  /** A signal or a stop ends the wait; false if the call does not wait. */
  interrupt(): boolean {
    const waiter = this.#waiter;
    if (waiter === null) return false;
    this.#waiter = null;
    waiter.cancel();
    this.#interrupted = this.coroutine !== null;
    this.completeWait(waiter.interrupted?.() ?? -ERESTARTSYS);
    return true;
  }

  /** Forgets whatever the call waits for. */
  cancelWait(): void {
    this.progress.serial++;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.cancel();
    this.#due = false;
    const coroutine = this.coroutine;
    this.coroutine = null;
    // One that ends its own task runs on to its end; its result finds nobody.
    if (coroutine !== this.#stepping) coroutine?.return(0);
    this.#afterCopyOut = null;
    this.#parked = null;
    const aside = this.#aside;
    this.#aside = null;
    aside?.(false);
    if (this.#asked !== null) this.endAsked();
  }

  /** The task does not go back to guest code now, but by `resume`, after unpark. */
  park(resume: () => void): void {
    this.replyBlocked();
    this.#parked = resume;
  }

  /** The group goes on: so does the call, as the next step, since its task may end there. */
  unpark(): void {
    if (this.#parked === null || this.#due || this.#aside !== null) return;
    this.#due = true;
    this.caller.kernel.nextSteps.push(this);
  }

  /**
   * Has the stub do something while the call rests (it is parked, or its coroutine waits until something has changed):
   * `begin` replies so, and `then` is called with the outcome in the slot, or with false when the call is given up. One at a
   * time.
   */
  aside(begin: () => void, then: (isDone: boolean) => void): void {
    this.#aside = then;
    begin();
  }

  /** The stub does something aside. */
  get isAside(): boolean {
    return this.#aside !== null;
  }

  /** What the call rests for may have changed: it looks, as the next step, but not before the stub has done what it does aside. */
  lookAgain(): void {
    if (this.#aside !== null) return;
    if (this.#parked !== null) this.unpark();
    else if (this.coroutine !== null) this.completeWait(0);
  }
}
