// What finds its way to the kernel thread NET: calls on its sockets, which thread 0 has passed, and what stubs post to it
// in the middle of those. Everything else is passed to thread 0.

import { nr } from "../../shared/abi/syscalls.ts";
import { POSTED_TO_NET } from "../../shared/abi/unseen_calls.ts";
import { kindOf, sequenceOf } from "../../shared/ring/claims.ts";
import { RDI } from "../../shared/ring/layout.ts";
import { ARGUMENT_WORDS } from "../../shared/ring/slot.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import { SUPERVISOR } from "../../shared/thread_plan.ts";
import type { Call } from "../call/call.ts";
import { Dispatcher } from "../call/dispatch.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import { OWNED_SOCKET_HANDLERS } from "../net/calls.ts";
import * as M from "./messages.ts";
import { NetTask } from "./net_call.ts";
import type { NetKernel } from "./net_kernel.ts";
import { Descriptors, type OwnedSocket } from "./owned_sockets.ts";
import type { PoolRequests } from "./pool_kernel.ts";
import { ShownTraps } from "./shown_traps.ts";

export class NetRequests implements PoolRequests {
  readonly #kernel: NetKernel;
  readonly #dispatcher: Dispatcher<NetTask>;
  /** By slot number. */
  readonly #tasks: (NetTask | undefined)[] = [];
  readonly #descriptors = new Descriptors();
  /** Numbers of the calls that stubs may post here. */
  readonly #served: ReadonlySet<number>;
  readonly #shown: ShownTraps;

  /** `every`: of the calls that trap here thread 0 is shown one in so many; 0: none. */
  constructor(kernel: NetKernel, every: number) {
    this.#kernel = kernel;
    this.#shown = new ShownTraps(every);
    this.#dispatcher = new Dispatcher(kernel, new Map(Object.entries(OWNED_SOCKET_HANDLERS)));
    this.#served = new Set(POSTED_TO_NET.map(nr));
  }

  /** Serves what the scanner took from a slot. */
  serve(slot: number, request: number, nr: number): void {
    const kernel = this.#kernel;
    const task = this.#tasks[slot];
    kernel.counters.requests++;
    if (task === undefined || !(this.#goesOn(task, request) || this.#begins(task, request, nr)))
      kernel.passRequest(slot, request, nr);
    kernel.longTurns.served();
    if (kernel.nextSteps.any) kernel.nextSteps.run();
  }

  /** What a stub posts in the middle of a call here, or behind it: whether it was that. */
  #goesOn(task: NetTask, request: number): boolean {
    const { call } = task;
    const kind = kindOf(request);
    const isOutcome = kind === Request.COPY_READY || kind === Request.OPS_DONE;
    if (isOutcome ? !call.expectsOutcome : kind !== Request.OUT_FAULT || call.expectsOutcome) return false;
    call.takeBack(sequenceOf(request), call.nr);
    this.#attempt(task, () => {
      if (isOutcome) call.posted();
      else call.outFaulted();
    });
    return true;
  }

  /** A call that its stub has posted here, by the word of a route: whether it is one of ours. */
  #begins(task: NetTask, request: number, nr: number): boolean {
    const kernel = this.#kernel;
    const { slot } = task.call;
    const kind = kindOf(request);
    if (kind === Request.SYSCALL ? this.#shown.isNext() : kind !== Request.PATCHED) return false;
    if (!this.#served.has(nr) || !kernel.page.isRouted(nr)) return false;
    // What thread 0 has said before its guest made this call is known, or the call is thread 0's. That it has said more
    // than has found room is looked at first: behind the exchange that might have come in, and not be known.
    const isBehind = kernel.post.isBehind(SUPERVISOR);
    kernel.post.exchange();
    if (isBehind) return false;
    if (!task.isKnown || task.isEnding || kernel.attention.get(slot) !== 0) return false;
    const socket = this.#descriptors.find(task.files.id, kernel.slots.word(slot, RDI));
    if (socket === undefined) return false;
    task.begin(sequenceOf(request), nr, socket);
    this.#attempt(task, () => this.#dispatcher.serve(task, nr));
    return true;
  }

  /** A descriptor names something else now. */
  forgetDescriptor(table: number, fd: number): void {
    this.#descriptors.forget(table, fd);
  }

  /** Who makes calls in the slot is to be told anew. */
  forgetTask(slot: number): void {
    const task = this.#tasks[slot];
    if (task !== undefined) task.isKnown = false;
  }

  #taskAt(slot: number): NetTask {
    const task = this.#tasks[slot] ?? new NetTask(this.#kernel, slot);
    this.#tasks[slot] = task;
    return task;
  }

  /** A slot will be passed, with a call that has these arguments. */
  judged(record: Int32Array): void {
    this.#taskAt(record[M.SLOT]!).arguments = record.slice(M.ARGUMENTS, M.ARGUMENTS + ARGUMENT_WORDS);
  }

  /** A slot has been passed, with a call on a socket; undefined: it is gone, which its descriptor is not. `users`: the caller's. */
  call(record: Int32Array, socket: OwnedSocket | undefined, users: UserNamespace): void {
    const slot = record[M.SLOT]!;
    const nr = record[M.NR]!;
    const task = this.#taskAt(slot);
    this.#kernel.figures.passedIn++;
    task.take(record, socket ?? null, users);
    this.#kernel.longTurns.nr = nr;
    if (socket !== undefined && record[M.CALL_SOCKET]! >= 0) {
      socket.setStatus(record[M.CALL_STATUS]!);
      const fd = record[M.CALL_DESCRIPTOR]!;
      if (fd >= 0) this.#descriptors.set(record[M.CALL_TABLE]!, fd, socket);
    }
    this.#attempt(task, () => this.#dispatcher.serve(task, nr));
    this.#kernel.longTurns.served();
  }

  #attempt(task: NetTask, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.onThrow(task.call, error);
    }
  }

  *tasks(): Generator<NetTask> {
    for (const task of this.#tasks) if (task !== undefined) yield task;
  }

  /** What served a call, or let it go on, threw. */
  onThrow(call: Call, error: unknown): void {
    this.#kernel.throws.inCall(call, error);
  }

  /** Something waits for who makes a call here: its wait is over. */
  cancel(slot: number, sequence: number): void {
    const call = this.#tasks[slot]?.call;
    if (call?.owned === true && call.sequence === sequence) call.interrupt();
  }

  /** The slot was closed. */
  closed(slot: number): void {
    this.#tasks[slot]?.end();
    this.#tasks[slot] = undefined;
  }
}
