// The dentry cache: finding a child of a directory, and keeping what was found within a bound. Least
// recently used dentries without children, mounts or users go first; going means only that the next
// walk asks the file system again.

import { ENOENT, ENOMEM } from "../../shared/abi/errno.ts";
import type { Counters } from "../counters.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { Inode } from "./inode.ts";
import { Dentry } from "./path.ts";

const DEFAULT_LIMIT = 20_000;
/** Candidates for dropping that are looked at when one is added. */
const LOOKS_PER_ADD = 4;

export class DentryCache {
  readonly #counters: Counters;
  readonly #heap: HeapBudget;
  readonly #limit: number;
  /** In order of use, oldest first. */
  readonly #used = new Set<Dentry>();

  constructor(counters: Counters, heap: HeapBudget, limit = DEFAULT_LIMIT) {
    this.#counters = counters;
    this.#heap = heap;
    this.#limit = limit;
  }

  get size(): number {
    return this.#used.size;
  }

  /** The dentry of a name in a directory, its inode null if there is none; or a negative errno other than ENOENT. */
  lookup(directory: Dentry, name: string): Dentry | number {
    const cached = directory.children.get(name);
    const inode = directory.inode!;
    const version = inode.namesVersion();
    if (cached === undefined) return this.#find(directory, name, inode.lookup(name), version);
    const believed = inode.fs.cachesNames && cached.version === version;
    if (!believed && cached.mountedHere === 0)
      return this.#revalidate(directory, cached, inode.lookup(name), version);
    this.#touch(cached);
    return cached;
  }

  #find(directory: Dentry, name: string, found: Inode | number, version: number): Dentry | number {
    if (typeof found === "number" && found !== -ENOENT) return found;
    return this.#add(directory, name, typeof found === "number" ? null : found, version);
  }

  #revalidate(directory: Dentry, cached: Dentry, found: Inode | number, version: number): Dentry | number {
    const before = cached.inode;
    const same = typeof found === "number" ? found === -ENOENT && before === null : before?.isSame(found);
    if (same === true) {
      cached.version = version;
      this.#touch(cached);
      return cached;
    }
    if (typeof found !== "number" || found === -ENOENT) this.drop(cached);
    return this.#find(directory, cached.name, found, version);
  }

  #add(directory: Dentry, name: string, inode: Inode | null, version: number): Dentry | number {
    // Those in use, and the directories above them, may be more than the limit.
    if (!this.#heap.hasRoom("dentries")) return -ENOMEM;
    const dentry = new Dentry(name, directory, inode);
    dentry.version = version;
    directory.children.set(name, dentry);
    this.#used.add(dentry);
    if (this.#used.size > this.#limit) this.#shrink();
    this.#counters.dentries = this.#used.size;
    return dentry;
  }

  /** A name was created where the cache knew of none. */
  instantiate(dentry: Dentry, inode: Inode): void {
    dentry.inode = inode;
    dentry.deleted = false;
  }

  /** The name is gone; what it named may live on in open files. */
  unlinked(dentry: Dentry): void {
    dentry.deleted = true;
    this.#forget(dentry);
  }

  /** Forgets a cached name. */
  drop(dentry: Dentry): void {
    this.#forget(dentry);
  }

  /** A name has moved. */
  moved(dentry: Dentry, parent: Dentry, name: string): void {
    const replaced = parent.children.get(name);
    if (replaced !== undefined && replaced !== dentry) {
      replaced.deleted = true;
      this.#used.delete(replaced);
    }
    dentry.parent?.children.delete(dentry.name);
    dentry.parent = parent;
    dentry.name = name;
    parent.children.set(name, dentry);
  }

  /** Two names have changed places. */
  exchanged(a: Dentry, b: Dentry): void {
    const { parent, name } = a;
    a.parent = b.parent;
    a.name = b.name;
    b.parent = parent;
    b.name = name;
    a.parent?.children.set(a.name, a);
    b.parent?.children.set(b.name, b);
  }

  #forget(dentry: Dentry): void {
    if (dentry.parent?.children.get(dentry.name) === dentry) dentry.parent.children.delete(dentry.name);
    this.#used.delete(dentry);
    this.#counters.dentries = this.#used.size;
  }

  #touch(dentry: Dentry): void {
    this.#used.delete(dentry);
    this.#used.add(dentry);
  }

  // A dentry that is dropped may still be somebody's working directory or open file: such a path keeps
  // working, since it holds the inode; only new walks make a new dentry. Those in use go to the end: a guest
  // that holds many does not make every look-up search through them.
  #shrink(): void {
    let looks = LOOKS_PER_ADD;
    for (const dentry of this.#used) {
      if (looks-- === 0 || this.#used.size <= this.#limit) return;
      if (dentry.children.size > 0 || dentry.mountedHere > 0 || dentry.pins > 0) this.#touch(dentry);
      else this.#forget(dentry);
    }
  }
}
