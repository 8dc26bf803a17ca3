// Extended attributes of one node of a memory file system (xattr(7)): bounded, and counted against the
// file system's space. Which names a task may use is decided by the calls (xattr_calls.ts).

import { EEXIST, ENODATA, ENOSPC } from "../../../shared/abi/errno.ts";
import { XATTR_CREATE, XATTR_LIST_MAX, XATTR_REPLACE, XATTR_SIZE_MAX } from "../../../shared/abi/fcntl.ts";
import type { Space } from "./file_data.ts";

/** Names and values of a node together; a list of the names always fits XATTR_LIST_MAX. */
const BYTES_MAX = 2 * XATTR_SIZE_MAX;

export class Xattrs {
  readonly #space: Space;
  readonly #values = new Map<string, string>();
  #bytes = 0;
  #nameBytes = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  get(name: string): string | number {
    return this.#values.get(name) ?? -ENODATA;
  }

  set(name: string, value: string, flags: number): number {
    const before = this.#values.get(name);
    if ((flags & XATTR_CREATE) !== 0 && before !== undefined) return -EEXIST;
    if ((flags & XATTR_REPLACE) !== 0 && before === undefined) return -ENODATA;
    const nameGrowth = before === undefined ? name.length + 1 : 0;
    const growth = nameGrowth + value.length - (before?.length ?? 0);
    if (this.#bytes + growth > BYTES_MAX || this.#nameBytes + nameGrowth > XATTR_LIST_MAX) return -ENOSPC;
    if (!this.#space.take(growth)) return -ENOSPC;
    this.#bytes += growth;
    this.#nameBytes += nameGrowth;
    this.#values.set(name, value);
    return 0;
  }

  remove(name: string): number {
    const value = this.#values.get(name);
    if (value === undefined) return -ENODATA;
    this.#values.delete(name);
    this.#nameBytes -= name.length + 1;
    this.#bytes -= name.length + 1 + value.length;
    this.#space.take(-(name.length + 1 + value.length));
    return 0;
  }

  release(): void {
    this.#values.clear();
    this.#space.take(-this.#bytes);
    this.#bytes = 0;
    this.#nameBytes = 0;
  }
}
