// The Gofer: what asks remote mounts on behalf of calls. Who asks has a transaction of the call in progress, and
// goes on when it is answered. What the kernel does on its own account has none: it waits on the spot, for a bounded time.
//
// A name that a call changes is that call's from when it asks the host for the change until it knows what came of it: who
// looks that name up meanwhile waits, and what others have found there before is forgotten.

import { EIO } from "../../shared/abi/errno.ts";
import type { Asked } from "../call/asked.ts";
import type { Timers } from "../call/timers.ts";
import type { Counters } from "../counters.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { Log } from "../log.ts";
import type { Native } from "../native.ts";
import type { SleepSet } from "../sleep_set.ts";
import { HostMounts } from "./host_mounts.ts";
import { HostThreads, Job } from "./host_threads.ts";
import { IdleFiles } from "./idle_files.ts";
import { type JobArguments, JobOperation, type JobRecord } from "./job_record.ts";
import { SlowMounts } from "./slow_mounts.ts";
import { type Question, Transaction } from "./transaction.ts";

/**
 * How long the kernel thread waits for what nobody else could wait for: so long at once, and then for a part of the time that
 * passes, however many questions there are.
 */
const WAIT_MS = 2000;
const WAIT_SHARE = 0.1;
const NS_PER_MS = 1e6;

interface GoferContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly timers: Timers;
  readonly counters: Counters;
  readonly heap: HeapBudget;
  readonly log: Log;
  /** The event loop is to turn. */
  owesAnswer: boolean;
  readonly current: { readonly call: AskingCall } | null;
  readonly nowNs: number;
}

interface AskingCall {
  readonly nr: number;
  readonly sequence: number;
  readonly coroutine: object | null;
  asked: Asked | null;
}

/** A name that is being changed, and who waits for that. */
interface Change {
  readonly by: Transaction | null;
  readonly waiting: Set<Transaction>;
}

export class Gofer {
  readonly #kernel: GoferContext;
  readonly #threads: HostThreads;
  readonly mounts: HostMounts;
  readonly #live = new Set<Transaction>();
  readonly #changes = new Map<string, Change>();
  /** Those of them that the host has not answered. */
  readonly #underWay = new Set<string>();
  /** Local mounts whose disks make callers wait. */
  readonly slow: SlowMounts;
  readonly idle: IdleFiles;
  /** The call that has made a change on the kernel thread last, which its handler would make again. */
  #changing: AskingCall | null = null;
  #changingSequence = 0;
  /** How long the kernel thread may wait yet, and when that was known. */
  #leftMs = WAIT_MS;
  #leftAtNs = 0;
  /** Of what the kernel does on its own account and will do again when it is answered. */
  #own: Transaction | null = null;

