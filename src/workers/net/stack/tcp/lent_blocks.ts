// The whole blocks of a send buffer that a packet by loopback goes without: it holds them, and its receiver takes them into
// its own buffer (byte_buffer.ts), so that nobody copies what stays in the same stack. The parts before and behind them are
// copied, as all is that goes elsewhere.

import { copyBytes } from "../../../../shared/copy_bytes.ts";
import type { Lent, Packet } from "../packet.ts";
import { BLOCK, BLOCK_SHIFT, type BlockPool } from "./blocks.ts";

export class LentBlocks implements Lent {
  readonly #pool: BlockPool;
  /** Where the first would stand in the packet's buffer; the others follow. */
  #at = 0;
  #count = 0;
  readonly #blocks: number[] = [];

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** The next block, which would stand there. */
  add(block: number, at: number): void {
    if (this.#count === 0) this.#at = at;
    this.#pool.share(block);
    this.#blocks[this.#count++] = block;
  }

  blockAt(at: number): number {
    const index = (at - this.#at) >> BLOCK_SHIFT;
    return index >= 0 && index < this.#count ? this.#blocks[index]! : -1;
  }

  fill(packet: Packet): void {
    const pool = this.#pool;
    for (let i = 0; i < this.#count; i++) {
      const block = this.#blocks[i]!;
      const at = this.#at + (i << BLOCK_SHIFT);
      copyBytes(pool.slabOf(block), pool.offsetOf(block), packet.bytes, at, BLOCK);
    }
  }

  giveBack(): void {
    const pool = this.#pool;
    for (let i = 0; i < this.#count; i++) pool.put(this.#blocks[i]!);
    this.#count = 0;
    pool.wasLent(this);
  }
}
