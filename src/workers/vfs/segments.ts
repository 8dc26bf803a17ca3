// Guest memory that a transfer goes to or comes from: one buffer, or the vectors of readv and writev,
// cut into rounds that fit the data window and the list of pieces.

import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { IOV_MAX } from "../../shared/abi/fcntl.ts";
import { readU64 } from "../../shared/abi/struct.ts";
import { PIECES_MAX, WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Caller } from "../call/caller.ts";
import { isGuestRange } from "../call/guest_range.ts";

/** Linux moves at most so many bytes in one call (MAX_RW_COUNT). */
const MAX_RW_COUNT = 0x7ffff000;
export const IOVEC_SIZE = 16;

export class Segments {
  readonly #addresses: number[] = [];
  readonly #lengths: number[] = [];
  total = 0;
  /** Some of it lies where no guest memory can be: EFAULT before anything is moved (access_ok). */
  invalid = false;
  #index = 0;
  #offset = 0;

  add(address: number, length: number): void {
    if (!isGuestRange(address, length)) this.invalid = true;
    const bounded = Math.min(length, MAX_RW_COUNT - this.total);
    if (bounded <= 0) return;
    this.#addresses.push(address);
    this.#lengths.push(bounded);
    this.total += bounded;
  }

  /**
   * Sets the task's pieces for the next `length` bytes, which stand (or will stand) at WINDOW, and
   * moves on. Fewer bytes when the list of pieces is full; their number is the result.
   */
  round(task: Caller, length: number): number {
    let done = 0;
    for (let pieces = 0; pieces < PIECES_MAX && done < length; pieces++) {
      const left = this.#lengths[this.#index]! - this.#offset;
      const part = Math.min(left, length - done);
      task.call.outAt(this.#addresses[this.#index]! + this.#offset, part, WINDOW + done);
      done += part;
      this.#offset += part;
      if (part === left) {
        this.#index++;
        this.#offset = 0;
      }
    }
    return done;
  }

  /** Where the next bytes lie, and how many of them in a row. */
  get address(): number {
    return this.#index < this.#addresses.length ? this.#addresses[this.#index]! + this.#offset : 0;
  }

  get run(): number {
    return this.#index < this.#lengths.length ? this.#lengths[this.#index]! - this.#offset : 0;
  }

  /** Where the next `length` bytes lie, if they lie in one piece; else -1. */
  nextAddress(length: number): number {
    const left = this.#lengths[this.#index]! - this.#offset;
    return left >= length ? this.#addresses[this.#index]! + this.#offset : -1;
  }

  /** Moves on past bytes of the first segment that were dealt with already. */
  skip(length: number): void {
    this.#offset += length;
    if (this.#offset < this.#lengths[this.#index]!) return;
    this.#index++;
    this.#offset = 0;
  }

  /** How many bytes round() would move at most. */
  roundLimit(left: number, pieces = PIECES_MAX): number {
    let room = 0;
    for (let piece = 0; piece < pieces && this.#index + piece < this.#lengths.length; piece++) {
      room += this.#lengths[this.#index + piece]! - (piece === 0 ? this.#offset : 0);
    }
    return Math.min(left, WINDOW_SIZE, room);
  }
}

/** One buffer. */
export function segmentOf(address: number, length: number): Segments {
  const segments = new Segments();
  segments.add(address, length);
  return segments;
}

/** The vectors that the stub copied as in piece 0; a negative errno when they are not valid. */
export function vectors(task: Caller, count: number): Segments | number {
  if (count < 0 || count > IOV_MAX) return -EINVAL;
  if (!task.call.inComplete(0, count * IOVEC_SIZE)) return -EFAULT;
  const at = task.call.base + WINDOW;
  return segmentsOf(Buffer.from(task.call.bytes.subarray(at, at + count * IOVEC_SIZE)), count);
}

/** The vectors in a copy of their array. */
export function segmentsOf(copy: Buffer, count: number): Segments | number {
  const segments = new Segments();
  const view = new DataView(copy.buffer, copy.byteOffset, copy.length);
  for (let i = 0; i < count; i++) {
    // Longer than any ssize_t: exactly, which as a number it is not.
    if (view.getInt32(i * IOVEC_SIZE + 12, true) < 0) return -EINVAL;
    const length = readU64(view, i * IOVEC_SIZE + 8);
    // Of one alone Linux looks at what it moves, of several at all that they name.
    segments.add(readU64(view, i * IOVEC_SIZE), count === 1 ? Math.min(length, MAX_RW_COUNT) : length);
  }
  return segments;
}
