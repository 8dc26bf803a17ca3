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
  // In order of use, as a list: to take a key out of a Set and put it back leaves a hole in V8's table each time,
  // and every search for that key passes them all.
  #oldest: Dentry | null = null;
  #newest: Dentry | null = null;
  #size = 0;

  constructor(counters: Counters, heap: HeapBudget, limit = DEFAULT_LIMIT) {
    this.#counters = counters;
    this.#heap = heap;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
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
    this.#append(dentry);
    if (this.#size > this.#limit) this.#shrink();
    this.#counters.dentries = this.#size;
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
      this.#takeOut(replaced);
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
    this.#takeOut(dentry);
    this.#counters.dentries = this.#size;
  }

  #touch(dentry: Dentry): void {
    if (dentry === this.#newest) return;
    this.#takeOut(dentry);
    this.#append(dentry);
  }

  #append(dentry: Dentry): void {
    dentry.isCached = true;
    dentry.older = this.#newest;
    if (this.#newest === null) this.#oldest = dentry;
    else this.#newest.newer = dentry;
    this.#newest = dentry;
    this.#size++;
  }

  #takeOut(dentry: Dentry): void {
    if (!dentry.isCached) return;
    const { older, newer } = dentry;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    dentry.isCached = false;
    dentry.older = null;
    dentry.newer = null;
    this.#size--;
  }

  // A dentry that is dropped may still be somebody's working directory or open file: such a path keeps
  // working, since it holds the inode; only new walks make a new dentry. Those in use go to the end: a guest
  // that holds many does not make every look-up search through them.
  #shrink(): void {
    for (let looks = LOOKS_PER_ADD; looks > 0 && this.#size > this.#limit; looks--) {
      const dentry = this.#oldest!;
      if (dentry.children.size > 0 || dentry.mountedHere > 0 || dentry.pins > 0) this.#touch(dentry);
      else this.#forget(dentry);
    }
  }
}
