// Host threads without a guest thread. Where one of several threads ends, its host thread stays for a moment, in the
// call that has ended it, which nobody has answered: a thread that is made in the same address space before long is
// this call's answer, its registers, so that no host task ends and none is made. No claim changes hands for that, and the
// number of the host thread is known since it has named itself.

import type { Claims } from "../../shared/ring/claims.ts";
import { chunkOfSlot, slotInChunk } from "../../shared/ring/guest_memory.ts";
import { REP_RESULT, REPLY, SLOT_SIZE } from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import type { CallContext } from "../call/context.ts";
import { Looks } from "../call/looks.ts";

/** A thread that waits for longer than one of these, and at most for two, leaves. */
const LOOK_NS = 20e6;
/** Of one address space, and of all: host threads count for limits of the host. */
const PARKED_MAX = 4;
const PARKED_MAX_ALL = 256;

export interface Parked {
  readonly slot: number;
  readonly hostTid: number;
  /** Of the call that has ended its last guest thread. */
  readonly sequence: number;
}

/** A stub process that they stay in. */
interface Home {
  readonly pid: number;
  readonly isAlive: boolean;
  readonly parked: Parked[];
}

interface Ended {
  readonly stub: Home;
  readonly hostTid: number;
  readonly call: { readonly owned: boolean };
}

interface ParkedContext extends CallContext {
  readonly claims: Claims;
  readonly otherThreads: { closed(slot: number): void } | null;
}

export class ParkedThreads {
  readonly #kernel: ParkedContext;
  readonly #stubs = new Set<Home>();
  /** Those that were there at the last look. */
  #old = new Set<Parked>();
  readonly #looks: Looks;
  #count = 0;

  constructor(kernel: ParkedContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** How many there are: for counters. */
  get size(): number {
    return this.#count;
  }

  /** Whether the host thread of a task that ends, while others go on, is to stay. */
  hasRoomFor({ stub, call, hostTid }: Ended): boolean {
    // The first thread of a process is the process.
    if (!call.owned || hostTid === stub.pid || !stub.isAlive) return false;
    return stub.parked.length < PARKED_MAX && this.#count < PARKED_MAX_ALL;
  }

  add(stub: Home, parked: Parked): void {
    stub.parked.push(parked);
    this.#stubs.add(stub);
    this.#count++;
    this.#looks.begin();
  }

  /** One that the caller gives a guest thread; null: there is none. */
  take(stub: Home): Parked | null {
    const parked = stub.isAlive ? stub.parked.pop() : undefined;
    if (parked === undefined) return null;
    this.#count--;
    if (stub.parked.length === 0) this.#stubs.delete(stub);
    return parked;
  }

  /** Their numbers. */
  *hostThreads(): Generator<number> {
    for (const { parked } of this.#stubs) for (const { hostTid } of parked) yield hostTid;
  }

  /** The stub has ended, and they with it. */
  forget(stub: Home): void {
    this.#count -= stub.parked.length;
    stub.parked.length = 0;
    this.#stubs.delete(stub);
  }

  #look(): boolean {
    const old = this.#old;
    this.#old = new Set();
    for (const stub of this.#stubs) {
      const stay = stub.parked.filter((parked) => !old.has(parked));
      for (const parked of stub.parked) if (old.has(parked)) this.#dismiss(parked);
      this.#count -= stub.parked.length - stay.length;
      stub.parked.splice(0, stub.parked.length, ...stay);
      if (stay.length === 0) this.#stubs.delete(stub);
      for (const parked of stay) this.#old.add(parked);
    }
    return this.#count > 0;
  }

  #dismiss({ slot, sequence }: Parked): void {
    const { slots, claims, native, otherThreads } = this.#kernel;
    slots.setNumber(slot, REP_RESULT, 0);
    const isAsleep = slots.replyFinal(slot, sequence, Reply.EXIT);
    claims.close(slot);
    otherThreads?.closed(slot);
    if (isAsleep) native.futexWake(chunkOfSlot(slot), slotInChunk(slot) * SLOT_SIZE + REPLY);
  }
}
