// How often each call site trapped, in a table of fixed size: each site has two places in it, and when both are taken
// by others it pushes one of them out, which is then counted from the start again. Nothing is allocated here, since
// every trapped call comes by.

import { TWO_32 } from "../../shared/abi/struct.ts";
import { RIP } from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";

const PLACES = 4096;
const WORDS = 4;
const SPACE = 2;
const COUNT = 3;

/** The first of the two places of a site. */
function placeOf(low: number, high: number, space: number): number {
  const key = low ^ Math.imul(high, 0x2545f491) ^ Math.imul(space, 0x85ebca6b);
  return (Math.imul(key, 0x9e3779b1) >>> 20) * WORDS;
}

export interface TrapCount {
  /** Number of the address space (AddressSpace.id). */
  readonly space: number;
  /** Address behind the syscall instruction. */
  readonly rip: number;
  readonly count: number;
}

export class TrapCounts {
  readonly #words = new Int32Array(PLACES * WORDS);

  /** Counts a trapped call, whose registers stand in the slot: how many there were of its site. */
  count(slots: Slots, slot: number, space: number): number {
    const words = this.#words;
    const low = slots.word(slot, RIP);
    const high = slots.word(slot, RIP + 4);
    const first = placeOf(low, high, space);
    const found = this.#find(first, low, high, space);
    if (found >= 0) return ++words[found + COUNT]!;
    const second = first ^ WORDS;
    const at = words[first + COUNT]! <= words[second + COUNT]! ? first : second;
    words[at] = low;
    words[at + 1] = high;
    words[at + SPACE] = space;
    words[at + COUNT] = 1;
    return 1;
  }

  /** What was at that address is gone: it is counted from the start. */
  forget(rip: number, space: number): void {
    const low = rip | 0;
    const high = Math.floor(rip / TWO_32) | 0;
    const at = this.#find(placeOf(low, high, space), low, high, space);
    if (at >= 0) this.#words[at + COUNT] = 0;
  }

  #find(first: number, low: number, high: number, space: number): number {
    const words = this.#words;
    if (words[first] === low && words[first + 1] === high && words[first + SPACE] === space) return first;
    const second = first ^ WORDS;
    if (words[second] === low && words[second + 1] === high && words[second + SPACE] === space) return second;
    return -1;
  }

  /** All that are counted, those that trapped most first. */
  most(): TrapCount[] {
    const all: TrapCount[] = [];
    const words = this.#words;
    for (let at = 0; at < words.length; at += WORDS) {
      const count = words[at + COUNT]!;
      if (count === 0) continue;
      const rip = (words[at + 1]! >>> 0) * TWO_32 + (words[at]! >>> 0);
      all.push({ space: words[at + SPACE]!, rip, count });
    }
    return all.sort((a, b) => b.count - a.count);
  }
}
