// A stretch of a stream by sequence numbers, in blocks: what was written and is not acknowledged yet, or what came in and
// was not read yet, with holes where segments are missing. It holds blocks for what was written alone. Blocks begin at
// multiples of their size in sequence numbers, so that two ends of a connection in one stack can hold the same ones.

import { copyBytes } from "../../../../shared/copy_bytes.ts";
import type { Lent, Packet } from "../packet.ts";
import type { Pieces } from "../pieces.ts";
import { BLOCK, BLOCK_SHIFT, type BlockPool } from "./blocks.ts";

const BLOCK_MASK = BLOCK - 1;
const HOLE = -1;
const RING_MIN = 4;
/** So many slots of a ring, holes among them, are as much memory as a block: 512. */
const SLOTS_SHIFT = 9;

/** Of who has no blocks. */
const NO_RING: number[] = [];

export class ByteBuffer {
  readonly #pool: BlockPool;
  /** Blocks in a ring, from #first on; a power of two. */
  #ring = NO_RING;
  #first = 0;
  #count = 0;
  /** The number of the first byte that is kept, which is in the first block. */
  #start = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** An empty stretch that begins there. */
  reset(start: number): void {
    this.releaseAll();
    this.#start = start;
  }

  // Where that number stands, counted from the beginning of the first block.
  #positionOf(seq: number): number {
    return (this.#start & BLOCK_MASK) + ((seq - this.#start) | 0);
  }

