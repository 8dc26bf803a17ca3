// What streams have given to readers of late, in memory of the kernel's own. A read that ends in a fault puts its bytes back
// from here: never from the window that they went by, which its guest can change while others read the same stream.
//
// The memory is a ring: what was kept is there until so much has been read since that it is overwritten. A fault is told at
// once when the copy is over; who tells of it later than that loses what it had read, as a pipe's reader does.

import { copyBytes } from "../../../shared/copy_bytes.ts";

const SIZE = 256 << 10;

export class KeptReads {
  readonly bytes = new Uint8Array(SIZE);
  /** The place of the next, counted on: its remainder is where it stands. */
  #next = 0;

  /** The place of so many bytes of one read, at most a window's. */
  place(length: number): number {
    const at = this.#next % SIZE;
    // It lies in one piece.
    if (at + length > SIZE) this.#next += SIZE - at;
    const place = this.#next;
    this.#next += length;
    return place;
  }

  /** Keeps the first bytes of an array, at most a window's: their place. */
  keep(from: Uint8Array, length: number): number {
    const place = this.place(length);
    copyBytes(from, 0, this.bytes, this.at(place), length);
    return place;
  }

  /** Where in the memory a place is. */
  at(place: number): number {
    return place % SIZE;
  }

  /** A copy of what was kept there; null: it is not there any more. */
  copyOf(place: number, length: number): Uint8Array | null {
    if (this.#next - place > SIZE) return null;
    const at = place % SIZE;
    return this.bytes.slice(at, at + length);
  }
}
