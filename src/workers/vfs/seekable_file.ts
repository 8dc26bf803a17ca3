// An open file with a position: regular files. Kinds override pread and pwrite; position, append and
// seeking are the same for all.

import { EINVAL, ENXIO, EOVERFLOW } from "../../shared/abi/errno.ts";
import { O_APPEND, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from "../../shared/abi/fcntl.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import type { Caller } from "../call/caller.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import { NOT_AT_ONCE, OpenFile, OWN_OFFSET } from "./file.ts";
import type { Inode } from "./inode.ts";

export abstract class SeekableFile extends OpenFile {
  override readonly isStream: boolean = false;
  position = 0;

  constructor(inode: Inode, flags: number, waiters?: WaitQueue) {
    super(flags, waiters);
    this.inode = inode;
  }

  size(): number {
    const attributes = this.inode!.attributes();
    return typeof attributes === "number" ? attributes : attributes.size;
  }

  override readCached(task: Caller, offset: number, length: number): number {
    const n = this.preadCached(task, offset, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  /** What preadCached did not find is waited for; then pread() takes what there is in any case. */
  *warm(_task: Caller, _position: number, _length: number): Generator<void, void, void> {}

  override read(task: Caller, offset: number, length: number): number {
    const n = this.pread(task, offset, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  override readDirectly(task: Caller, address: number, length: number, position: number): number {
    if (position !== OWN_OFFSET) return this.preadDirectly(task, address, length, position);
    const n = this.preadDirectly(task, address, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  /** readDirectly at a position. */
  preadDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  override writeDirectly(task: Caller, address: number, length: number, position: number): number {
    if (position !== OWN_OFFSET) return this.pwriteDirectly(task, address, length, position);
    const error = this.#beginWrite();
    if (error < 0) return error;
    const n = this.pwriteDirectly(task, address, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  pwriteDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  // What appends begins at the end.
  #beginWrite(): number {
    if ((this.flags & O_APPEND) === 0) return 0;
    const size = this.size();
    if (size >= 0) this.position = size;
    return size;
  }

  override write(task: Caller, offset: number, length: number): number {
    const error = this.#beginWrite();
    if (error < 0) return error;
    const n = this.pwrite(task, offset, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  override undelivered(_task: Caller, _offset: number, length: number, delivered: number): number {
    this.position -= length - delivered;
    return delivered;
  }

  override seek(offset: number, whence: number): number {
    const target = this.#target(offset, whence);
    if (target < 0) return target;
    if (!Number.isSafeInteger(target)) return -EOVERFLOW;
    this.position = target;
    return target;
  }

  #target(offset: number, whence: number): number {
    if (whence === SEEK_SET) return positive(offset);
    if (whence === SEEK_CUR) return positive(this.position + offset);
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
