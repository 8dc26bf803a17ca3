// Where bytes of a stream stand in memory, piece by piece: what is copied to and from guest memory without a buffer between.

export class Pieces {
  count = 0;
  /** What each lies in, from where on, and how long it is. */
  readonly arrays: Uint8Array[] = [];
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];

  clear(): void {
    this.count = 0;
  }

  /** The next piece; one that follows the last in memory makes it longer. */
  add(array: Uint8Array, offset: number, length: number): void {
    const last = this.count - 1;
    if (last >= 0 && this.arrays[last] === array && this.offsets[last]! + this.lengths[last]! === offset) {
      this.lengths[last]! += length;
      return;
    }
    this.arrays[this.count] = array;
    this.offsets[this.count] = offset;
    this.lengths[this.count] = length;
    this.count++;
  }
}
