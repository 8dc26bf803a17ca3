// Names of a directory that differ from what the lower directory has: own names, and lower names that are
// not to be seen, because they were removed (Linux's overlayfs makes whiteouts for them), moved away, or
// lie under an own name. A directory without a lower one has own names alone.

import type { MemoryInode } from "./memory_inode.ts";

export class NameChanges {
  readonly #own = new Map<string, MemoryInode>();
  #hidden: Set<string> | null = null;

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
    this.#own.set(name, node);
  }

  /** Takes an own name away, or hides a lower one. */
  remove(name: string): void {
    if (!this.#own.delete(name)) this.hide(name);
  }

  hide(name: string): void {
    this.#hidden ??= new Set();
    this.#hidden.add(name);
  }
}
