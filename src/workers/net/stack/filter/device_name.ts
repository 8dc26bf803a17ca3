// A device's name as rules compare it: the bytes of IFNAMSIZ as four words, 0 behind its end.

import type { NetDevice } from "../device.ts";

export class NameWords {
  #text = "";
  #w0 = 0;
  #w1 = 0;
  #w2 = 0;
  #w3 = 0;

  /** No device has a name of nothing. */
  readDevice(device: NetDevice | null): void {
    const text = device === null ? "" : device.name;
    if (text === this.#text) return;
    this.#text = text;
    this.#w0 = wordOf(text, 0);
    this.#w1 = wordOf(text, 4);
    this.#w2 = wordOf(text, 8);
    this.#w3 = wordOf(text, 12);
  }

  readBytes(bytes: Buffer, at: number): void {
    this.#w0 = bytes.readInt32LE(at);
    this.#w1 = bytes.readInt32LE(at + 4);
    this.#w2 = bytes.readInt32LE(at + 8);
    this.#w3 = bytes.readInt32LE(at + 12);
  }

  /** Puts the bytes there. */
  store(view: DataView, to: number): void {
    view.setInt32(to, this.#w0, true);
    view.setInt32(to + 4, this.#w1, true);
    view.setInt32(to + 8, this.#w2, true);
    view.setInt32(to + 12, this.#w3, true);
  }

  get isNothing(): boolean {
    return (this.#w0 | this.#w1 | this.#w2 | this.#w3) === 0;
  }

  /** Whether it is that one where the mask has bits. */
  equals(name: NameWords, mask: NameWords): boolean {
    return (
      ((this.#w0 ^ name.#w0) & mask.#w0) === 0 &&
      ((this.#w1 ^ name.#w1) & mask.#w1) === 0 &&
      ((this.#w2 ^ name.#w2) & mask.#w2) === 0 &&
      ((this.#w3 ^ name.#w3) & mask.#w3) === 0
    );
  }
}

function wordOf(text: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < text.length; i++) word |= text.charCodeAt(at + i) << (8 * i);
  return word;
}
