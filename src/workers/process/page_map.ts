// Which pages of an address space there are (/proc/PID/pagemap of the host): of memory that nobody has touched
// there is nothing to dump, however long it is.

import { O_DIRECTORY, O_PATH, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { HostContext } from "../platform/host_tasks.ts";
import type { StubProcess } from "../platform/stub_process.ts";

const ENTRY_SIZE = 8;
/** In the high word of an entry: present, swapped; of a file or shared. */
const PRESENT = 0xc0000000;
const OF_FILE = 0x20000000;

export class PageMap {
  readonly #kernel: HostContext;
  readonly #fd: number;
  /** High words of the entries that were read last. */
  readonly #entries: Uint32Array;
  /** Pages that one load covers. */
  readonly span: number;

  constructor({ kernel, pid }: StubProcess) {
    this.#kernel = kernel;
    this.span = kernel.native.scratch.length / ENTRY_SIZE;
    this.#entries = new Uint32Array(this.span);
    const { native, descriptors } = kernel;
    const process = native.openComponent(descriptors.proc, String(pid), O_PATH | O_DIRECTORY);
    this.#fd = process < 0 ? process : native.openComponent(process, "pagemap", O_RDONLY);
    if (process >= 0) native.close(process);
  }

  /** Reads what is known of `count` pages from an address on. Where nothing is known all of them are there. */
  load(address: number, count: number): void {
    const { native } = this.#kernel;
    const position = (address / PAGE_SIZE) * ENTRY_SIZE;
    const n = this.#fd < 0 ? -1 : native.preadScratch(this.#fd, 0, count * ENTRY_SIZE, position);
    if (n < 0) this.#entries.fill(PRESENT);
    else
      for (let i = 0; i < count; i++)
        this.#entries[i] = i * ENTRY_SIZE < n ? native.scratchView.getUint32(i * ENTRY_SIZE + 4, true) : 0;
  }

  isThere(index: number): boolean {
    return (this.#entries[index]! & PRESENT) !== 0;
  }

  /** It is there and the process's own: not a page of a file. */
  isOwn(index: number): boolean {
    return this.isThere(index) && (this.#entries[index]! & OF_FILE) === 0;
  }

  close(): void {
    if (this.#fd >= 0) this.#kernel.native.close(this.#fd);
  }
}
