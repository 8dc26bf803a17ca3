// An open file that is lent, as thread 0 has it: its record, whose position all move, and the stamps of its inode.

import {
  LENT_ACCESS_TIME,
  LENT_TELLS,
  LENT_WRITE,
  type OpenRecords,
} from "../../shared/ring/open_records.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Caller } from "../call/caller.ts";
import type { Transaction } from "../gofer/transaction.ts";
import type { Inode } from "../vfs/inode.ts";
import type { LentInode, Loan, Offer } from "../vfs/loan.ts";

/** A file on which more calls than that have come back in that time is served here until it is over. */
const RETURNS_MAX = 16;
const RETURNS_NS = 10e6;

/** Whoever has lent it. */
interface LendingSide {
  /** That of a task's call, which is told when something that it waits for is there. */
  transactionOf(task: Caller): Transaction;
  forgetDescriptor(id: number, fd: number): void;
  ended(file: LentFile, closed: () => void): void;
}

export class LentInodeRecord implements LentInode {
  readonly #records: OpenRecords;
  readonly number: number;
  /** Open files of it that are lent, or that somebody is still on the way to. */
  loans = 0;

  constructor(records: OpenRecords, number: number) {
    this.#records = records;
    this.number = number;
  }

  takeWritten(): boolean {
    return this.#records.takeWritten(this.number);
  }

  takeReadAt(): number {
    return this.#records.takeReadAt(this.number);
  }

  allowWrites(value: boolean): void {
    this.#records.allowWrites(this.number, value);
  }
}

export class LentFile implements Loan {
  readonly #lender: LendingSide;
  readonly #records: OpenRecords;
  readonly record: number;
  readonly inode: Inode;
  readonly stamps: LentInodeRecord;
  readonly #modes: number;
  /** Something is lent, and what is may be written. */
  isOffered = false;
  mayBeWritten = false;
  /** How often calls have come back since when. */
  #returns = 0;
  #returnsSinceNs = 0;
  /** Calls that wait for its position. */
  readonly #waiting = new Set<Transaction>();

  constructor(
    lender: LendingSide,
    records: OpenRecords,
    record: number,
    inode: Inode,
    stamps: LentInodeRecord,
    modes: number,
  ) {
    this.#lender = lender;
    this.#records = records;
    this.record = record;
    this.inode = inode;
    this.stamps = stamps;
    this.#modes = modes;
  }

  /** Calls on it have come back that others could not serve: whether they may have the next ones all the same. */
  mayReturn(nowNs: number): boolean {
    if (nowNs - this.#returnsSinceNs > RETURNS_NS) {
      this.#returnsSinceNs = nowNs;
      this.#returns = 0;
    }
    return ++this.#returns <= RETURNS_MAX;
  }

  get position(): number {
    return this.#records.position(this.record);
  }

  set position(position: number) {
    this.#records.setPosition(this.record, position);
  }

  hold(task: Caller): number {
    if (this.#records.takeOrWant(this.record)) return this.position;
    this.#waiting.add(this.#lender.transactionOf(task));
    return NOT_AT_HAND;
  }

  letGo(position: number): void {
    this.position = position;
    this.#records.letGo(this.record);
  }

  takeBack(bytes: number): void {
    if (this.#records.takeOrWant(this.record)) this.letGo(Math.max(0, this.position - bytes));
  }

  /** Who has held the position holds it no more. */
  freed(): void {
    for (const transaction of this.#waiting) transaction.notify();
    this.#waiting.clear();
  }

  changed(offer: Offer | null): void {
    this.isOffered = offer !== null;
    this.mayBeWritten = offer?.mayBeWritten === true;
    let modes = 0;
    if (offer !== null) {
      modes = this.#modes & (offer.mayBeWritten ? -1 : ~LENT_WRITE);
      if (offer.tells) modes |= LENT_TELLS;
      if (offer.keepsAccessTime) modes |= LENT_ACCESS_TIME;
    }
    this.#records.set(this.record, {
      hostFd: offer?.hostFd ?? -1,
      modes,
      stamps: this.stamps.number,
      warmEnd: offer?.warmEnd ?? 0,
    });
  }

  forget(table: number, fd: number): void {
    this.#lender.forgetDescriptor(table, fd);
  }

  end(closed: () => void): void {
    this.changed(null);
    // Who holds the position tells a record that is nobody's, or another file's.
    this.freed();
    this.#lender.ended(this, closed);
  }
}
