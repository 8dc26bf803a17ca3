// What open directories that are being read hold in the kernel's memory: bounded over all of them. One that
// has to give its listing up lists again when it is read on, at the same position.

import type { DirectoryFile } from "./directory_file.ts";

const ENTRIES_MAX = 1 << 20;

export class DirectoryListings {
  readonly #limit: number;
  /** Entries of each, in order of age. */
  readonly #held = new Map<DirectoryFile, number>();
  #total = 0;

  constructor(limit = ENTRIES_MAX) {
    this.#limit = limit;
  }

  get total(): number {
    return this.#total;
  }

  add(file: DirectoryFile, entries: number): void {
    for (const other of this.#held.keys()) {
      if (this.#total + entries <= this.#limit) break;
      other.forgetListing();
    }
    this.#held.set(file, entries);
    this.#total += entries;
  }

  remove(file: DirectoryFile): void {
    this.#total -= this.#held.get(file) ?? 0;
    this.#held.delete(file);
  }
}
