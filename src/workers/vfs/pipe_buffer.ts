// The bytes of a pipe (pipe(7)): a ring of slots, each a page that a write has filled in part or in
// whole, as Linux counts them. A write adds its odd bytes to the last page if they fit there, then takes
// new slots; so what fits into a pipe depends on how it was written.
//
// The pages lie in one array, so that a run of full pages moves in one copy. Bytes that were read stay
// there until the next read: what could not be delivered comes back (docs/hardening.md, F20).

import { copyBytes } from "../../shared/copy_bytes.ts";

export const PAGE = 4096;

/** The slot is a packet (O_DIRECT): a read takes it alone, and all of it. */
const PACKET = 1;

export class PipeBuffer {
  /** How many slots may be in use. */
  #slots: number;
  /** The pages, and per page: where its bytes begin, how many they are, PACKET. A power of two of them. */
  #memory = new Uint8Array(0);
  #offsets = new Uint16Array(0);
  #lengths = new Uint16Array(0);
  #flags = new Uint8Array(0);
  /** Index of the oldest slot in use; slots in use. */
  #first = 0;
  #used = 0;
  /** Slots before the oldest that the last read has emptied; bytes it took of the oldest, which it has not. */
  #taken = 0;
  #takenPartly = 0;
  #bytes = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get slots(): number {
    return this.#slots;
  }

  get used(): number {
    return this.#used;
  }

  get full(): boolean {
    return this.#used >= this.#slots;
  }

  get empty(): boolean {
    return this.#used === 0;
  }

  /** Bytes that a read would find, in one or more reads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Pages that it has of the kernel's memory, whether or not they are in use. */
  get held(): number {
    return this.#offsets.length;
  }

  /** Whether a write of that length may make it hold more. */
  mayGrow(length: number): boolean {
    return !this.#hasRoomFor(Math.min(Math.ceil(length / PAGE) + 1, this.#slots - this.#used));
  }

  /** Bytes that fit for sure. */
  get room(): number {
    return Math.max(0, this.#slots - this.#used) * PAGE;
  }

  /** Changes the number of slots; the caller has checked that those in use fit. */
  resize(slots: number): void {
    this.#slots = slots;
  }

  /** Its last end is closed: nobody reads or writes any more. */
  release(): void {
    this.#memory = new Uint8Array(0);
    this.#offsets = new Uint16Array(0);
    this.#lengths = new Uint16Array(0);
    this.#flags = new Uint8Array(0);
    this.#used = 0;
    this.#bytes = 0;
    this.#taken = 0;
    this.#takenPartly = 0;
  }

  /** Takes bytes from the pipe's writer; their number, 0 when there is no room. */
  write(source: Uint8Array, at: number, length: number, packets: boolean): number {
    let done = 0;
    const odd = length & (PAGE - 1);
    if (odd !== 0 && this.#used > 0 && this.#merge(source, at, odd)) done = odd;
    while (done < length && this.#used < this.#slots) {
      const index = this.#append();
      const start = index * PAGE;
      // As many whole pages as lie in a row.
      let run = 1;
      while (
        !packets &&
        length - done >= (run + 1) * PAGE &&
        this.#used + run < this.#slots &&
        index + run < this.#offsets.length &&
        this.#hasRoomFor(run + 1)
      )
        run++;
      const count = run > 1 ? run * PAGE : Math.min(PAGE, length - done);
      copyBytes(source, at + done, this.#memory, start, count);
      for (let page = 0; page < run; page++) {
        this.#offsets[index + page] = 0;
        this.#lengths[index + page] = run > 1 ? PAGE : count;
        this.#flags[index + page] = packets ? PACKET : 0;
      }
      this.#used += run;
      done += count;
    }
    this.#bytes += done;
    return done;
  }

  /** Gives bytes to the pipe's reader; their number, 0 when there are none. Ends with a packet. */
  read(target: Uint8Array, at: number, length: number): number {
    this.#taken = 0;
    this.#takenPartly = 0;
    return this.#copyOut(target, at, length, true);
  }

  // ---- Runs: what moves between the pages and guest memory without the window ----

  /** The pages' bytes, for the runs that follow. */
  get memory(): Uint8Array {
    return this.#memory;
  }

  /** Bytes of the run that runToFill or runToRead has found. */
  run = 0;

  /** Where the odd bytes of a write of that length go that come first, behind the last page's: how many in `run`. */
  runToMerge(length: number): number {
    const odd = length & (PAGE - 1);
    this.run = 0;
    if (odd === 0 || this.#used === 0) return 0;
    const index = this.#index(this.#used - 1);
    if (!this.#mergesWith(index, odd)) return 0;
    this.run = odd;
    return index * PAGE + this.#offsets[index]! + this.#lengths[index]!;
  }

  /** All of that run has been written. */
  merged(): void {
    this.#lengths[this.#index(this.#used - 1)]! += this.run;
    this.#bytes += this.run;
  }

  /** Where whole pages of a write of that length go that lie in a row: how many bytes in `run`. */
  runToFill(length: number): number {
    const whole = Math.min((length - (length & (PAGE - 1))) / PAGE, this.#slots - this.#used);
    this.run = 0;
    if (whole <= 0) return 0;
    while (!this.#hasRoomFor(whole)) this.#grow();
    const index = this.#index(this.#used);
    this.run = Math.min(whole, this.#offsets.length - index) * PAGE;
    return index * PAGE;
  }

  /** The first `length` bytes of the run, whole pages, have been written. */
  filled(length: number): void {
    for (let done = 0; done < length; done += PAGE) {
      const index = this.#index(this.#used++);
      this.#offsets[index] = 0;
      this.#lengths[index] = PAGE;
      this.#flags[index] = 0;
    }
    this.#bytes += length;
  }

  /** Where the oldest bytes are, up to `length` that lie in a row: how many in `run`, none of a packet's. */
  runToRead(length: number): number {
    this.run = 0;
    if (this.#used === 0) return 0;
    const from = this.#first * PAGE + this.#offsets[this.#first]!;
    let end = from;
    for (let slot = 0; slot < this.#used; slot++) {
      const index = this.#index(slot);
      const start = index * PAGE + this.#offsets[index]!;
      if (start !== end || this.#flags[index] === PACKET || end - from >= length) break;
      end += this.#lengths[index]!;
    }
    this.run = Math.min(length, end - from);
    return from;
  }

  /** Drops bytes that were looked at. */
  skip(length: number): void {
    this.#taken = 0;
    this.#takenPartly = 0;
    this.#copyOut(null, 0, length, true);
  }

  /** As read, but the bytes stay (tee, MSG_PEEK's like). */
  peek(target: Uint8Array, at: number, length: number): number {
    return this.#copyOut(target, at, length, false);
  }

  #copyOut(target: Uint8Array | null, at: number, length: number, take: boolean): number {
    let done = 0;
    let slot = 0;
    let from = -1;
    let end = -1;
    let copied = 0;
    while (done < length && slot < this.#used) {
      const index = this.#index(slot);
      const start = index * PAGE + this.#offsets[index]!;
      const part = Math.min(this.#lengths[index]!, length - done);
      if (start !== end) {
        if (end > from && target !== null) copyBytes(this.#memory, from, target, at + copied, end - from);
        copied = done;
        from = start;
      }
      end = start + part;
      done += part;
      const packet = this.#flags[index] === PACKET;
      if (take) {
        const left = this.#lengths[index]! - part;
        if (packet && left > 0) this.#bytes -= left;
        if (left > 0 && !packet) {
          this.#offsets[index]! += part;
          this.#lengths[index] = left;
          this.#takenPartly = part;
        } else slot++;
      } else slot++;
      if (packet) break;
    }
    if (end > from && target !== null) copyBytes(this.#memory, from, target, at + copied, end - from);
    if (take) {
      this.#bytes -= done;
      this.#first = this.#index(slot);
      this.#used -= slot;
      this.#taken = slot;
    }
    return done;
  }

  /**
   * Of the last read only `delivered` bytes arrived: takes the rest back, whole pages of it, as Linux does,
   * which lets go of a page only when all of it has arrived. The bytes that count as read.
   */
  putBack(delivered: number): number {
    if (this.#offsets.length === 0) return delivered; // released meanwhile
    const mask = this.#offsets.length - 1;
    if (this.#takenPartly > 0) {
      this.#offsets[this.#first]! -= this.#takenPartly;
      this.#lengths[this.#first]! += this.#takenPartly;
      this.#bytes += this.#takenPartly;
      this.#takenPartly = 0;
    }
    // The lengths of emptied slots still stand there.
    let gone = 0;
    let kept = 0;
    while (gone < this.#taken) {
      const length = this.#lengths[(this.#first - this.#taken + gone) & mask]!;
      if (kept + length > delivered) break;
      kept += length;
      gone++;
    }
    for (let slot = gone; slot < this.#taken; slot++) {
      this.#first = (this.#first - 1) & mask;
      this.#used++;
      this.#bytes += this.#lengths[this.#first]!;
    }
    this.#taken = 0;
    return kept;
  }

  #index(slot: number): number {
    return (this.#first + slot) & (this.#offsets.length - 1);
  }

  // The odd bytes of a write go behind the last page's, if it has room for all of them.
  #merge(source: Uint8Array, at: number, odd: number): boolean {
    const index = this.#index(this.#used - 1);
    if (!this.#mergesWith(index, odd)) return false;
    const end = this.#offsets[index]! + this.#lengths[index]!;
    copyBytes(source, at, this.#memory, index * PAGE + end, odd);
    this.#lengths[index]! += odd;
    return true;
  }

  #mergesWith(index: number, odd: number): boolean {
    return this.#flags[index] !== PACKET && this.#offsets[index]! + this.#lengths[index]! + odd <= PAGE;
  }

  // Index of the next slot to fill; the pages grow with the use that is made of the pipe.
  #append(): number {
    if (!this.#hasRoomFor(1)) this.#grow();
    return this.#index(this.#used);
  }

  #hasRoomFor(slots: number): boolean {
    return this.#used + this.#taken + slots <= this.#offsets.length;
  }

  #grow(): void {
    const count = this.#offsets.length;
    const larger = Math.max(2, count * 2);
    const memory = new Uint8Array(larger * PAGE);
    const offsets = new Uint16Array(larger);
    const lengths = new Uint16Array(larger);
    const flags = new Uint8Array(larger);
    const start = this.#first - this.#taken;
    for (let slot = 0; slot < this.#taken + this.#used; slot++) {
      const index = (start + slot) & (count - 1);
      memory.set(this.#memory.subarray(index * PAGE, (index + 1) * PAGE), slot * PAGE);
      offsets[slot] = this.#offsets[index]!;
      lengths[slot] = this.#lengths[index]!;
      flags[slot] = this.#flags[index]!;
    }
    this.#first = this.#taken;
    this.#memory = memory;
    this.#offsets = offsets;
    this.#lengths = lengths;
    this.#flags = flags;
  }
}
