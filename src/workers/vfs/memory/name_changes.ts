// Names of a directory that differ from what the lower directory has: own names, and lower names that are
// not to be seen, because they were removed (Linux's overlayfs makes whiteouts for them), moved away, or
// lie under an own name. A directory without a lower one has own names alone.

import type { Counters } from "../../counters.ts";
import type { MemoryInode } from "./memory_inode.ts";

/** What an entry of a map costs beside the name. */
const ENTRY_BYTES = 64;

export class NameChanges {
  readonly #own = new Map<string, MemoryInode>();
  #hidden: Set<string> | null = null;
  readonly #counters: Counters;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Bytes that a new name takes of the kernel's heap. */
  static costOf(name: string): number {
    return ENTRY_BYTES + name.length;
  }

  #count(name: string, sign: number): void {
    this.#counters.strings += sign * NameChanges.costOf(name);
  }

  /** The directory is gone. */
  release(): void {
    for (const name of this.#own.keys()) this.#count(name, -1);
    for (const name of this.#hidden ?? []) this.#count(name, -1);
    this.#own.clear();
    this.#hidden = null;
  }

  /** Own names. */
  get size(): number {
    return this.#own.size;
  }

  own(): IterableIterator<[string, MemoryInode]> {
    return this.#own.entries();
  }

  get(name: string): MemoryInode | undefined {
    return this.#own.get(name);
  }

  /** Whether a lower entry of that name would be seen. */
  showsLower(name: string): boolean {
    return !this.#own.has(name) && this.#hidden?.has(name) !== true;
  }

  /** Enters a name; `hidesLower`: the lower directory has it too, and it was seen until now. */
  set(name: string, node: MemoryInode, hidesLower: boolean): void {
    if (hidesLower) this.hide(name);
    if (!this.#own.has(name)) this.#count(name, 1);
    this.#own.set(name, node);
  }

  /** Takes an own name away, or hides a lower one. */
  remove(name: string): void {
    if (this.#own.delete(name)) this.#count(name, -1);
    else this.hide(name);
  }

  hide(name: string): void {
    this.#hidden ??= new Set();
    if (this.#hidden.has(name)) return;
    this.#hidden.add(name);
    this.#count(name, 1);
  }
}
