// What streams have given to readers of late, in memory of the kernel's own. A read that ends in a fault puts its bytes back
// from here: never from the window that they went by, which its guest can change while others read the same stream.
//
// The memory is a ring. A fault is told when the copy is over, which may be late where the reader gets no CPU: what is about
// to be overwritten is copied once more where its reader has made no other call since, up to a bound, behind which it is lost.

import { copyBytes } from "../../../shared/copy_bytes.ts";

const SIZE = 256 << 10;
/** Reads that are remembered. */
const READS_MAX = 4096;
/** Bytes of late readers. */
const RESCUED_MAX = 4 << 20;

/** Of a thread that reads: another number for each of its calls, and when it has ended. */
export interface Reader {
  readonly serial: number;
}

interface Rescued {
  readonly bytes: Uint8Array;
  readonly reader: Reader;
  readonly serial: number;
}

export class KeptReads {
  readonly bytes = new Uint8Array(SIZE);
  /** The place of the next, counted on: its remainder is where it stands. */
  #next = 0;
  /** Reads, the oldest first, by numbers that count on; their remainder is where they stand. */
  readonly #places: number[] = [];
  readonly #lengths: number[] = [];
  readonly #serials: number[] = [];
  readonly #readers: Reader[] = [];
  #oldest = 0;
  #newest = 0;
  /** By place. */
  readonly #rescued = new Map<number, Rescued>();
  #rescuedBytes = 0;

  /** The place of so many bytes of one read, at most a window's. */
  place(length: number, reader: Reader): number {
    const at = this.#next % SIZE;
    // It lies in one piece.
    if (at + length > SIZE) this.#next += SIZE - at;
    const place = this.#next;
    this.#next += length;
    this.#forget();
    const read = this.#newest++ % READS_MAX;
    this.#places[read] = place;
    this.#lengths[read] = length;
    this.#serials[read] = reader.serial;
    this.#readers[read] = reader;
    return place;
  }

  // Those that are about to be overwritten, or too many.
  #forget(): void {
    while (this.#oldest < this.#newest) {
      const read = this.#oldest % READS_MAX;
      const place = this.#places[read]!;
      if (this.#next - place <= SIZE && this.#newest - this.#oldest < READS_MAX) return;
      this.#oldest++;
      if (this.#readers[read]!.serial === this.#serials[read]) this.#rescue(read, place);
    }
  }

  #rescue(read: number, place: number): void {
    const length = this.#lengths[read]!;
    if (this.#rescuedBytes + length > RESCUED_MAX) this.#sweep();
    if (this.#rescuedBytes + length > RESCUED_MAX) return;
    const at = this.at(place);
    const [reader, serial] = [this.#readers[read]!, this.#serials[read]!];
    this.#rescued.set(place, { bytes: this.bytes.slice(at, at + length), reader, serial });
    this.#rescuedBytes += length;
  }

  #sweep(): void {
    for (const [place, { bytes, reader, serial }] of this.#rescued) {
      if (reader.serial === serial) continue;
      this.#rescued.delete(place);
      this.#rescuedBytes -= bytes.length;
    }
  }

  /** Keeps the first bytes of an array, at most a window's: their place. */
  keep(from: Uint8Array, length: number, reader: Reader): number {
    const place = this.place(length, reader);
    copyBytes(from, 0, this.bytes, this.at(place), length);
    return place;
  }

  /** Where in the memory a place is. */
  at(place: number): number {
    return place % SIZE;
  }

  /** A copy of what was kept there; null: it is not there any more. */
  copyOf(place: number, length: number): Uint8Array | null {
    const rescued = this.#rescued.get(place);
    if (rescued !== undefined) return rescued.bytes.slice(0, length);
    if (this.#next - place > SIZE) return null;
    const at = place % SIZE;
    return this.bytes.slice(at, at + length);
  }
}
