// What a stub posts finds its way here: from a slot to the task that it belongs to, and by the kind of request to
// who serves it. A task's state, never its slot, decides which kinds are allowed now.

import { kindOf, sequenceOf } from "../../shared/ring/claims.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import type { Call } from "../call/call.ts";
import type { Dispatcher } from "../call/dispatch.ts";
import { fromUser } from "../call/siginfo.ts";
import { hideTrampoline } from "../patch/hidden_code.ts";
import type { Patcher } from "../patch/patcher.ts";
import { onFault } from "../signals/faults.ts";
import type { SupervisorContext } from "./context.ts";
import type { Task } from "./task.ts";

export class Requests {
  readonly #kernel: SupervisorContext;
  readonly #dispatcher: Dispatcher<Task>;

  constructor(kernel: SupervisorContext, dispatcher: Dispatcher<Task>) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
  }

  /**
   * Serves the request that the scanner took from a slot; `nr` is a system call's number. A throw costs its process
   * alone (F21).
   */
  serve(slot: number, request: number, nr: number): void {
    const kernel = this.#kernel;
    const task = kernel.taskAt[slot];
    if (task === undefined) return; // closed while its request was on the way
    const { call } = task;
    call.owned = true;
    call.sequence = sequenceOf(request);
    kernel.attention?.set(slot, task.watch); // what stood there is seen now
    kernel.current = task;
    kernel.counters.requests++;
    kernel.longTurns.nr = call.nr;
    try {
      this.#serve(task, kindOf(request), nr);
    } catch (error) {
      this.onThrow(call, error);
    }
    kernel.longTurns.served();
    if (kernel.nextSteps.any) kernel.nextSteps.run();
  }

  /** The host has answered what a handler has left off for. */
  serveAgain(task: Task): void {
    this.#kernel.current = task;
    this.#dispatcher.serveAgain(task);
  }

  /** A tracer lets a call go on. */
  serveStopped(task: Task, nr: number, isJudged: boolean): void {
    this.#kernel.current = task;
    this.#dispatcher.serveStopped(task, nr, isJudged);
  }

  /** A call that another kernel thread has served is over; its slot is this thread's again. */
  finish(
    slot: number,
    sequence: number,
    nr: number,
    result: number,
    signal: number,
    movedPieces: number,
  ): void {
    this.#takeBack(slot, sequence, nr, (task) => {
      task.call.movedPieces = movedPieces;
      if (signal !== 0) task.send(fromUser(task, signal));
      task.call.complete(result);
    });
  }

  /** What another kernel thread knows of a task ends it. */
  killHostile(slot: number, sequence: number): void {
    this.#takeBack(slot, sequence, -1, (task) => task.killHostile());
  }

  /** A call was answered by another kernel thread while something came for its task. */
  kick(slot: number): void {
    this.#kernel.taskAt[slot]?.kick();
  }

  #takeBack(slot: number, sequence: number, nr: number, then: (task: Task) => void): void {
    const kernel = this.#kernel;
    const task = kernel.taskAt[slot];
    if (task === undefined) return;
    task.call.takeBack(sequence, nr);
    kernel.attention?.set(slot, task.watch);
    kernel.current = task;
    kernel.kicks.answered(task);
    kernel.longTurns.nr = nr;
    task.lostPools = null; // it goes on behind its site
    try {
      if (task.leaving) task.stub.dismiss(task);
      else then(task);
    } catch (error) {
      this.onThrow(task.call, error);
    }
    kernel.longTurns.served();
  }

  /** What served a call, or let it go on, threw. */
  onThrow(call: Call, error: unknown): void {
    this.#kernel.throws.inCall(call, error);
  }

  #patch(task: Task, patcher: Patcher): void {
    task.call.begin(-1);
    task.call.start(patcher.patch(task));
  }

  /** The rest of a call whose stub has gone back by itself. True: it does not wait for what comes of this request. */
  #afterReturn(task: Task, kind: number): boolean {
    task.stub.endReturning(task);
    return task.call.afterReturn(kind === Request.OPS_DONE);
  }

  /**
   * What other threads have changed in the memory that the task shares, and have said so before it made its request, is
   * written down first: they may have told it by memory alone. What they have posted is served in its turn.
   */
  #settleOthers(task: Task): void {
    const { kernel, stub } = task;
    for (const other of [...stub.returning] as Task[]) {
      const { call } = other;
      const kind = kindOf(kernel.claims.peek(call.slot, kernel.thread));
      if (other === task || kind === 0 || (kind === Request.OPS_DONE && !call.listHasReturned)) continue;
      this.settle(other);
    }
  }

  /** Writes down what the list of a task has done, whose stub has gone back by itself. */
  settle(task: Task): void {
    const { call } = task;
    task.stub.endReturning(task);
    try {
      call.settle();
    } catch (error) {
      this.onThrow(call, error);
    }
  }

  #serve(task: Task, kind: number, nr: number): void {
    const { kernel, call } = task;
    // An outcome that nobody waits for answers no kick: its thread still enters the stub by one.
    if (call.mayHaveReturned && (this.#afterReturn(task, kind) || !call.owned)) {
      kernel.otherThreads?.letGo(call.slot);
      return;
    }
    if (task.stub.returning.length > 0) this.#settleOthers(task);
    kernel.kicks.answered(task);
    if (task.leaving) {
      task.stub.dismiss(task);
      return;
    }
    switch (kind) {
      case Request.SYSCALL:
        if (call.expectsOutcome) break;
        task.lostPools = null;
        if (kernel.patcher?.isDue(task) === true) this.#patch(task, kernel.patcher);
        else this.#dispatcher.serve(task, nr);
        return;
      case Request.PATCHED:
        if (call.expectsOutcome) break;
        task.lostPools = null; // it goes on behind its site
        this.#dispatcher.serve(task, nr);
        return;
      case Request.OPS_DONE:
      case Request.COPY_READY:
      case Request.STARTED:
        kernel.stubs.settle(task);
        if (!call.posted()) break;
        return;
      case Request.OUT_FAULT:
        if (call.expectsOutcome) break;
        call.outFaulted();
        return;
      case Request.FAULT:
      case Request.TRAP:
        if (call.expectsOutcome) break;
        if (hideTrampoline(task, kind)) task.returnToGuest(null);
        else onFault(task);
        return;
      case Request.INTERRUPTED:
        if (call.expectsOutcome) break;
        hideTrampoline(task, kind);
        task.returnToGuest(null);
        return;
      default:
        break;
    }
    // A request that the task's state does not allow: only a stub that is not ours posts it.
    kernel.counters.protocolErrors++;
    kernel.log("warn", "a stub broke the protocol: killed", { pid: task.firstPid, kind });
    task.killHostile();
  }
}