  #blockAt(index: number): number {
    return this.#ring[(this.#first + index) & (this.#ring.length - 1)]!;
  }

  // Room for so many blocks; new ones are holes. False: there is no memory for so long a ring.
  #extend(count: number, isForced: boolean): boolean {
    if (count > this.#ring.length) {
      let size = Math.max(RING_MIN, this.#ring.length);
      while (size < count) size *= 2;
      const more = (size >> SLOTS_SHIFT) - (this.#ring.length >> SLOTS_SHIFT);
      if (!this.#pool.charge(more, isForced)) return false;
      const ring = new Array<number>(size).fill(HOLE);
      for (let i = 0; i < this.#count; i++) ring[i] = this.#blockAt(i);
      this.#ring = ring;
      this.#first = 0;
    }
    const mask = this.#ring.length - 1;
    for (; this.#count < count; this.#count++) this.#ring[(this.#first + this.#count) & mask] = HOLE;
    return true;
  }

  /**
   * Bytes from there on; how many found room: fewer than there are if memory ends, if forced at least a block's. What of
   * them is lent stands in its blocks.
   */
  write(
    seq: number,
    source: Uint8Array,
    from: number,
    length: number,
    isForced = false,
    lent: Lent | null = null,
  ): number {
    const pool = this.#pool;
    const position = this.#positionOf(seq);
    if (!this.#extend((position + length + BLOCK_MASK) >> BLOCK_SHIFT, isForced)) return 0;
    const mask = this.#ring.length - 1;
    let done = 0;
    while (done < length) {
      const at = position + done;
      const place = (this.#first + (at >> BLOCK_SHIFT)) & mask;
      const inside = at & BLOCK_MASK;
      const piece = Math.min(BLOCK - inside, length - done);
      const lentBlock = lent === null ? HOLE : lent.blockAt(from + done);
      if (lentBlock !== HOLE && piece === BLOCK && this.#ring[place] === HOLE) {
        pool.share(lentBlock);
        this.#ring[place] = lentBlock;
        done += piece;
        continue;
      }
      const block = this.#blockToWrite(place, isForced && done === 0);
      if (block < 0) break;
      const to = pool.offsetOf(block) + inside;
      if (lentBlock === HOLE) copyBytes(source, from + done, pool.slabOf(block), to, piece);
      else
        copyBytes(pool.slabOf(lentBlock), pool.offsetOf(lentBlock) + inside, pool.slabOf(block), to, piece);
      done += piece;
    }
    return done;
  }

  // The block of a place of the ring, to write to; -1: there is no memory.
  #blockToWrite(place: number, isForced: boolean): number {
    const pool = this.#pool;
    const old = this.#ring[place]!;
    if (old !== HOLE && !pool.isShared(old)) return old;
    const block = pool.take(isForced);
    if (block < 0) return block;
    if (old !== HOLE) {
      copyBytes(pool.slabOf(old), pool.offsetOf(old), pool.slabOf(block), pool.offsetOf(block), BLOCK);
      pool.put(old);
    }
    this.#ring[place] = block;
    return block;
  }

  /** Room for bytes from there on, which others write: how many of them have it. */
  reserve(seq: number, length: number, pieces: Pieces): number {
    const pool = this.#pool;
    const position = this.#positionOf(seq);
    if (!this.#extend((position + length + BLOCK_MASK) >> BLOCK_SHIFT, false)) return 0;
    const mask = this.#ring.length - 1;
    let done = 0;
    while (done < length) {
      const at = position + done;
      const block = this.#blockToWrite((this.#first + (at >> BLOCK_SHIFT)) & mask, false);
      if (block < 0) break;
      const inside = at & BLOCK_MASK;
      const piece = Math.min(BLOCK - inside, length - done);
      pieces.add(pool.slabOf(block), pool.offsetOf(block) + inside, piece);
      done += piece;
    }
    return done;
  }

  /** Bytes that were written there. */
  read(seq: number, target: Uint8Array, to: number, length: number): void {
    const pool = this.#pool;
    const position = this.#positionOf(seq);
    for (let done = 0; done < length; ) {
      const at = position + done;
      const block = this.#blockAt(at >> BLOCK_SHIFT);
      const inside = at & BLOCK_MASK;
      const piece = Math.min(BLOCK - inside, length - done);
      const from = pool.offsetOf(block) + inside;
      copyBytes(pool.slabOf(block), from, target, to + done, piece);
      done += piece;
    }
  }

  /** Where bytes that were written there stand. */
  look(seq: number, length: number, pieces: Pieces): void {
    const pool = this.#pool;
    const position = this.#positionOf(seq);
    for (let done = 0; done < length; ) {
      const at = position + done;
      const block = this.#blockAt(at >> BLOCK_SHIFT);
      const inside = at & BLOCK_MASK;
      const piece = Math.min(BLOCK - inside, length - done);
      pieces.add(pool.slabOf(block), pool.offsetOf(block) + inside, piece);
      done += piece;
    }
  }

  /** Bytes that were written there, to a packet that goes to this stack itself: whole blocks of them are lent to it. */
  lend(seq: number, packet: Packet, length: number): void {
    const pool = this.#pool;
    const lent = pool.lending();
    packet.lent = lent;
    const position = this.#positionOf(seq);
    for (let done = 0; done < length; ) {
      const at = position + done;
      const block = this.#blockAt(at >> BLOCK_SHIFT);
      const inside = at & BLOCK_MASK;
      const piece = Math.min(BLOCK - inside, length - done);
      const to = packet.head + done;
      if (piece === BLOCK) lent.add(block, to);
      else copyBytes(pool.slabOf(block), pool.offsetOf(block) + inside, packet.bytes, to, piece);
      done += piece;
    }
  }

  /** What stands before that number is not needed any more; `end` is where what was written ends. */
  trim(seq: number, end: number): void {
    if (seq === end) {
      this.reset(seq);
      return;
    }
    const position = this.#positionOf(seq);
    const gone = Math.min(position >> BLOCK_SHIFT, this.#count);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < gone; i++) {
      const block = this.#ring[(this.#first + i) & mask]!;
      if (block !== HOLE) this.#pool.put(block);
    }
    this.#first = (this.#first + gone) & mask;
    this.#count -= gone;
    this.#start = seq;
  }

  /** What was written from there on is not needed: its blocks are given back, but for the one that it begins in. */
  cut(seq: number): void {
    const position = this.#positionOf(seq);
    const kept = Math.min((position + BLOCK_MASK) >> BLOCK_SHIFT, this.#count);
    const mask = this.#ring.length - 1;
    for (let i = kept; i < this.#count; i++) {
      const block = this.#ring[(this.#first + i) & mask]!;
      if (block !== HOLE) this.#pool.put(block);
    }
    this.#count = kept;
  }

  releaseAll(): void {
    for (let i = 0; i < this.#count; i++) {
      const block = this.#blockAt(i);
      if (block !== HOLE) this.#pool.put(block);
    }
    this.#count = 0;
    this.#first = 0;
    this.#pool.discharge(this.#ring.length >> SLOTS_SHIFT);
    if (this.#ring.length > RING_MIN) this.#ring = NO_RING;
  }
}
