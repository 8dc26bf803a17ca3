// Of a stream, what was given to a receiver and has not reached it: the next receive begins with it. Where somebody else has
// received since, it is lost: what comes first of a stream never comes behind what comes later (F20). So is what there is no
// memory for (F25). The place of a byte in its stream says which it is.

import { MSG_TRUNC } from "../../shared/abi/socket.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import type { NetContext } from "./context.ts";
import type { Ancillary } from "./control.ts";
import type { KeptReads } from "./inet/kept_reads.ts";
import { CAN_READ, type Received } from "./socket.ts";

const NONE = new Uint8Array(0);
/** More does not come back to one socket: many readers may fault at a time, and each puts its bytes before all others. */
export const UNREAD_MAX = 1 << 20;

/** The socket whose stream it is. */
export interface UnreadOwner {
  readonly waiters: WaitQueue;
  readonly kernel: Pick<NetContext, "counters" | "heap">;
}

export class Unread {
  readonly #owner: UnreadOwner;
  #bytes: Uint8Array = NONE;
  /** Where in the stream the next byte stands, modulo 2^32. */
  #place = 0;
  #hasEnded = false;

  constructor(owner: UnreadOwner) {
    this.#owner = owner;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** So many bytes are given to a receiver: the place behind them. */
  given(count: number): number {
    this.#place = (this.#place + count) | 0;
    return this.#place;
  }

  /** Bytes up to that place have not reached whom they were given to. */
  putBack(data: Uint8Array, end: number): void {
    if (data.length === 0 || this.#hasEnded) return;
    const { kernel, waiters } = this.#owner;
    const hasRoom =
      this.length + data.length <= UNREAD_MAX && kernel.heap.hasRoom("socketMemory", data.length);
    if (end !== this.#place || !hasRoom) {
      kernel.counters.lostReads++;
      return;
    }
    this.#place = (end - data.length) | 0;
    this.#charge(data.length);
    this.#bytes = this.length === 0 ? Uint8Array.from(data) : Buffer.concat([data, this.#bytes]);
    waiters.wake(CAN_READ);
  }

  /** As putBack(), of bytes that are kept at a place there. */
  putBackKept(kept: KeptReads, place: number, length: number, end: number): void {
    const bytes = kept.copyOf(place, length);
    if (bytes === null) this.#owner.kernel.counters.lostReads++;
    else this.putBack(bytes, end);
  }

  /** Another stream begins: nothing of this one comes back. */
  clear(): void {
    this.#charge(-this.length);
    this.#bytes = NONE;
    this.#place = (this.#place + 1) | 0;
  }

  /** Nobody receives any more. */
  end(): void {
    this.clear();
    this.#hasEnded = true;
  }

  /** Those from there on, which stay. */
  peek(skip: number, room: number): Uint8Array {
    return this.#bytes.subarray(skip, skip + room);
  }

  /** The first of them, which are to be given to a receiver: copied, as it may be long in taking them. */
  take(room: number): Uint8Array {
    const first = Uint8Array.from(this.#bytes.subarray(0, room));
    this.#charge(-first.length);
    this.#bytes = this.#rest(first.length);
    return first;
  }

  // What is left, in memory that is not much more than is charged.
  #rest(taken: number): Uint8Array {
    const rest = this.#bytes.subarray(taken);
    return rest.length > this.#bytes.buffer.byteLength / 2 ? rest : Uint8Array.from(rest);
  }

  #charge(bytes: number): void {
    this.#owner.kernel.counters.socketMemory += bytes;
  }

  /** The next bytes of the stream, for a receive with these MSG_*. */
  received(bytes: Uint8Array, flags: number): Received<never> {
    const end = this.given(bytes.length);
    if ((flags & MSG_TRUNC) !== 0) return ofStream(NONE, bytes.length);
    return ofStream(bytes, bytes.length, () => this.putBack(bytes, end));
  }

  /** What was given before, and what has just been given behind it. */
  together<A extends Ancillary>(first: Received<never>, more: Received<A>): Received<A> {
    const data = Buffer.concat([first.data, more.data]);
    const end = this.#place;
    return {
      ...more,
      data,
      discarded: (first.discarded ?? 0) + (more.discarded ?? 0),
      length: first.length + more.length,
      putBack: () => this.putBack(data, end),
    };
  }
}

/** So many bytes of a stream, those that are not there having been thrown away; without `putBack` they do not come back. */
export function ofStream(data: Uint8Array, length: number, putBack = doNothing): Received<never> {
  return { data, discarded: length - data.length, length, flags: 0, address: "", ancillary: null, putBack };
}

function doNothing(): void {}
