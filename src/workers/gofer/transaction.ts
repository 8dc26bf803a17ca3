// What one call asks of remote mounts, and what it has been answered (call/asked.ts). Answers stand under keys: the call's
// handler, which begins anew each time that it could not go on, finds them there, and so comes further each time. What
// it was told stays so until the call is over, however long that takes. When it is, or its task is gone, nothing is
// left behind: descriptors that nobody has taken are closed, also those that come later.

import { ENOMEM, ESTALE } from "../../shared/abi/errno.ts";
import { type Asked, NOT_AT_HAND } from "../call/asked.ts";
import type { Counters } from "../counters.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { Attributes } from "../vfs/inode.ts";
import { type HostThreads, Job } from "./host_threads.ts";
import type { JobArguments, JobRecord } from "./job_record.ts";

/** How often one thing is asked again because what was told does not count any more. */
const ASKED_MAX = 40;
/** Times that a handler begins anew: a path has no more names. */
const ROUNDS_MAX = 20_000;

/** A question to the host, and what to do with its answer. */
export interface Question<T> {
  readonly lane: number;
  readonly args: JobArguments;
  /** Makes something of the record, when it comes. */
  readonly read: (record: JobRecord) => T;
  /** Nobody wants it. */
  readonly undo?: (answer: T) => void;
  /** It is over, whether or not somebody wants it, or was never begun. */
  readonly ended?: () => void;
}

interface Entry {
  job: Job;
  isAnswered: boolean;
  answer: unknown;
  undo: ((answer: never) => void) | undefined;
}

/** What was known of a file when the call has first asked. */
export interface Pin {
  readonly attributes: Attributes;
  readonly version: number;
}

interface TransactionContext {
  readonly counters: Counters;
  readonly heap: HeapBudget;
}

export class Transaction implements Asked {
  readonly #kernel: TransactionContext;
  readonly #threads: HostThreads;
  readonly #onEnd: (transaction: Transaction) => void;
  readonly #entries = new Map<string, Entry>();
  /** How often what a name led to did not count any more. */
  readonly #lapses = new Map<string, number>();
  /** By the file's object. */
  readonly #pins = new Map<object, Pin>();
  /** What names of directories lead to, or a negative errno. */
  readonly #found = new Map<string, object | number>();
  /** A file that the call has just made, and a descriptor of it for reading and writing. */
  made: { readonly inode: object; readonly loan: Loan } | null = null;
  /** It has changed something: it does not begin anew for want of attributes. */
  isLate = false;
  isEnded = false;
  /** Names that it changes. */
  readonly names = new Set<string>();
  /** Changes that it has made: none is made again. */
  readonly changed = new Set<string>();
  /** The one change of names that the call is about: what a descriptor or a link leads to meanwhile does not make it another. */
  nameChange: string | null = null;
  #then: (() => void) | null = null;
  #hasNews = false;
  #rounds = 0;

  constructor(kernel: TransactionContext, threads: HostThreads, onEnd: (transaction: Transaction) => void) {
    this.#kernel = kernel;
    this.#threads = threads;
    this.#onEnd = onEnd;
  }

