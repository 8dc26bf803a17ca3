// Lists of places in the kernel's own memory, as the host reads them: struct iovec, one behind the other, in the scratch
// area of a kernel thread. Arrays whose memory is not in V8's heap, as that of all great ones, do not move.

import type { Native } from "./native.ts";

const WORDS = 4;
const WORD = 2 ** 32;

export class Iovecs {
  readonly #native: Pick<Native, "scratchWords" | "addressOf">;
  readonly #addresses = new WeakMap<Uint8Array, number>();

  constructor(native: Pick<Native, "scratchWords" | "addressOf">) {
    this.#native = native;
  }

  /** The list's entry of that number. */
  put(index: number, array: Uint8Array, offset: number, length: number): void {
    let address = this.#addresses.get(array);
    if (address === undefined) {
      address = this.#native.addressOf(array);
      this.#addresses.set(array, address);
    }
    address += offset;
    const words = this.#native.scratchWords;
    const at = index * WORDS;
    words[at] = address | 0;
    words[at + 1] = address / WORD;
    words[at + 2] = length;
    words[at + 3] = 0;
  }
}
