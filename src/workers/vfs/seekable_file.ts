// An open file with a position: regular files. Kinds override pread and pwrite; position, append and
// seeking are the same for all.

import { EINVAL, ENXIO, EOVERFLOW } from "../../shared/abi/errno.ts";
import { O_APPEND, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from "../../shared/abi/fcntl.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import type { Caller } from "../call/caller.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import { NOT_AT_ONCE, OpenFile, OWN_OFFSET } from "./file.ts";
import type { Inode } from "./inode.ts";
import type { Loan, Offer } from "./loan.ts";

export abstract class SeekableFile extends OpenFile {
  override readonly isStream: boolean = false;
  #position = 0;
  /** Where its position is while other kernel threads move its bytes as well; null: here. */
  loan: Loan | null = null;
  /** Calls that other kernel threads could have served. */
  calls = 0;
  /** Bytes that were asked for and that a stub could have read by itself (stub_read.ts). */
  readByOthers = 0;

  constructor(inode: Inode | null, flags: number, waiters?: WaitQueue) {
    super(flags, waiters);
    this.inode = inode;
  }

  get position(): number {
    return this.loan === null ? this.#position : this.loan.position;
  }

  /** Whoever else moves it right now. */
  set position(position: number) {
    if (this.loan === null) this.#position = position;
    else this.loan.position = position;
  }

  /** What other kernel threads are told, which then move its bytes, too; null: nothing. */
  offer(): Offer | null {
    return null;
  }

  /** From now on they do. */
  lend(loan: Loan): void {
    this.loan = loan;
  }

  override statusChanged(): void {
    this.loan?.changed(this.offer());
  }

  /** The last holder is gone, and with it what only other kernel threads may still be on the way to. */
  protected releaseThen(closed: () => void): void {
    const { loan } = this;
    this.loan = null;
    if (loan === null) closed();
    else loan.end(closed);
  }

  /** The position, which is this call's until #moved(); or NOT_AT_HAND. */
  #hold(task: Caller): number {
    return this.loan === null ? this.#position : this.loan.hold(task);
  }

  /** So many bytes were moved from there; or a negative errno. */
  #moved(at: number, n: number): number {
    const position = n > 0 ? at + n : at;
    if (this.loan === null) this.#position = position;
    else this.loan.letGo(position);
    return n;
  }

  /** A stub is about to read it by itself. */
  noteRead(): void {}

  size(): number {
    const attributes = this.inode!.attributes();
    return typeof attributes === "number" ? attributes : attributes.size;
  }

  override readCached(task: Caller, offset: number, length: number): number {
    const at = this.#hold(task);
    return at < 0 ? at : this.#moved(at, this.preadCached(task, offset, length, at));
  }

  /** What preadCached did not find is waited for; then pread() takes what there is in any case. */
  *warm(_task: Caller, _position: number, _length: number): Generator<void, void, void> {}

  override read(task: Caller, offset: number, length: number): number {
    const at = this.#hold(task);
    return at < 0 ? at : this.#moved(at, this.pread(task, offset, length, at));
  }

  override readDirectly(task: Caller, address: number, length: number, position: number): number {
    if (position !== OWN_OFFSET) return this.preadDirectly(task, address, length, position);
    const at = this.#hold(task);
    return at < 0 ? at : this.#moved(at, this.preadDirectly(task, address, length, at));
  }

  /** readDirectly at a position. */
  preadDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  override writeDirectly(task: Caller, address: number, length: number, position: number): number {
    if (position !== OWN_OFFSET) return this.pwriteDirectly(task, address, length, position);
    const held = this.#hold(task);
    if (held < 0) return held;
    const at = this.#start(held);
    return at < 0 ? this.#moved(held, at) : this.#moved(at, this.pwriteDirectly(task, address, length, at));
  }

  pwriteDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  /** Where a write begins: what appends, at the end. Or a negative errno. */
  #start(position: number): number {
    return (this.flags & O_APPEND) === 0 ? position : this.size();
  }

  override write(task: Caller, offset: number, length: number): number {
    const held = this.#hold(task);
    if (held < 0) return held;
    const at = this.#start(held);
    return at < 0 ? this.#moved(held, at) : this.#moved(at, this.pwrite(task, offset, length, at));
  }

  override undelivered(_task: Caller, _offset: number, length: number, delivered: number): number {
    // Others may have moved it meanwhile: it is never before the beginning.
    if (this.loan === null) this.#position = Math.max(0, this.#position - (length - delivered));
    else this.loan.takeBack(length - delivered);
    return delivered;
  }

  override descriptorGone(table: number, fd: number): void {
    this.loan?.forget(table, fd);
  }

  override seek(offset: number, whence: number, task: Caller | null = null): number {
    const at = task === null ? this.position : this.#hold(task);
    if (at < 0) return at;
    const target = this.#target(offset, whence, at);
    const isSafe = target < 0 || Number.isSafeInteger(target);
    const next = target < 0 || !isSafe ? at : target;
    if (task === null) this.position = next;
    else this.#moved(next, 0);
    return isSafe ? target : -EOVERFLOW;
  }

  #target(offset: number, whence: number, position: number): number {
    if (whence === SEEK_SET) return positive(offset);
    if (whence === SEEK_CUR) return positive(position + offset);
    const size = this.size();
    if (size < 0) return size;
    if (whence === SEEK_END) return positive(size + offset);
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return -EINVAL;
    return offset < 0 || offset >= size ? -ENXIO : this.seekData(offset, whence);
  }

  /** Where data or a hole is next, from inside the file: all of it counts as data, as without holes. */
  protected seekData(offset: number, whence: number): number {
    return whence === SEEK_DATA ? offset : this.size();
  }

  override sync(_task: Caller, _dataOnly: boolean): number {
    return 0;
  }

  override get pollable(): boolean {
    return false;
  }

  override poll(): number {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }
}

function positive(at: number): number {
  return at < 0 ? -EINVAL : at;
}
