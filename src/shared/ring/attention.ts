// Attention: one word a slot, in the private SAB, by which kernel thread 0 tells whoever serves a call that something
// stands between the end of that call and guest code. Thread 0 alone writes it.
//
//   thread 0   raise(), which then looks who owns the slot: another thread, which is told by mailbox to cut its wait
//              short; or nobody, then guest code runs (or is about to) and is kicked
//   another    looks before it gives a result: where it is raised, it passes the slot, with the result, to thread 0.
//              Else it gives the slot back, and looks once more behind that: where it is raised by then, it has thread 0
//              kick the guest
//
// Both sides write with a locked instruction before they look at the other's word: one of them sees the other, so no
// guest runs on while something waits for it. test/model/attention.test.ts has all orders.

import type { Claims } from "./claims.ts";

/** A signal, a stop or an end: a wait that it interrupts is over. */
export const INTERRUPT = 1;
/** Somebody watches what calls give, or waits for the task to come by: results go by thread 0. */
export const WATCHED = 2;

export class Attention {
  readonly #words: Int32Array;
  readonly #claims: Claims;

  /** The view of PrivateSab.attention. */
  constructor(words: Int32Array, claims: Claims) {
    this.#words = words;
    this.#claims = claims;
  }

  /** By thread 0: the kernel thread that owns the slot and is to be told, or -1: the slot is with its guest. */
  raise(slot: number, bits: number): number {
    Atomics.or(this.#words, slot, bits);
    return this.#claims.owner(slot);
  }

  /** By thread 0, which owns the slot: what is to be known of it before it is passed on. */
  set(slot: number, bits: number): void {
    this.#words[slot] = bits;
  }

  /** What holds now. */
  get(slot: number): number {
    return this.#words[slot]!;
  }
}
