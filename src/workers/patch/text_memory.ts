// A stub's text as the kernel reaches it: /proc/PID/mem, which writes where the guest cannot (hardening.md, F11), and
// the page map. Open for the time of one change. What is written is a private page of that process alone: the host
// writes through no protection but that of private mappings.
//
// A guest's threads can make each access wait for as long as the host takes to change page tables of gigabytes. So what
// was waited is added up, and whose text has cost too much of it is not touched any more (F26).

import { ETIMEDOUT } from "../../shared/abi/errno.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY, O_RDWR } from "../../shared/abi/fcntl.ts";
import type { CallContext } from "../call/context.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { Stub } from "../mem/caller.ts";
import type { Native } from "../native.ts";

const PAGE_SIZE = 4096;
const PAGEMAP_ENTRY = 8;
/** A wait that is one, and what an address space may cost in all. */
const WAIT_MS = 10;
const WAITS_MAX_MS = 1000;
/** In the high word of an entry: present; of a file. */
const PRESENT = 0x80000000;
const OF_FILE = 0x20000000;

export class TextMemory {
  readonly #native: Native;
  readonly #directory: number;
  readonly #memory: number;
  readonly #space: AddressSpace;
  #isGone = false;

  constructor({ native, descriptors }: CallContext, { readablePid, space }: Stub) {
    this.#native = native;
    this.#space = space;
    this.#directory = native.openComponent(descriptors.proc, String(readablePid), O_PATH | O_DIRECTORY);
    this.#memory =
      this.#directory < 0 ? this.#directory : this.#native.openComponent(this.#directory, "mem", O_RDWR);
  }

  /** 0, or the negative errno for which there is nothing to be had. */
  get error(): number {
    return Math.min(this.#memory, 0);
  }

  /** Nothing is read or written any more. */
  get isTooSlow(): boolean {
    return this.#space.textWaitMs > WAITS_MAX_MS;
  }

  /** Nobody has this memory any more: the host wrote none of it, which is no error. */
  get isGone(): boolean {
    return this.#isGone;
  }

  #access(access: () => number): number {
    if (this.isTooSlow) return -ETIMEDOUT;
    const native = this.#native;
    const waits = native.waits();
    const began = performance.now();
    const n = access();
    const tookMs = performance.now() - began;
    // Where others ran meanwhile, that was not the guest's doing.
    if (tookMs >= WAIT_MS && native.waits() > waits) this.#space.textWaitMs += tookMs;
    return n;
  }

  /** A copy of `length` bytes, or null. */
  read(address: number, length: number): Uint8Array | null {
    const n = this.#access(() => this.#native.preadScratch(this.#memory, 0, length, address));
    return n === length ? this.#native.scratch.slice(0, length) : null;
  }

  holds(address: number, bytes: Uint8Array): boolean {
    const found = this.read(address, bytes.length);
    return found?.every((byte, index) => byte === bytes[index]) === true;
  }

  /** False where the host refuses, or nothing private is there any more. */
  write(address: number, bytes: Uint8Array): boolean {
    const native = this.#native;
    for (let done = 0; done < bytes.length; ) {
      const rest = bytes.subarray(done);
      native.scratch.set(rest);
      const n = this.#access(() => native.pwriteScratch(this.#memory, rest.length, address + done));
      this.#isGone ||= n === 0;
      if (n <= 0) return false;
      done += n;
    }
    return true;
  }

  /** Whether the page at an address is a page of its file: the process has no copy of its own. */
  isOfFile(address: number): boolean {
    const map = this.#native.openComponent(this.#directory, "pagemap", O_RDONLY);
    if (map < 0) return false;
    const page = Math.floor(address / PAGE_SIZE);
    const n = this.#access(() => this.#native.preadScratch(map, 0, PAGEMAP_ENTRY, page * PAGEMAP_ENTRY));
    this.#native.close(map);
    const high = this.#native.scratchView.getUint32(4, true);
    return n === PAGEMAP_ENTRY && (high & PRESENT) !== 0 && (high & OF_FILE) !== 0;
  }

  close(): void {
    if (this.#memory >= 0) this.#native.close(this.#memory);
    if (this.#directory >= 0) this.#native.close(this.#directory);
  }
}
