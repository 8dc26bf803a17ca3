// Claims: which kernel thread owns a slot (docs/hardening.md, F3). One word a slot in the private SAB,
// CLOSED, GUEST or OWNED(thread, sequence), and for each kernel thread the request word of each slot
// that it has seen last. Whatever a guest writes into its requests' records, this is what they are
// checked against: no request is handled twice, none by two threads, none is lost.
//
//   GUEST  -> OWNED   take(): by a kernel thread that saw a request in its own line
//   OWNED  -> GUEST   release(): by the owner, after the result and before the reply word
//   OWNED  -> OWNED   pass(): the owner hands the slot to another thread (then tells it by mailbox)
//   any    -> CLOSED  close(): the host task is gone; nothing in the slot counts any more
//   CLOSED -> GUEST   open(): the slot belongs to a new task
//
// Slots are opened and closed by kernel thread 0 alone, also under the hands of another thread that owns one: that one
// finds it out when it releases or passes the slot, which then fails. Until every thread has passed its loop top it may
// still write to such a slot, so it is not opened before (quiescence.ts).
//
// An honest stub has one request outstanding, in one line, and before it perhaps an outcome for which it does not wait,
// in the line of thread 0: while there is something new in that line other threads take nothing, so that the outcome is
// never served behind what came later. Else the claim stands between kernel threads only where a hostile stub posts to
// several. While there is one kernel thread, which is alone with these words, it is taken by a plain load and store, else
// by compare-exchange.
//
// What a kernel thread has seen is written by itself, and by who opens the slot while it is CLOSED.

import { slotWord } from "./guest_memory.ts";
import * as L from "./layout.ts";
import { SEEN_WORDS } from "./private_sab.ts";
import { WORD_SEQUENCE } from "./slot_states.ts";

const CLOSED = 0;
export const GUEST = 1;
const SEQUENCE_BITS = 28;
const RECORD_WORDS = L.REQUEST_SIZE >>> 2;
const SEQUENCE_SHIFT = Math.log2(WORD_SEQUENCE) | 0;

if (L.SEQUENCE_MASK !== (1 << SEQUENCE_BITS) - 1) throw new Error("claims: sequences do not fit the layout");

/** Sequence number in a request or reply word. */
export function sequenceOf(word: number): number {
  return word >>> SEQUENCE_SHIFT;
}

/** Kind or code in a request or reply word. */
export function kindOf(word: number): number {
  return word & (WORD_SEQUENCE - 1);
}

/** Index into the guest words of the record in which a slot posts to a kernel thread. */
export function recordWord(number: number, thread: number): number {
  const chunk = slotWord(number & -L.CHUNK_SLOTS);
  const line = chunk + ((L.REQUESTS + thread * L.REQUESTS_STRIDE) >>> 2);
  return line + (number & (L.CHUNK_SLOTS - 1)) * (L.REQUEST_SIZE >>> 2);
}

function owned(thread: number, sequence: number): number {
  return ((thread + 1) << SEQUENCE_BITS) | sequence;
}

export class Claims {
  readonly #claims: Int32Array;
  readonly #seen: Int32Array;
  readonly #guest: Int32Array;
  readonly #threads: number;
  readonly #alone: boolean;
  /**
   * take() has had a slot for a moment that it was not to take. Who looked meanwhile found it with nobody: its chunk is to be
   * marked (active.ts).
   */
  hasGivenBack = false;

  /** The views of PrivateSab.claims, PrivateSab.seen and GuestMemory.words; how many kernel threads there are. */
  constructor(claims: Int32Array, seen: Int32Array, guestWords: Int32Array, threads: number) {
    this.#claims = claims;
    this.#seen = seen;
    this.#guest = guestWords;
    this.#threads = threads;
    this.#alone = threads === 1;
  }

