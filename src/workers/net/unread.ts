// Of a stream, what was received and has not reached its receiver: the next receive begins with it.

import { MSG_PEEK, MSG_TRUNC } from "../../shared/abi/socket.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import type { Ancillary } from "./control.ts";
import { CAN_READ, type Received } from "./socket.ts";

const NONE = new Uint8Array(0);

export class Unread {
  readonly #waiters: WaitQueue;
  readonly #charge: (bytes: number) => void;
  #bytes: Uint8Array = NONE;

  /** The socket's, who are told of what comes back; and who is told how many bytes more there are, or fewer. */
  constructor(waiters: WaitQueue, charge: (bytes: number) => void = () => {}) {
    this.#waiters = waiters;
    this.#charge = charge;
  }

  get length(): number {
    return this.#bytes.length;
  }

  clear(): void {
    this.#charge(-this.length);
    this.#bytes = NONE;
  }

  putBack(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#charge(data.length);
    this.#bytes = this.length === 0 ? Uint8Array.from(data) : Buffer.concat([data, this.#bytes]);
    this.#waiters.wake(CAN_READ);
  }

  /** The first of it, for a receive with these MSG_*. */
  take(room: number, flags: number): Received<never> {
    const first = this.#bytes.subarray(0, room);
    if ((flags & MSG_PEEK) === 0) {
      this.#charge(-first.length);
      this.#bytes = this.#rest(first.length);
    }
    return this.received(first, flags);
  }

  // What is left, in memory that is not much more than is charged.
  #rest(taken: number): Uint8Array {
    const rest = this.#bytes.subarray(taken);
    return rest.length > this.#bytes.buffer.byteLength / 2 ? rest : Uint8Array.from(rest);
  }

  /** Bytes that a receive with these MSG_* has got. */
  received(bytes: Uint8Array, flags: number): Received<never> {
    const isThrownAway = (flags & MSG_TRUNC) !== 0;
    const data = isThrownAway ? NONE : bytes;
    return {
      data,
      discarded: isThrownAway ? bytes.length : 0,
      length: bytes.length,
      flags: 0,
      address: "",
      ancillary: null,
      putBack: () => this.#returned(data, flags),
    };
  }

  /** What was taken, and what stood behind it. */
  together<A extends Ancillary>(first: Received<never>, more: Received<A>, flags: number): Received<A> {
    const data = Buffer.concat([first.data, more.data]);
    return {
      ...more,
      data,
      discarded: (first.discarded ?? 0) + (more.discarded ?? 0),
      length: first.length + more.length,
      putBack: () => this.#returned(data, flags),
    };
  }

  #returned(data: Uint8Array, flags: number): void {
    if ((flags & MSG_PEEK) === 0) this.putBack(data);
  }
}
