// The other kernel threads as thread 0 knows them, whatever they are for: which of them knows of a slot, who serves it
// now, and what comes back of it. A call comes back with its slot where something stands between its end and guest code
// (ring/attention.ts), or where it is thread 0's to serve.

import { TWO_32 } from "../../shared/abi/struct.ts";
import { type Attention, INTERRUPT, WATCHED } from "../../shared/ring/attention.ts";
import { type Claims, sequenceOf } from "../../shared/ring/claims.ts";
import { chunkOfSlot, type GuestMemory } from "../../shared/ring/guest_memory.ts";
import { RDI, ROUTES, ROUTES_COUNT } from "../../shared/ring/layout.ts";
import { SLOT_PLACES } from "../../shared/ring/private_sab.ts";
import { type Moment, Quiescence } from "../../shared/ring/quiescence.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import { SUPERVISOR, type ThreadPlan, threadOf } from "../../shared/thread_plan.ts";
import type { Caller } from "../call/caller.ts";
import type { Timers } from "../call/timers.ts";
import type { Counters } from "../counters.ts";
import type { ThreadFigures } from "../thread_figures.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { Passed } from "./passed.ts";
import type { Post } from "./post.ts";

/** What thread 0 does with what comes back. */
export interface ReturnedCalls {
  /** A call is over; its slot is this thread's. */
  finish(
    slot: number,
    sequence: number,
    nr: number,
    result: number,
    signal: number,
    movedPieces: number,
  ): void;
  /** A request that no other thread serves; its slot is this thread's. */
  serve(slot: number, request: number, nr: number): void;
  /** Something waits for the slot's guest, which has gone back to its code. */
  kick(slot: number): void;
  /** Its process is to end. */
  killHostile(slot: number, sequence: number): void;
}

export interface OtherThreadsContext {
  readonly claims: Claims;
  readonly figures: ThreadFigures;
  readonly memory: GuestMemory;
  readonly slots: Slots;
  readonly timers: Timers;
  readonly nowNs: number;
  readonly longTurns: { readonly isFull: boolean };
  readonly counters: Counters;
}

/** Whether a stub looks up whom it is to ring for a descriptor. */
export function hasRoute(fd: number): boolean {
  return fd >= 0 && fd < ROUTES_COUNT;
}

export class OtherThreads {
  readonly #kernel: OtherThreadsContext;
  readonly #attention: Attention;
  readonly #post: Post;
  readonly #returned: ReturnedCalls;
  readonly #threads: number;
  /** What is lent to whoever makes calls in a slot; null: nothing is. */
  lender: { forgetCaller(slot: number): void } | null = null;
  /** Of which waits are to be told that they are over; -1: none waits. */
  readonly #net: number;
  /** Of each slot the threads that know of its task, a bit each. */
  readonly #visited = new Uint8Array(SLOT_PLACES);
  /** Slots that were closed, and when. */
  readonly #leaving = new Map<number, Moment>();
  readonly #quiescence: Quiescence;
  readonly #passed: Passed;

  constructor(
    kernel: OtherThreadsContext,
    plan: ThreadPlan,
    attention: Attention,
    post: Post,
    control: Int32Array,
    returned: ReturnedCalls,
  ) {
    this.#kernel = kernel;
    this.#attention = attention;
    this.#post = post;
    this.#returned = returned;
    this.#threads = plan.length;
    this.#net = threadOf(plan, "net");
    this.#quiescence = new Quiescence(control, plan.length);
    this.#passed = new Passed(kernel, control, plan.length);
  }

  /** Calls `then` when none of them is on the way any more to what is given up now; perhaps at once. */
  whenPassed(then: () => void): void {
    this.#passed.when(then);
  }

  /** A thread is about to know of a slot's task, or to write to its memory. */
  visit(slot: number, thread: number): void {
    this.#visited[slot]! |= 1 << thread;
  }

  /** The slot, which thread 0 owns, is about to be passed to a thread: what that is to know of its task stands before. */
  visitWith({ call, hasWork, interruptPending, isWatched }: Caller, thread: number): void {
    const comesBack = isWatched || hasWork || call.traced !== null;
    this.#attention.set(call.slot, (interruptPending ? INTERRUPT : 0) | (comesBack ? WATCHED : 0));
    this.visit(call.slot, thread);
  }

  /** A call of the slot's task is served by one of them. */
  serves(slot: number): boolean {
    return this.#kernel.claims.owner(slot) > SUPERVISOR;
  }

  /** The task of a slot is to come by. True: what is served elsewhere comes back when it ends; false: nothing is. */
  recall(slot: number): boolean {
    return this.#attention.raise(slot, WATCHED) > SUPERVISOR;
  }

