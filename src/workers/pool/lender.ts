// Open files whose bytes other kernel threads move as well (pool/data_kernel.ts), by thread 0: which those are, and what
// the others are told of them (ring/open_records.ts). A file is lent when calls have come on it again and again, and who would
// serve them is awake: what is opened, read and closed is served sooner than it is told of.

import { RLIMIT_FSIZE } from "../../shared/abi/resource.ts";
import { S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import { ROUTES } from "../../shared/ring/layout.ts";
import { LENT_READ, LENT_WRITE, OpenRecords } from "../../shared/ring/open_records.ts";
import {
  OPEN_RECORDS,
  type PrivateSab,
  STAMP_RECORDS,
  TABLE_BLOCKS,
  TABLE_DESCRIPTORS,
} from "../../shared/ring/private_sab.ts";
import type { Caller } from "../call/caller.ts";
import type { Counters } from "../counters.ts";
import type { Gofer } from "../gofer/gofer.ts";
import type { Transaction } from "../gofer/transaction.ts";
import type { Inode } from "../vfs/inode.ts";
import type { Lending, LendingCaller } from "../vfs/loan.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import { LentFile, LentInodeRecord } from "./lent_file.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { MissedCalls } from "./missed_calls.ts";
import { Numbers } from "./numbers.ts";

/** Calls on an open file before it is lent: usually, and where tests ask for it at once. */
const LEND_AFTER = { eager: 1, usual: 3 } as const;
/** Calls on one that cannot be lent just now before that is looked at again. */
const OFFER_AFTER = 64;

interface Others {
  /** A thread is about to know of a slot's task. */
  visit(slot: number, thread: number): void;
  /** Calls `then` when none of them is on the way any more to what is given up now. */
  whenPassed(then: () => void): void;
}

interface LenderContext {
  readonly counters: Counters;
  readonly gofer: Gofer;
  readonly nowNs: number;
  readonly page: { isSleeping(thread: number): boolean };
}

export class Lender implements Lending {
  readonly #kernel: LenderContext;
  readonly #records: OpenRecords;
  readonly #watched: Int32Array;
  /** The kernel threads that move bytes. */
  readonly #movers: readonly number[];
  readonly #others: Others;
  readonly #lendAfter: number;
  /** Who sleeps may be told, too. */
  readonly #isEager: boolean;
  readonly #openNumbers = new Numbers(OPEN_RECORDS);
  readonly #stampNumbers = new Numbers(STAMP_RECORDS);
  readonly #tableNumbers = new Numbers(TABLE_BLOCKS);
  /** By record. */
  readonly #files: (LentFile | undefined)[] = [];
  /** Of descriptor tables, by their ids. */
  readonly #tables = new Map<number, number>();
  /** By thread. */
  readonly #missed: readonly MissedCalls[];

  constructor(
    kernel: LenderContext,
    sab: PrivateSab,
    movers: readonly number[],
    others: Others,
    wake: (thread: number) => void,
    isEager: boolean,
  ) {
    this.#kernel = kernel;
    this.#records = new OpenRecords(sab, 0);
    this.#watched = sab.movers;
    const length = Math.max(...movers) + 1;
    this.#missed = Array.from({ length }, (_, thread) => new MissedCalls(kernel, sab.control, thread, wake));
    this.#movers = movers;
    this.#others = others;
    this.#isEager = isEager;
    this.#lendAfter = isEager ? LEND_AFTER.eager : LEND_AFTER.usual;
  }

  // ---- Lending ----

  used(task: LendingCaller, fd: number, writes: boolean): void {
    const { call, files } = task;
    const thread = this.#movers[(call.slot >>> 3) % this.#movers.length]!;
    const isRouted = fd >= 0 && fd < TABLE_DESCRIPTORS && call.bytes[ROUTES + fd] === thread;
    // The thread slept. If the route leads to nothing, it says so when it serves the next such call.
    if (isRouted && this.#records.callerTable(call.slot) >= 0) {
      this.#missed[thread]!.add(null);
      return;
    }
    const file = files.get(fd);
    if (!(file instanceof SeekableFile)) return;
    if (file.loan === null) {
      if (++file.calls < this.#lendAfter) return;
      if (!this.#isEager && this.#kernel.page.isSleeping(thread)) {
        this.#missed[thread]!.add(file);
        return;
      }
      if (!this.#lend(file)) return;
    }
    const lent = file.loan as unknown as LentFile;
    if (lent.isOffered) {
      if (!writes || lent.mayBeWritten) this.#route(task, fd, lent, thread);
    } else if (++file.calls >= OFFER_AFTER) {
      file.calls = 0;
      lent.changed(file.offer());
    }
  }

  #lend(file: SeekableFile): boolean {
    file.calls = 0;
    const offer = file.offer();
    const { inode } = file;
    if (offer === null || inode === null) return false;
    const record = this.#openNumbers.take();
    const stamps = record < 0 ? null : this.#stampsOf(inode);
    if (stamps === null) {
      if (record >= 0) this.#openNumbers.putBack(record);
      return false;
    }
    stamps.loans++;
    const modes = (file.readable ? LENT_READ : 0) | (file.writable ? LENT_WRITE : 0);
    const loan = new LentFile(this, this.#records, record, inode, stamps, modes);
    this.#files[record] = loan;
    this.#records.begin(record, file.position);
    file.lend(loan);
    loan.changed(offer);
    this.#kernel.counters.lentFiles++;
    return true;
  }

  #stampsOf(inode: Inode): LentInodeRecord | null {
    if (inode.lent !== null) return inode.lent as LentInodeRecord;
    const attributes = inode.attributes();
    const number = typeof attributes === "number" ? -1 : this.#stampNumbers.take();
    if (typeof attributes === "number" || number < 0) return null;
    this.#records.beginStamps(number, (attributes.mode & (S_ISUID | S_ISGID)) === 0);
    const made = new LentInodeRecord(this.#records, number);
    inode.lent = made;
    return made;
  }

  /** Where calls of the task on that descriptor go from now on. */
  #route(task: LendingCaller, fd: number, file: LentFile, thread: number): void {
    const { record } = file;
    const { call, files } = task;
    if (fd >= TABLE_DESCRIPTORS || task.isWatched || task.limit(RLIMIT_FSIZE) < Number.POSITIVE_INFINITY)
      return;
    const table = this.#tableOf(files.id);
    if (table < 0) return;
    const isNamed = this.#records.isNamed(table, fd, record);
    if (isNamed && !file.mayReturn(this.#kernel.nowNs)) return;
    if (!isNamed) this.#records.setDescriptor(table, fd, record);
    // Whatever a guest writes in its routes, each of them finds the caller.
    for (const mover of this.#movers) this.#others.visit(call.slot, mover);
    this.#records.setCaller(call.slot, table);
    call.bytes[ROUTES + fd] = thread;
  }

  #tableOf(id: number): number {
    const known = this.#tables.get(id);
    if (known !== undefined) return known;
    const table = this.#tableNumbers.take();
    if (table >= 0) this.#tables.set(id, table);
    return table;
  }

  // ---- Taking back ----

  /** Whoever makes calls in the slot is another, or has other descriptors. */
  forgetCaller(slot: number): void {
    this.#records.forgetCaller(slot);
  }

  forgetDescriptor(id: number, fd: number): void {
    const table = this.#tables.get(id);
    if (table !== undefined && fd < TABLE_DESCRIPTORS) this.#records.forgetDescriptor(table, fd);
  }

  tableGone(id: number): void {
    const table = this.#tables.get(id);
    if (table === undefined) return;
    this.#tables.delete(id);
    this.whenPassed(() => this.#tableNumbers.putBack(table));
  }

  ended(file: LentFile, closed: () => void): void {
    const { record, inode, stamps } = file;
    this.#records.end(record);
    this.#files[record] = undefined;
    this.#kernel.counters.lentFiles--;
    this.whenPassed(() => {
      closed();
      this.#openNumbers.putBack(record);
      if (--stamps.loans === 0) this.#forgetStamps(inode, stamps);
    });
  }

  #forgetStamps(inode: Inode, stamps: LentInodeRecord): void {
    inode.noteMoved();
    inode.lent = null;
    this.#stampNumbers.putBack(stamps.number);
  }

  whenPassed(then: () => void): void {
    this.#others.whenPassed(then);
  }

  // ---- What others say ----

  /** Something that one of them says; false: it is nothing about files. */
  receive(record: Int32Array): boolean {
    if (record[M.KIND] !== Message.POSITION_FREE) return false;
    this.#files[record[M.RECORD]!]?.freed();
    return true;
  }

  /** That of a task's call, which is told when something that it waits for is there. */
  transactionOf(task: Caller): Transaction {
    return this.#kernel.gofer.transactionOf(task.call);
  }

  /** Whether somebody is to be told of what is read and written. */
  watch(isWatched: boolean): void {
    Atomics.store(this.#watched, 0, isWatched ? 1 : 0);
  }
}
