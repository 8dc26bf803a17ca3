// Mailboxes: records between kernel threads. One ring for each ordered pair of threads, with one
// writer and one reader, in the private SAB; records of 16 words, of which the first is the ring's
// own (the record's sequence number). Sending never waits: what does not fit goes to a local queue
// that flush() empties later, in order.
//
// After a send the recipient's doorbell is due if it sleeps (kernel_page.ts). A thread that has
// unsent records may not sleep without a time-out: nobody tells it that the ring has room again.

import {
  MAILBOX_FIRST,
  MAILBOX_HEAD,
  MAILBOX_RECORD_WORDS,
  MAILBOX_RECORDS,
  MAILBOX_TAIL,
} from "./private_sab.ts";

/** Words of a record that belong to the sender. */
export const RECORD_PAYLOAD_WORDS = MAILBOX_RECORD_WORDS - 1;

/** Size of a ring; a model explores smaller ones. */
export interface MailboxShape {
  /** A power of two. */
  readonly records: number;
  readonly recordWords: number;
}

const SHAPE: MailboxShape = { records: MAILBOX_RECORDS, recordWords: MAILBOX_RECORD_WORDS };

export class Mailbox {
  readonly #words: Int32Array;
  readonly #thread: number;
  readonly #threads: number;
  readonly #records: number;
  readonly #recordWords: number;
  readonly #sent: Int32Array;
  readonly #taken: Int32Array;
  readonly #unsent: Int32Array[][];
  /** The words of the rings from each thread to this one that say how many records were sent. */
  readonly #tails: Int32Array;
  #unsentCount = 0;
  #nextFrom = 0;

  /** The view of PrivateSab.mailboxes. */
  constructor(mailboxes: Int32Array, thread: number, threads: number, shape: MailboxShape = SHAPE) {
    this.#words = mailboxes;
    this.#thread = thread;
    this.#threads = threads;
    this.#records = shape.records;
    this.#recordWords = shape.recordWords;
    this.#sent = new Int32Array(threads);
    this.#taken = new Int32Array(threads);
    this.#tails = new Int32Array(threads);
    this.#unsent = Array.from({ length: threads }, () => []);
    for (let other = 0; other < threads; other++) {
      this.#tails[other] = this.#ring(other, thread) + MAILBOX_TAIL;
      this.#sent[other] = Atomics.load(mailboxes, this.#ring(thread, other) + MAILBOX_TAIL);
      this.#taken[other] = Atomics.load(mailboxes, this.#ring(other, thread) + MAILBOX_HEAD);
    }
  }

  /** Records that wait in local queues for room. */
  get unsent(): number {
    return this.#unsentCount;
  }

  /** Sends the RECORD_PAYLOAD_WORDS words of a record. False: queued, flush() will send it. */
  send(to: number, record: Int32Array): boolean {
    const queue = this.#unsent[to]!;
    if (queue.length === 0 && this.#put(to, record)) return true;
    queue.push(record.slice(0, this.#recordWords - 1));
    this.#unsentCount++;
    return false;
  }

  /** At the loop top. Bit n of the result: thread n was sent something and may need its doorbell. */
  flush(): number {
    if (this.#unsentCount === 0) return 0;
    let told = 0;
    for (let to = 0; to < this.#threads; to++) {
      const queue = this.#unsent[to]!;
      let done = 0;
      while (done < queue.length && this.#put(to, queue[done]!)) done++;
      if (done === 0) continue;
      queue.splice(0, done);
      this.#unsentCount -= done;
      told |= 1 << to;
    }
    return told;
  }

  /**
   * Whether a record waits: a look by plain loads, which V8 makes in place. What it misses is met by the next look, or by
   * anyRecord() before the thread blocks.
   */
  get seemsWaiting(): boolean {
    for (let from = 0; from < this.#threads; from++)
      if (this.#words[this.#tails[from]!] !== this.#taken[from]) return true;
    return false;
  }

  /** Takes the next record of any thread into `record`: the sender's number, or -1 if there is none. */
  receive(record: Int32Array): number {
    for (let tried = 0; tried < this.#threads; tried++) {
      const from = this.#nextFrom;
      this.#nextFrom = from + 1 === this.#threads ? 0 : from + 1;
      if (this.#get(from, record)) return from;
    }
    return -1;
  }

  /** Whether a record waits: part of the last look before a thread blocks. */
  anyRecord(): boolean {
    for (let from = 0; from < this.#threads; from++) {
      if (Atomics.load(this.#words, this.#tails[from]!) !== this.#taken[from]) {
        return true;
      }
    }
    return false;
  }

  /** Records that wait for this thread. */
  get waiting(): number {
    let waiting = 0;
    for (let from = 0; from < this.#threads; from++) {
      const tail = Atomics.load(this.#words, this.#tails[from]!);
      waiting += (tail - this.#taken[from]!) | 0;
    }
    return waiting;
  }

  #ring(from: number, to: number): number {
    return (from * this.#threads + to) * (MAILBOX_FIRST + this.#records * this.#recordWords);
  }

  #put(to: number, record: Int32Array): boolean {
    const ring = this.#ring(this.#thread, to);
    const sent = this.#sent[to]!;
    const waiting = (sent - Atomics.load(this.#words, ring + MAILBOX_HEAD)) | 0;
    if (waiting >= this.#records) return false;
    const at = ring + MAILBOX_FIRST + (sent & (this.#records - 1)) * this.#recordWords;
    const next = (sent + 1) | 0;
    this.#words[at] = next;
    for (let word = 1; word < this.#recordWords; word++) this.#words[at + word] = record[word - 1]!;
    this.#sent[to] = next;
    Atomics.store(this.#words, ring + MAILBOX_TAIL, next);
    return true;
  }

  #get(from: number, record: Int32Array): boolean {
    const ring = this.#ring(from, this.#thread);
    const taken = this.#taken[from]!;
    if (Atomics.load(this.#words, this.#tails[from]!) === taken) return false;
    const at = ring + MAILBOX_FIRST + (taken & (this.#records - 1)) * this.#recordWords;
    const next = (taken + 1) | 0;
    if (this.#words[at] !== next) throw new Error(`mailbox ${from} -> ${this.#thread}: record out of order`);
    for (let word = 1; word < this.#recordWords; word++) record[word - 1] = this.#words[at + word]!;
    this.#taken[from] = next;
    Atomics.store(this.#words, ring + MAILBOX_HEAD, next);
    return true;
  }
}
