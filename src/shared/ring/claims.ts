// Claims: which kernel thread owns a slot (docs/hardening.md, F3). One word a slot in the private SAB,
// GUEST, OWNED(thread, sequence) or CLOSED, and beside it the sequence of the last request that was
// taken from the slot. Pending bits are hints that a guest can forge; this is what they are checked
// against: no request is handled twice, none by two threads, none is lost.
//
//   GUEST  -> OWNED   take(): compare-exchange by a kernel thread that saw a request
//   OWNED  -> GUEST   release(): by the owner, after the result and before the reply word
//   OWNED  -> OWNED   pass(): the owner hands the slot to another thread (then tells it by mailbox)
//   GUEST  -> CLOSED  close(): the host task is gone; nothing in the slot counts any more
//   CLOSED -> GUEST   open(): the slot belongs to a new task
//
// The last sequence is written only by who holds the claim.

import { slotWord } from "./guest_memory.ts";
import { REQUEST } from "./layout.ts";
import { WORD_SEQUENCE } from "./slot_states.ts";

const GUEST = 0;
const CLOSED = -1;
const SEQUENCE_BITS = 28;
const SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1;
const SEQUENCE_SHIFT = Math.log2(WORD_SEQUENCE) | 0;
const REQUEST_WORD = REQUEST >>> 2;

/** Sequence number in a request or reply word. */
export function sequenceOf(word: number): number {
  return word >>> SEQUENCE_SHIFT;
}

/** Kind or code in a request or reply word. */
export function kindOf(word: number): number {
  return word & (WORD_SEQUENCE - 1);
}

function owned(thread: number, sequence: number): number {
  return ((thread + 1) << SEQUENCE_BITS) | sequence;
}

export class Claims {
  readonly #claims: Int32Array;
  readonly #last: Int32Array;
  readonly #guest: Int32Array;

  /** The views of PrivateSab.claims, PrivateSab.lastSequences and GuestMemory.words. */
  constructor(claims: Int32Array, lastSequences: Int32Array, guestWords: Int32Array) {
    this.#claims = claims;
    this.#last = lastSequences;
    this.#guest = guestWords;
  }

  /**
   * Takes a new request from a slot for a kernel thread. Returns the request word as it was read,
   * or 0 if there is none, or another thread has it.
   *
   * The request word counts as read under the claim, when the last sequence stands still: between
   * a look before it and the claim, others may have handled that request and a newer one. Who
   * then finds that it claimed for nothing looks once more after giving the claim back: another
   * thread may have failed to claim a newer request meanwhile, and has dropped its hint.
   */
  take(number: number, thread: number): number {
    const requestIndex = slotWord(number) + REQUEST_WORD;
    for (;;) {
      const seen = Atomics.load(this.#guest, requestIndex);
      if (seen === 0 || Atomics.load(this.#last, number) === seen >>> SEQUENCE_SHIFT) return 0;
      const claim = owned(thread, seen >>> SEQUENCE_SHIFT);
      if (Atomics.compareExchange(this.#claims, number, GUEST, claim) !== GUEST) return 0;
      const request = Atomics.load(this.#guest, requestIndex);
      const sequence = request >>> SEQUENCE_SHIFT;
      if (request !== 0 && Atomics.load(this.#last, number) !== sequence) {
        if (request !== seen) Atomics.store(this.#claims, number, owned(thread, sequence));
        Atomics.store(this.#last, number, sequence);
        return request;
      }
      Atomics.store(this.#claims, number, GUEST);
    }
  }

  /** Gives the slot back to the guest; the reply word follows. */
  release(number: number): void {
    Atomics.store(this.#claims, number, GUEST);
  }

  /** Hands an owned slot to another kernel thread, which learns of it by mailbox. */
  pass(number: number, to: number): void {
    Atomics.store(this.#claims, number, owned(to, this.sequence(number)));
  }

  /** Whether this thread owns the slot; a late answer for a slot that went on says false. */
  isOwner(number: number, thread: number, sequence: number): boolean {
    return Atomics.load(this.#claims, number) === owned(thread, sequence);
  }

  /** Kernel thread that owns the slot, or -1. */
  owner(number: number): number {
    const claim = Atomics.load(this.#claims, number);
    return claim === CLOSED ? -1 : (claim >> SEQUENCE_BITS) - 1;
  }

  /** Sequence of the request that is being handled; meaningful for the owner alone. */
  sequence(number: number): number {
    return Atomics.load(this.#claims, number) & SEQUENCE_MASK;
  }

  /**
   * The host task is gone: no request is taken from the slot any more. False if a kernel thread
   * owns it: that one is told to cancel, and closes it with closeOwned().
   */
  close(number: number): boolean {
    const before = Atomics.compareExchange(this.#claims, number, GUEST, CLOSED);
    return before === GUEST || before === CLOSED;
  }

  /** As close(), by the owner, in place of a reply. */
  closeOwned(number: number): void {
    Atomics.store(this.#claims, number, CLOSED);
  }

  isClosed(number: number): boolean {
    return Atomics.load(this.#claims, number) === CLOSED;
  }

  /**
   * Readies a slot for a new task. What stands in its request word counts as handled, so that
   * nothing a predecessor wrote is taken for a request; the stub counts on from that word. While the
   * chunk is not mapped in a stub yet, or the slot's last task is gone.
   */
  open(number: number): void {
    const request = Atomics.load(this.#guest, slotWord(number) + REQUEST_WORD);
    Atomics.store(this.#last, number, request >>> SEQUENCE_SHIFT);
    Atomics.store(this.#claims, number, GUEST);
  }
}
