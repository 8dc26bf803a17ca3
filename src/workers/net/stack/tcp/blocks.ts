// The memory of what waits to be sent, acknowledged or read: blocks of one size, numbered, from slabs that are taken as
// they are first needed; all connections of a stack together hold no more than its bounds say (net.ipv4.tcp_mem). A block
// may be held by several: by the sender who may have to send it again, by what is under way to a receiver of the same stack,
// and by that receiver. It is written to by nobody then (isShared), and given back when the last of them does so.

import { LentBlocks } from "./lent_blocks.ts";

/** Bytes of a block, as a power of two. */
export const BLOCK_SHIFT = 12;
export const BLOCK = 1 << BLOCK_SHIFT;
const SLAB_SHIFT = 6;
/** Slabs that stay when nobody has a block: 16 MiB. What was more goes back. */
const SLABS_KEPT = 64;
const SLAB_MASK = (1 << SLAB_SHIFT) - 1;

export class BlockPool {
  /** Of all connections, in blocks; under pressure from `pressure` on, until fewer than `low` are used. */
  low = 0;
  pressure = 0;
  max = 0;
  used = 0;
  /** Wishes that were refused. */
  refused = 0;
  isUnderPressure = false;
  readonly #slabs: Uint8Array[] = [];
  readonly #free: number[] = [];
  /** Of each block, how many hold it. */
  readonly #holders: number[] = [];
  readonly #unlent: LentBlocks[] = [];

  constructor(maxBytes: number) {
    this.bound(maxBytes);
  }

  /** All connections together may have so many bytes from now on. */
  bound(maxBytes: number): void {
    this.max = maxBytes >> BLOCK_SHIFT;
    this.pressure = (this.max * 3) >> 2;
    this.low = this.max >> 1;
  }

  /** Bytes that were taken, whether or not they are used. */
  get madeBytes(): number {
    return this.#slabs.length << (SLAB_SHIFT + BLOCK_SHIFT);
  }

  /** -1: there are no more, unless it must be. */
  take(isForced = false): number {
    if (!this.charge(1, isForced)) return -1;
    if (this.#free.length === 0) this.#grow();
    const block = this.#free.pop()!;
    this.#holders[block] = 1;
    return block;
  }

  put(block: number): void {
    if (--this.#holders[block]! > 0) return;
    this.#free.push(block);
    this.#less(1);
  }

  /** One more holds it. */
  share(block: number): void {
    this.#holders[block]!++;
  }

  isShared(block: number): boolean {
    return this.#holders[block]! > 1;
  }

  /** What a packet is lent, empty. */
  lending(): LentBlocks {
    return this.#unlent.pop() ?? new LentBlocks(this);
  }

  wasLent(lent: LentBlocks): void {
    this.#unlent.push(lent);
  }

  /** Memory of any kind, worth so many blocks, is taken: false: there is none, unless it must be. */
  charge(blocks: number, isForced: boolean): boolean {
    if (blocks > 0 && this.used + blocks > this.max && !isForced) {
      this.refused++;
      return false;
    }
    this.used += blocks;
    if (this.used > this.pressure) this.isUnderPressure = true;
    return true;
  }

  /** It is given back. */
  discharge(blocks: number): void {
    if (blocks > 0) this.#less(blocks);
  }

  #less(blocks: number): void {
    this.used -= blocks;
    if (this.isUnderPressure && this.used < this.low) this.isUnderPressure = false;
    if (this.used === 0 && this.#slabs.length > SLABS_KEPT) {
      this.#slabs.length = 0;
      this.#free.length = 0;
      this.#holders.length = 0;
    }
  }

  #grow(): void {
    const first = this.#slabs.length << SLAB_SHIFT;
    this.#slabs.push(new Uint8Array(BLOCK << SLAB_SHIFT));
    for (let i = 0; i <= SLAB_MASK; i++) this.#holders.push(0);
    for (let i = SLAB_MASK; i >= 0; i--) this.#free.push(first + i);
  }

  /** The slab that a block lies in, and where in it. */
  slabOf(block: number): Uint8Array {
    return this.#slabs[block >> SLAB_SHIFT]!;
  }

  offsetOf(block: number): number {
    return (block & SLAB_MASK) << BLOCK_SHIFT;
  }
}
