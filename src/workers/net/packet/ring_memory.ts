// Memory that a packet socket's ring has in common with whoever maps it: a memfd, which holds nothing else (F1). The kernel
// thread writes and reads it by host calls; what it reads of it is a guest's, and decides nothing but whether a frame or a
// block is free.
//
// Behind what is mapped stands a page with one word: the place of the status that tells whether there is something to read,
// for the kernel thread that answers polls.

import type { Native } from "../../native.ts";

const PAGE_SIZE = 4096;

export class RingMemory {
  readonly size: number;
  readonly fd: number;
  readonly #native: Native;

  private constructor(native: Native, fd: number, size: number) {
    this.#native = native;
    this.fd = fd;
    this.size = size;
  }

  /** A negative errno: there is none to be had. */
  static make(native: Native, size: number): RingMemory | number {
    const fd = native.memfdCreate(size + PAGE_SIZE);
    return fd < 0 ? fd : new RingMemory(native, fd, size);
  }

  write(at: number, bytes: Uint8Array): void {
    const { scratch } = this.#native;
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + scratch.length);
      scratch.set(part);
      this.#native.pwriteScratch(this.fd, part.length, at + done);
      done += part.length;
    }
  }

  writeWord(at: number, word: number): void {
    this.#native.scratchView.setUint32(0, word >>> 0, true);
    this.#native.pwriteScratch(this.fd, 4, at);
  }

  /** Says where the status stands that polls look at. */
  tellStatusAt(at: number): void {
    this.writeWord(this.size, at);
  }

  readWord(at: number): number {
    return readWord(this.#native, this.fd, at);
  }

  close(): void {
    this.#native.close(this.fd);
  }
}

/** 0 where it cannot be read. */
function readWord(native: Native, fd: number, at: number): number {
  return native.preadScratch(fd, 0, 4, at) === 4 ? native.scratchView.getUint32(0, true) : 0;
}

/** Whether there is something to read in the ring of a memfd, as its owner says. */
export function isRingReadable(native: Native, fd: number, size: number): boolean {
  const at = readWord(native, fd, size);
  return at % 4 === 0 && at < size && readWord(native, fd, at) !== 0;
}
