// Guest SAB: the one shared WebAssembly.Memory of a process that memfds are mapped over, and the
// views through which a kernel thread reads and writes it. 4 096 places of 1 MiB: chunks, and the
// kernel page at the last one. Native code maps the memfds; nothing here does.
//
// A collected WebAssembly.Memory is unmapped together with what was mapped over it, so whoever
// makes it keeps it for ever. A place that was never mapped reads as zero; what is written there
// stays in the Sentry.
//
// Whatever a stub can write changes under the reader's hands: read a field once into a local.

import { CHUNK_SIZE, CHUNK_SLOTS, SLOT_SIZE } from "./layout.ts";
import { CHUNK_PLACES } from "./private_sab.ts";

const PAGES = (CHUNK_PLACES * CHUNK_SIZE) / 65536;
const SLOT_WORD_SHIFT = 15; // log2(SLOT_SIZE / 4)
const CHUNK_WORD_SHIFT = 18; // log2(CHUNK_SIZE / 4)
const CHUNK_SLOT_SHIFT = 3; // log2(CHUNK_SLOTS)

if (SLOT_SIZE >>> 2 !== 1 << SLOT_WORD_SHIFT || CHUNK_SIZE >>> 2 !== 1 << CHUNK_WORD_SHIFT) {
  throw new Error("guest_memory: shifts do not fit the layout");
}
if (CHUNK_SLOTS !== 1 << CHUNK_SLOT_SHIFT)
  throw new Error("guest_memory: slot shift does not fit the layout");

/** Number of a slot in the whole guest SAB; indexes claims and last sequences. */
export function slotNumber(chunk: number, slot: number): number {
  return (chunk << CHUNK_SLOT_SHIFT) | slot;
}

export function chunkOfSlot(number: number): number {
  return number >>> CHUNK_SLOT_SHIFT;
}

export function slotInChunk(number: number): number {
  return number & (CHUNK_SLOTS - 1);
}

/** Index into GuestMemory.words of a slot's first word; at most 2^30, so it stays a small integer. */
export function slotWord(number: number): number {
  return number << SLOT_WORD_SHIFT;
}

/** Index into GuestMemory.words of a chunk's first word. */
export function chunkWord(chunk: number): number {
  return chunk << CHUNK_WORD_SHIFT;
}

/** Makes the memory. Once a process, and the result must stay referenced as long as it lives. */
export function createGuestMemory(): WebAssembly.Memory {
  // Of what a memory has when it is made V8 thinks that it fills the heap, and collects garbage at once (6 ms); not so of
  // what it grows by. It stays in its place.
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGES, shared: true });
  memory.grow(PAGES - 1);
  return memory;
}

export class GuestMemory {
  /** What is posted to another worker; it makes its own GuestMemory from it. */
  readonly buffer: SharedArrayBuffer;
  /** All of it as words. Byte offsets pass 2^31, word indexes do not. */
  readonly words: Int32Array;
  readonly #bytes: (Uint8Array | undefined)[];

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.#bytes = new Array<Uint8Array | undefined>(CHUNK_PLACES).fill(undefined);
  }

  /** Byte view of one chunk, made at its first use by this thread and kept: offsets stay small. */
  chunkBytes(chunk: number): Uint8Array {
    const view = this.#bytes[chunk];
    return view !== undefined ? view : this.#open(chunk);
  }

  /** Drops this thread's view of a chunk that is gone. */
  forgetChunk(chunk: number): void {
    this.#bytes[chunk] = undefined;
  }

  #open(chunk: number): Uint8Array {
    const view = new Uint8Array(this.buffer, chunk * CHUNK_SIZE, CHUNK_SIZE);
    this.#bytes[chunk] = view;
    return view;
  }
}
