// Extended attributes of one node of a memory file system (xattr(7)): bounded, their values off the kernel's
// heap, and counted against the file system's space. Which names a task may use is decided by the calls
// (xattr_calls.ts).

import { EEXIST, ENODATA, ENOSPC } from "../../../shared/abi/errno.ts";
import { XATTR_CREATE, XATTR_LIST_MAX, XATTR_REPLACE, XATTR_SIZE_MAX } from "../../../shared/abi/fcntl.ts";
import type { MemoryFs } from "./memory_fs.ts";

/** Names and values of a node together; a list of the names always fits XATTR_LIST_MAX. */
const BYTES_MAX = 2 * XATTR_SIZE_MAX;

export class Xattrs {
  readonly #fs: MemoryFs;
  readonly #values = new Map<string, Buffer>();
  #bytes = 0;
  #nameBytes = 0;

  constructor(fs: MemoryFs) {
    this.#fs = fs;
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  get(name: string): string | number {
    return this.#values.get(name)?.toString("latin1") ?? -ENODATA;
  }

  /** The value where it stands; null: there is none. */
  raw(name: string): Buffer | null {
    return this.#values.get(name) ?? null;
  }

  set(name: string, value: string, flags: number): number {
    const before = this.#values.get(name);
    if ((flags & XATTR_CREATE) !== 0 && before !== undefined) return -EEXIST;
    if ((flags & XATTR_REPLACE) !== 0 && before === undefined) return -ENODATA;
    const nameGrowth = before === undefined ? name.length + 1 : 0;
    const growth = nameGrowth + value.length - (before?.length ?? 0);
    if (this.#bytes + growth > BYTES_MAX || this.#nameBytes + nameGrowth > XATTR_LIST_MAX) return -ENOSPC;
    const { heap, counters } = this.#fs.kernel;
    if (before === undefined && !(heap.hasRoom("xattrs") && heap.hasRoom("strings", nameGrowth)))
      return -ENOSPC;
    if (!this.#fs.take(growth)) return -ENOSPC;
    if (before === undefined) counters.xattrs++;
    counters.strings += nameGrowth;
    this.#bytes += growth;
    this.#nameBytes += nameGrowth;
    const bytes = Buffer.allocUnsafeSlow(value.length);
    bytes.write(value, "latin1");
    this.#values.set(name, bytes);
    return 0;
  }

  remove(name: string): number {
    const value = this.#values.get(name);
    if (value === undefined) return -ENODATA;
    this.#values.delete(name);
    this.#gone(1, name.length + 1, value.length);
    return 0;
  }

  release(): void {
    this.#gone(this.#values.size, this.#nameBytes, this.#bytes - this.#nameBytes);
    this.#values.clear();
  }

  #gone(count: number, nameBytes: number, valueBytes: number): void {
    const { counters } = this.#fs.kernel;
    counters.xattrs -= count;
    counters.strings -= nameBytes;
    this.#nameBytes -= nameBytes;
    this.#bytes -= nameBytes + valueBytes;
    this.#fs.take(-(nameBytes + valueBytes));
  }
}