  /**
   * Takes a new request from a slot for a kernel thread: its request word, or 0 if there is none, or the slot is
   * not with the guest. A request that cannot be taken now stays new.
   */
  take(number: number, thread: number): number {
    const request = this.#guest[recordWord(number, thread)]!;
    const seen = thread * SEEN_WORDS + number;
    if (request === this.#seen[seen]) return 0;
    if (request === 0) {
      this.#seen[seen] = 0; // no request, and nothing to stay awake for
      return 0;
    }
    const claim = owned(thread, request >>> SEQUENCE_SHIFT);
    if (this.#alone) {
      if (this.#claims[number] !== GUEST) return 0;
      this.#claims[number] = claim;
    } else {
      if (thread !== 0 && this.hasNew(number, 0)) return 0;
      if (Atomics.compareExchange(this.#claims, number, GUEST, claim) !== GUEST) return 0;
      // The slot was opened for a new task between the look and this: what stood there is its predecessor's, and counts as seen,
      // or lay in the chunk before this one, whose memory is gone.
      if (request === this.#seen[seen] || request !== this.#guest[recordWord(number, thread)]) {
        this.#change(number, claim, GUEST);
        this.hasGivenBack = true;
        return 0;
      }
    }
    this.#seen[seen] = request;
    return request;
  }

  /** The request that take() would take now, or 0: a look. */
  peek(number: number, thread: number): number {
    return this.isWithGuest(number) && this.hasNew(number, thread)
      ? this.#guest[recordWord(number, thread)]!
      : 0;
  }

  /** Whether a slot has a request for a kernel thread that it has not seen. */
  hasNew(number: number, thread: number): boolean {
    return this.#guest[recordWord(number, thread)] !== this.#seen[thread * SEEN_WORDS + number];
  }

  /** As hasNew, of any of the first `width` slots of a chunk. */
  anyNew(first: number, width: number, thread: number): boolean {
    const guest = this.#guest;
    const seen = this.#seen;
    let record = recordWord(first, thread);
    let at = thread * SEEN_WORDS + first;
    for (const end = at + width; at < end; at++, record += RECORD_WORDS) {
      if (guest[record] !== seen[at]) return true;
    }
    return false;
  }

  /** Whether the guest may post: nobody owns the slot, and it is open. */
  isWithGuest(number: number): boolean {
    return this.#claims[number] === GUEST;
  }

  /**
   * Gives the slot back to the guest; the reply word follows. False: it was closed meanwhile. What thread 0 owns nobody
   * else changes.
   */
  release(number: number, thread: number, sequence: number): boolean {
    if (thread !== 0) return this.#change(number, owned(thread, sequence), GUEST);
    this.#claims[number] = GUEST;
    return true;
  }

  /**
   * As release, by thread 0, of a slot to which no reply follows: with the locked instruction that the look of
   * ActiveChunks.mark needs before it, and that a reply word's exchange is else.
   */
  letGo(number: number): void {
    if (this.#alone) this.#claims[number] = GUEST;
    else Atomics.store(this.#claims, number, GUEST);
  }

  /** Hands an owned slot to another kernel thread, which learns of it by mailbox. False: it was closed meanwhile. */
  pass(number: number, from: number, to: number, sequence: number): boolean {
    return this.#change(number, owned(from, sequence), owned(to, sequence));
  }

  #change(number: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#claims, number, from, to) === from;
  }

  /** Whether this thread owns the slot; a late answer for a slot that went on says false. */
  isOwner(number: number, thread: number, sequence: number): boolean {
    return Atomics.load(this.#claims, number) === owned(thread, sequence);
  }

  /** Kernel thread that owns the slot, or -1. */
  owner(number: number): number {
    return (Atomics.load(this.#claims, number) >> SEQUENCE_BITS) - 1;
  }

  /** Sequence of the request that is being handled; meaningful for the owner alone. */
  sequence(number: number): number {
    return Atomics.load(this.#claims, number) & L.SEQUENCE_MASK;
  }

  /**
   * By thread 0: the host task is gone, and no request is taken from the slot any more. The thread that owned it, which
   * is to forget what it does for the slot; -1: none did.
   */
  close(number: number): number {
    return (Atomics.exchange(this.#claims, number, CLOSED) >> SEQUENCE_BITS) - 1;
  }

  isClosed(number: number): boolean {
    return Atomics.load(this.#claims, number) === CLOSED;
  }

  /**
   * Readies a slot for a new task. What stands in its records counts as seen, so that nothing a
   * predecessor wrote is taken for a request; the stub counts on from there. While the chunk is not
   * mapped in a stub yet, or the slot's last task is gone.
   */
  open(number: number): void {
    for (let thread = 0; thread < this.#threads; thread++) {
      const request = Atomics.load(this.#guest, recordWord(number, thread));
      Atomics.store(this.#seen, thread * SEEN_WORDS + number, request);
    }
    Atomics.store(this.#claims, number, GUEST);
  }
}