  constructor(kernel: GoferContext) {
    this.#kernel = kernel;
    this.#threads = new HostThreads(kernel);
    this.mounts = new HostMounts(kernel, this.#threads);
    this.slow = new SlowMounts(kernel);
    this.idle = new IdleFiles(kernel);
  }

  /** The kernel has ended, and nobody asks for anything. */
  end(): void {
    this.idle.end();
    this.#threads.close();
  }

  /** Transactions that are under way: for counters. */
  get transactions(): number {
    return this.#live.size;
  }

  /** That of the call in progress, if it has asked for something. */
  get transaction(): Transaction | null {
    const { current } = this.#kernel;
    return current === null ? this.#own : (current.call.asked as Transaction | null);
  }

  #begin(): Transaction {
    const transaction = new Transaction(this.#kernel, this.#threads, (ended) => this.#ended(ended));
    this.#live.add(transaction);
    return transaction;
  }

  /** Whether a look-up on a local mount is better asked by a thread, and the call in progress can begin anew for it. */
  isSlow(dev: number): boolean {
    if (!this.slow.has(dev)) return false;
    const { current } = this.#kernel;
    if (current === null) return this.#own !== null;
    const { call } = current;
    if (call === this.#changing && call.sequence === this.#changingSequence) return false;
    return call.nr >= 0 || call.coroutine !== null;
  }

  /** The call in progress changes something on a local mount at once; `key`: what others have found there counts no more. */
  changesAtOnce(key?: string): void {
    const call = this.#kernel.current?.call ?? null;
    this.#changing = call;
    this.#changingSequence = call?.sequence ?? 0;
    if (key === undefined) return;
    for (const other of this.#live) if (other !== call?.asked) other.forget(key);
  }

  /** Of a directory, the version of its names for the call in progress, if that has asked for some. */
  pinnedVersion(directory: object): number | undefined {
    return this.#live.size === 0 ? undefined : this.transaction?.pin(directory)?.version;
  }

  /** That of the call in progress; null: nobody could wait. */
  #needed(): Transaction | null {
    const { current } = this.#kernel;
    if (current === null) return this.#own;
    const { call } = current;
    // What waits where it is, as a core dump does, need not be a call.
    if (call.nr < 0 && call.coroutine === null) return null;
    return this.transactionOf(call);
  }

  /** That of a call, for who tells it by notify() when it is to go on. */
  transactionOf(call: { asked: Asked | null }): Transaction {
    call.asked ??= this.#begin();
    return call.asked as Transaction;
  }

  #ended(transaction: Transaction): void {
    this.#live.delete(transaction);
    // What was begun is over when the host says so.
    for (const name of transaction.names) if (!this.#underWay.has(name)) this.#release(name);
  }

  /** Makes an attempt of the kernel's own, which nobody's call has asked for, again until it says something else than `again`. */
  async attempt<T>(act: () => T, again: (result: T) => boolean): Promise<T> {
    const transaction = this.#begin();
    try {
      for (;;) {
        const before = this.#own;
        this.#own = transaction;
        let result: T;
        try {
          result = act();
        } finally {
          this.#own = before;
        }
        if (!again(result)) return result;
        await new Promise<void>((resolve) => {
          transaction.whenAnswered(() => {
            resolve();
            this.#kernel.owesAnswer = true;
          }, true);
        });
      }
    } finally {
      transaction.end();
    }
  }

  /** The answer to a question: for as long as the call lasts, if it has one. NOT_AT_HAND: it comes later. */
  ask<T>(key: string, make: () => Question<T> | number): T | number {
    const transaction = this.#needed();
    if (transaction !== null) return transaction.ask(key, make);
    if (this.#kernel.current !== null) return -EIO;
    const question = make();
    return typeof question === "number" ? question : this.#wait(question);
  }

  /** The answer is its caller's from now on. */
  take(key: string): void {
    this.transaction?.take(key);
  }

  #wait<T>({ lane, args, read, undo, ended }: Question<T>): T | number {
    let answer: T | number = -EIO;
    let isLate = false;
    let isThere = false;
    const done = (record: JobRecord) => {
      const came = read(record);
      ended?.();
      if (isLate) undo?.(came);
      else answer = came;
      isThere = true;
    };
    const job = new Job(args, done, ended);
    const { native } = this.#kernel;
    const began = native.monotonicNs();
    const passedMs = (began - this.#leftAtNs) / NS_PER_MS;
    this.#leftMs = Math.min(WAIT_MS, this.#leftMs + passedMs * WAIT_SHARE);
    const isDone = this.#threads.wait(lane, job, this.#leftMs);
    this.#leftAtNs = native.monotonicNs();
    this.#leftMs = Math.max(0, this.#leftMs - (this.#leftAtNs - began) / NS_PER_MS);
    if (isDone || isThere) return answer;
    isLate = true;
    this.#threads.cancel(job);
    return -EIO;
  }

  /** A question that a coroutine of the call waits for by itself: `read` is called also when that has ended meanwhile. */
  submit(lane: number, args: JobArguments, read: (record: JobRecord) => void): Job {
    const job = new Job(args, read);
    this.#threads.submit(lane, job);
    return job;
  }

  /** Nobody waits for it any more. */
  cancel(job: Job): void {
    this.#threads.cancel(job);
  }

  /** Closes a descriptor of a remote mount's file: behind all that was asked of it. */
  close(lane: number, fd: number): void {
    this.#threads.submit(lane, new Job({ operation: JobOperation.CLOSE, a: fd }, () => {}));
  }

  // ---- Names that are being changed ----

  /** Whether somebody else changes a name just now: then the call in progress is told when that is over. */
  isChanging(name: string): boolean {
    const change = this.#changes.get(name);
    if (change === undefined) return false;
    const transaction = this.#needed();
    if (transaction === null || transaction === change.by) return false;
    change.waiting.add(transaction);
    return true;
  }

  /** The call in progress is about to change a name. `found`: under which calls know what they have found there. */
  beginChange(name: string, found: string): void {
    const by = this.#needed();
    for (const other of this.#live) if (other !== by) other.forget(found);
    this.#changes.set(name, { by, waiting: new Set() });
    by?.names.add(name);
    this.#underWay.add(name);
  }

  /** The host has made the change, or not. */
  changeEnded(name: string): void {
    this.#underWay.delete(name);
    const change = this.#changes.get(name);
    if (change !== undefined && (change.by === null || change.by.isEnded)) this.#release(name);
  }

  /** Who has made it knows what came of it. */
  changeKnown(name: string): void {
    const { transaction } = this;
    if (this.#changes.get(name)?.by !== transaction) return;
    transaction?.names.delete(name);
    this.#release(name);
  }

  #release(name: string): void {
    const change = this.#changes.get(name);
    this.#changes.delete(name);
    for (const transaction of change?.waiting ?? []) transaction.notify();
  }
}
