// An open file that thread 0 has lent (lender.ts), as a kernel thread that moves its bytes has it: what is read and written
// where that takes no time. Everything else is NOT_AT_HAND, and thread 0 serves the call from its beginning.

import { EAGAIN, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { O_RDONLY, O_RDWR, O_WRONLY, SEEK_END } from "../../shared/abi/fcntl.ts";
import {
  LENT_ACCESS_TIME,
  LENT_READ,
  LENT_TELLS,
  LENT_WRITE,
  Lent,
  type OpenRecords,
} from "../../shared/ring/open_records.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Caller } from "../call/caller.ts";
import type { Native } from "../native.ts";
import type { Loan } from "../vfs/loan.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";

interface BorrowingContext {
  readonly native: Native;
  readonly records: OpenRecords;
  /** Thread 0 is told that the position of a file is free, which it has waited for. */
  positionFree(record: number): void;
}

/** Its position, which this thread has while it moves it. */
class BorrowedPosition implements Loan {
  readonly #kernel: BorrowingContext;
  readonly #record: number;
  readonly #incarnation: number;

  constructor(kernel: BorrowingContext, record: number) {
    this.#kernel = kernel;
    this.#record = record;
    this.#incarnation = kernel.records.incarnation(record);
  }

  /** The record is still the open file's that it was. */
  get isCurrent(): boolean {
    return this.#kernel.records.incarnation(this.#record) === this.#incarnation;
  }

  get position(): number {
    return this.#kernel.records.position(this.#record);
  }

  set position(position: number) {
    this.#kernel.records.setPosition(this.#record, position);
  }

  hold(): number {
    return this.#kernel.records.take(this.#record) ? this.position : NOT_AT_HAND;
  }

  letGo(position: number): void {
    this.position = position;
    if (this.#kernel.records.letGo(this.#record)) this.#kernel.positionFree(this.#record);
  }

  // A guest says as late as it likes that what it has read did not arrive: the record may be another file's by then.
  takeBack(bytes: number): void {
    if (!this.isCurrent) return;
    const position = this.hold();
    if (position >= 0) this.letGo(Math.max(0, position - bytes));
  }

  // What is lent, and for how long, is thread 0's.
  changed(): void {}
  forget(): void {}
  end(): void {}
}

export class BorrowedFile extends SeekableFile {
  readonly #kernel: BorrowingContext;
  readonly #record: number;
  readonly #position: BorrowedPosition;
  readonly #lent = new Lent();
  /** Of this descriptor of the host's it has turned out that the host does not tell what is at hand; -1: of none. */
  #silentFd = -1;

  constructor(kernel: BorrowingContext, record: number) {
    super(null, 0);
    this.#kernel = kernel;
    this.#record = record;
    this.#position = new BorrowedPosition(kernel, record);
    this.loan = this.#position;
  }

  /** The record is still this file's. */
  get isCurrent(): boolean {
    return this.#position.isCurrent;
  }

  /** A call on it begins: false: what is lent is changing, or nothing is. */
  begin(): boolean {
    const lent = this.#lent;
    if (!this.#kernel.records.read(this.#record, lent)) return false;
    const access = lent.modes & (LENT_READ | LENT_WRITE);
    if (access === 0) return false;
    this.flags = access === LENT_READ ? O_RDONLY : access === LENT_WRITE ? O_WRONLY : O_RDWR;
    return true;
  }

  override size(): number {
    return this.#kernel.native.seek(this.#lent.hostFd, 0, SEEK_END);
  }

  protected override seekData(offset: number, whence: number): number {
    return this.#kernel.native.seek(this.#lent.hostFd, offset, whence);
  }

  override preadCached(task: Caller, offset: number, length: number, position: number): number {
    const { modes, stamps } = this.#lent;
    const n = this.#read(task, offset, length, position);
    if (n >= 0 && (modes & LENT_ACCESS_TIME) !== 0) this.#kernel.records.readAt(stamps, Date.now());
    return n;
  }

  #read({ call }: Caller, offset: number, length: number, position: number): number {
    const { native } = this.#kernel;
    const { hostFd, modes, warmEnd } = this.#lent;
    if ((modes & LENT_TELLS) !== 0 && this.#silentFd !== hostFd) {
      const n = native.preadNowait(hostFd, call.chunk, call.base + offset, length, position);
      // Only the end is a short read.
      if (n === -EAGAIN || (n > 0 && n < length && this.size() > position + n)) return NOT_AT_HAND;
      if (n !== -EOPNOTSUPP) return n;
      this.#silentFd = hostFd;
    }
    if (position + length > warmEnd) return NOT_AT_HAND;
    const n = native.pread(hostFd, call.chunk, call.base + offset, length, position);
    return n === -EAGAIN ? NOT_AT_HAND : n;
  }

  override pwrite({ call }: Caller, offset: number, length: number, position: number): number {
    const { native, records } = this.#kernel;
    const { hostFd, stamps } = this.#lent;
    if (!records.mayBeWritten(stamps)) return NOT_AT_HAND;
    const n = native.pwrite(hostFd, call.chunk, call.base + offset, length, position);
    records.written(stamps);
    return n === -EAGAIN ? NOT_AT_HAND : n;
  }

  /** Thread 0 closes what it has lent. */
  release(): void {}
}
