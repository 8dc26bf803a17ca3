// The dentry cache: finding a child of a directory, and keeping what was found within a bound. Least
// recently used dentries without children, mounts or users go first; going means only that the next
// walk asks the file system again.

import { randomBytes } from "node:crypto";
import { ENOENT, ENOMEM } from "../../shared/abi/errno.ts";
import type { Counters } from "../counters.ts";
import type { HeapBudget } from "../heap_budget.ts";
import { CachedWalk } from "./cached_walk.ts";
import type { Inode } from "./inode.ts";
import { Dentry } from "./path.ts";

const DEFAULT_LIMIT = 20_000;
/** Candidates for dropping that are looked at when one is added. */
const LOOKS_PER_ADD = 4;
/** Places of the table of names at first; it doubles as the dentries become more. */
const TABLE_MIN = 1024;
/** Names that are compared at one place: who has found names that all meet there gains nothing by it. */
const COMPARED_MAX = 16;

export class DentryCache {
  readonly #counters: Counters;
  readonly #heap: HeapBudget;
  readonly #limit: number;
  // In order of use, as a list: to take a key out of a Set and put it back leaves a hole in V8's table each time,
  // and every search for that key passes them all.
  #oldest: Dentry | null = null;
  #newest: Dentry | null = null;
  #size = 0;
  // All names by the hash of their directory and their bytes, so that a walk finds them without making strings.
  // What a hash will be is a secret: its multiplier is drawn at random.
  #table: (Dentry | null)[] = new Array(TABLE_MIN).fill(null);
  #named = 0;
  #lastSerial = 0;
  readonly #multiplier = (randomBytes(4).readInt32LE(0) << 1) | 1;
  /** The walk of paths whose names are all here. */
  readonly walk = new CachedWalk(this);

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
    const cached = directory.children?.get(name);
    const inode = directory.inode!;
    const version = inode.namesVersion();
    if (version < 0) return version;
    if (cached === undefined) return this.#find(directory, name, inode.lookup(name), version);
    const believed = inode.fs.cachesNames && cached.version === version;
    if (!believed && cached.mountedHere === 0)
      return this.#revalidate(directory, cached, inode.lookup(name), version);
    this.#touch(cached);
    return cached;
  }

  // ---- The table of names ----

  /** Hash of a directory's names before their first byte. */
  hashOf(directory: Dentry): number {
    return Math.imul(directory.serial + 1, this.#multiplier);
  }

  /** ... and with one more byte of the name. */
  hashWith(hash: number, byte: number): number {
    const mixed = Math.imul(hash ^ byte, this.#multiplier);
    return mixed ^ (mixed >>> 15);
  }

  #hashOfName(directory: Dentry, name: string): number {
    let hash = this.hashOf(directory);
    for (let i = 0; i < name.length; i++) hash = this.hashWith(hash, name.charCodeAt(i));
    return hash;
  }

  /** The dentry of a name whose bytes and hash are given, where it is believed without a look; else null. */
  cached(directory: Dentry, name: Uint8Array, length: number, hash: number): Dentry | null {
    let dentry = this.#table[hash & (this.#table.length - 1)]!;
    for (let compared = 0; dentry !== null && compared < COMPARED_MAX; compared++) {
      if (dentry.hash === hash && dentry.parent === directory && isNamed(dentry, name, length)) {
        const inode = directory.inode!;
        const believed = inode.fs.cachesNames && dentry.version === inode.namesVersion();
        if (!believed && dentry.mountedHere === 0) return null;
        this.#touch(dentry);
        return dentry;
      }
      dentry = dentry.nextHashed!;
    }
    return null;
  }

  /** Gives a dentry, which has its parent and its name, its place among that directory's names. */
  #enter(directory: Dentry, dentry: Dentry): void {
    directory.children ??= new Map();
    directory.children.set(dentry.name, dentry);
    if (++this.#named > this.#table.length) this.#growTable();
    dentry.hash = this.#hashOfName(directory, dentry.name);
    this.#put(dentry);
  }

  #put(dentry: Dentry): void {
    const place = dentry.hash & (this.#table.length - 1);
    dentry.nextHashed = this.#table[place]!;
    this.#table[place] = dentry;
  }

  #growTable(): void {
    const before = this.#table;
    this.#table = new Array(before.length * 2).fill(null);
    for (const first of before)
      for (let dentry = first; dentry !== null; ) {
        const next: Dentry | null = dentry.nextHashed;
        this.#put(dentry);
        dentry = next;
      }
  }

  /** Takes a dentry from its place; another may have its name already. */
  #leave(dentry: Dentry): void {
    const { parent, name } = dentry;
    const names = parent?.children ?? null;
    if (names?.get(name) !== dentry) return;
    names.delete(name);
    this.#takeFromTable(dentry);
  }

  #takeFromTable(dentry: Dentry): void {
    const place = dentry.hash & (this.#table.length - 1);
    let before: Dentry | null = null;
    for (let at = this.#table[place]!; at !== null; before = at, at = at.nextHashed!) {
      if (at !== dentry) continue;
      if (before === null) this.#table[place] = at.nextHashed;
      else before.nextHashed = at.nextHashed;
      at.nextHashed = null;
      this.#named--;
      return;
    }
  }

  // ---- What is found ----

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
    dentry.serial = ++this.#lastSerial | 0;
    this.#enter(directory, dentry);
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
    const replaced = parent.children?.get(name);
    if (replaced !== undefined && replaced !== dentry) {
      replaced.deleted = true;
      this.#leave(replaced);
      this.#takeOut(replaced);
    }
    this.#leave(dentry);
    dentry.parent = parent;
    dentry.name = name;
    this.#enter(parent, dentry);
  }

  /** Two names have changed places. */
  exchanged(a: Dentry, b: Dentry): void {
    const { parent, name } = a;
    this.#leave(a);
    this.#leave(b);
    a.parent = b.parent;
    a.name = b.name;
    b.parent = parent;
    b.name = name;
    if (a.parent !== null) this.#enter(a.parent, a);
    if (b.parent !== null) this.#enter(b.parent, b);
  }

  #forget(dentry: Dentry): void {
    this.#leave(dentry);
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
      if ((dentry.children?.size ?? 0) > 0 || dentry.mountedHere > 0 || dentry.pins > 0) this.#touch(dentry);
      else this.#forget(dentry);
    }
  }
}

function isNamed(dentry: Dentry, name: Uint8Array, length: number): boolean {
  const own = dentry.name;
  if (own.length !== length) return false;
  for (let i = 0; i < length; i++) if (own.charCodeAt(i) !== name[i]) return false;
  return true;
}
