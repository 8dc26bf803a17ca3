// Where a symlink of a memory file system points to: long targets lie off the kernel's heap, and count
// against the file system's space as contents do (as on tmpfs, which gives them pages).

import type { MemoryFs } from "./memory_fs.ts";

/** Linux's SHORT_SYMLINK_LEN: shorter ones come with the inode. */
const SHORT = 128;
/** What a buffer costs on the heap. */
const BUFFER_BYTES = 320;

export class LinkTarget {
  readonly length: number;
  readonly #fs: MemoryFs;
  readonly #text: string | Buffer;

  private constructor(fs: MemoryFs, text: string | Buffer) {
    this.#fs = fs;
    this.#text = text;
    this.length = text.length;
    fs.kernel.counters.strings += this.#onHeap;
  }

  /** Null: there is no room. */
  static make(fs: MemoryFs, target: string): LinkTarget | null {
    const isShort = target.length < SHORT;
    if (!fs.kernel.heap.hasRoom("strings", isShort ? target.length : BUFFER_BYTES)) return null;
    if (isShort) return new LinkTarget(fs, target);
    if (!fs.take(target.length)) return null;
    const bytes = Buffer.allocUnsafeSlow(target.length);
    bytes.write(target, "latin1");
    return new LinkTarget(fs, bytes);
  }

  get #onHeap(): number {
    return typeof this.#text === "string" ? this.#text.length : BUFFER_BYTES;
  }

  get text(): string {
    return this.#text.toString("latin1");
  }

  release(): void {
    this.#fs.kernel.counters.strings -= this.#onHeap;
    if (typeof this.#text !== "string") this.#fs.take(-this.#text.length);
  }
}