  /** As recall, because of a signal or the like, which ends waits. */
  cutShort(slot: number): boolean {
    const owner = this.#attention.raise(slot, INTERRUPT);
    if (owner <= SUPERVISOR) return false;
    if (owner === this.#net) this.#tell(owner, Message.CANCEL, slot, this.#kernel.claims.sequence(slot));
    return true;
  }

  /** Who a task is has changed, or what its descriptors are, or how far it may write. */
  forgetTask(slot: number): void {
    this.lender?.forgetCaller(slot);
    if (this.#net > SUPERVISOR && (this.#visited[slot]! & (1 << this.#net)) !== 0)
      this.#tell(this.#net, Message.FORGET_TASK, slot, 0);
  }

  /** A slot was closed, perhaps under their hands. */
  closed(slot: number): void {
    this.lender?.forgetCaller(slot);
    if (this.#visited[slot] === 0) return;
    this.#leaving.set(slot, this.#quiescence.now());
    this.#tellClosed(slot);
    this.#visited[slot] = 0;
  }

  /** The place of a chunk is allotted only when nobody is on the way to its slots any more (chunk_places.ts). */
  renewed(slot: number): void {
    this.#leaving.delete(slot);
  }

  /** Whether one of them may write to a slot that was closed: then nobody is to have it yet. */
  isLeaving(slot: number): boolean {
    const since = this.#leaving.get(slot);
    if (since === undefined) return false;
    if (!this.#post.isFlushed || !this.#quiescence.hasPassed(since)) return true;
    this.#leaving.delete(slot);
    return false;
  }

  /** A slot has gone back to its guest without an answer: what its stub has posted meanwhile to others was left there. */
  letGo(slot: number): void {
    // The claim's store was a locked instruction (Claims.letGo), which this look at who sleeps needs before it.
    const { claims } = this.#kernel;
    for (let thread = SUPERVISOR + 1; thread < this.#threads; thread++)
      if (claims.hasNew(slot, thread)) this.#post.wake(thread);
  }

  /** What was posted there by its route is thread 0's to serve, which sets the route again if it was right. */
  #takeRoute(slot: number): void {
    const { memory, slots } = this.#kernel;
    const fd = slots.word(slot, RDI);
    if (hasRoute(fd)) memory.chunkBytes(chunkOfSlot(slot))[ROUTES + fd] = SUPERVISOR;
  }

  // Who sleeps hears of it when it wakes, before it takes a request from that slot.
  #tellClosed(slot: number): void {
    const visited = this.#visited[slot]!;
    for (let thread = SUPERVISOR + 1; thread < this.#threads; thread++) {
      if ((visited & (1 << thread)) === 0) continue;
      this.#post.record(Message.CLOSED)[M.SLOT] = slot;
      if (thread === this.#net) this.#post.send(thread);
      else this.#post.leave(thread);
    }
  }

  #tell(thread: number, kind: number, slot: number, sequence: number): void {
    const record = this.#post.record(kind);
    record[M.SLOT] = slot;
    record[M.SEQUENCE] = sequence;
    this.#post.send(thread);
  }

  /** Something that one of them says; false: it is none of what all may say. */
  receive(record: Int32Array): boolean {
    const { claims, figures } = this.#kernel;
    const [kind, slot, sequence] = [record[M.KIND]!, record[M.SLOT]!, record[M.SEQUENCE]!];
    switch (kind) {
      case Message.RESULT: {
        if (!claims.isOwner(slot, SUPERVISOR, sequence)) return true; // closed meanwhile
        figures.passedIn++;
        const result = record[M.RESULT_HIGH]! * TWO_32 + (record[M.RESULT_LOW]! >>> 0);
        this.#returned.finish(
          slot,
          sequence,
          record[M.NR]!,
          result,
          record[M.SIGNAL]!,
          record[M.MOVED_PIECES]!,
        );
        return true;
      }
      case Message.REQUEST:
        if (!claims.isOwner(slot, SUPERVISOR, sequenceOf(record[M.REQUEST]!))) return true;
        figures.passedIn++;
        this.#takeRoute(slot);
        this.#returned.serve(slot, record[M.REQUEST]!, record[M.NR]!);
        return true;
      case Message.KICK:
        this.#returned.kick(slot);
        return true;
      case Message.HOSTILE:
        if (!claims.isOwner(slot, SUPERVISOR, sequence)) return true;
        figures.passedIn++;
        this.#returned.killHostile(slot, sequence);
        return true;
      default:
        return false;
    }
  }
}