  /**
   * The answer to a question, once it is there, for as long as the call lasts; or NOT_AT_HAND, or -ESTALE. `make` gives the
   * question, or says why there is none.
   */
  ask<T>(key: string, make: () => Question<T> | number): T | number {
    const known = this.#entries.get(key);
    if (known !== undefined) return known.isAnswered ? (known.answer as T) : NOT_AT_HAND;
    if ((this.#lapses.get(key) ?? 0) > ASKED_MAX || this.#rounds > ROUNDS_MAX) return -ESTALE;
    if (!this.#kernel.heap.hasRoom("hostAnswers")) return -ENOMEM;
    const question = make();
    if (typeof question === "number") return question;
    const { lane, args, read, undo, ended } = question;
    const entry: Entry = { job: undefined as unknown as Job, isAnswered: false, answer: 0, undo };
    const done = (record: JobRecord) => {
      const answer = read(record);
      entry.isAnswered = true;
      entry.answer = answer;
      ended?.();
      if (this.isEnded || this.#entries.get(key) !== entry) undo?.(answer);
      else this.notify();
    };
    entry.job = new Job(args, done, ended);
    this.#entries.set(key, entry);
    this.#kernel.counters.hostAnswers++;
    this.#threads.submit(lane, entry.job);
    return entry.isAnswered ? (entry.answer as T) : NOT_AT_HAND;
  }

  pin(file: object): Pin | undefined {
    return this.#pins.get(file);
  }

  setPin(file: object, attributes: Attributes, version: number): void {
    if (!this.#pins.has(file)) this.#kernel.counters.hostAnswers++;
    this.#pins.set(file, { attributes, version });
  }

  found(key: string): object | number | undefined {
    return this.#found.get(key);
  }

  setFound(key: string, what: object | number): void {
    if (!this.#found.has(key)) this.#kernel.counters.hostAnswers++;
    this.#found.set(key, what);
  }

  /** What was found under a name counts no more: somebody changes it. */
  forget(key: string): void {
    const isFound = this.#found.delete(key);
    if (!isFound && !this.#entries.has(key)) return;
    if (isFound) this.#kernel.counters.hostAnswers--;
    this.#lapses.set(key, (this.#lapses.get(key) ?? 0) + 1);
    this.discard(key);
    // It asks again, or waits for whoever changes the name.
    this.notify();
  }

  /** Whether it has been asked. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The answer to what was asked, which stays where it is; undefined: there is none. */
  answered<T>(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry?.isAnswered === true ? (entry.answer as T) : undefined;
  }

  /** The answer is its caller's from now on. */
  take(key: string): void {
    if (this.#entries.delete(key)) this.#kernel.counters.hostAnswers--;
  }

  /** What its caller has had of an answer is given back: it may be asked for again. */
  putBack<T>(key: string, answer: T, undo: (answer: T) => void): void {
    if (this.#entries.has(key)) {
      undo(answer);
      return;
    }
    const job = undefined as unknown as Job;
    this.#entries.set(key, { job, isAnswered: true, answer, undo: undo as (answer: never) => void });
    this.#kernel.counters.hostAnswers++;
  }

  /** An answer, or one that is to come, does not count any more. */
  discard(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.take(key);
    this.#drop(entry);
  }

  #drop({ job, isAnswered, answer, undo }: Entry): void {
    if (!isAnswered) this.#threads.cancel(job);
    else (undo as ((answer: unknown) => void) | undefined)?.(answer);
  }

  /** There is something new. */
  notify(): void {
    const then = this.#then;
    this.#then = null;
    this.#hasNews = then === null;
    then?.();
  }

  whenAnswered(then: () => void, beginsAnew: boolean): void {
    if (beginsAnew) this.#rounds++;
    this.#kernel.counters.hostRetries++;
    if (!this.#hasNews) {
      this.#then = then;
      return;
    }
    this.#hasNews = false;
    then();
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#then = null;
    for (const entry of this.#entries.values()) this.#drop(entry);
    this.#kernel.counters.hostAnswers -= this.#entries.size + this.#pins.size + this.#found.size;
    this.#entries.clear();
    this.#pins.clear();
    this.#found.clear();
    this.made?.loan.close();
    this.made = null;
    this.#onEnd(this);
  }
}

/**
 * A descriptor of a remote mount's file that a call has opened. Closed in the same call, because its handler begins anew, it
 * is given back: the call goes on with it the next time. Else it is closed where that may wait.
 */
export class Loan {
  readonly fd: number;
  readonly #transaction: Transaction | null;
  readonly #key: string;
  readonly #close: (fd: number) => void;
  #isClosed = false;

  constructor(fd: number, transaction: Transaction | null, key: string, close: (fd: number) => void) {
    this.fd = fd;
    this.#transaction = transaction;
    this.#key = key;
    this.#close = close;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const transaction = this.#transaction;
    if (transaction === null || transaction.isEnded) this.#close(this.fd);
    else transaction.putBack(this.#key, this.fd, this.#close);
  }
}
