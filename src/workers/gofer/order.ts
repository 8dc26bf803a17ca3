// Descriptors in the order in which they were used last, as a list: to take one out of the midst, or the oldest, costs the same
// however many there are (dentry_cache.ts says why that is not a Map).

export interface Ordered<T> {
  /** Used before it, and behind it; null: none, or it is in no order. */
  older: T | null;
  newer: T | null;
}

export class Order<T extends Ordered<T>> {
  oldest: T | null = null;
  newest: T | null = null;
  size = 0;

  /** It was used now. It is in no order. */
  append(one: T): void {
    one.older = this.newest;
    one.newer = null;
    if (this.newest === null) this.oldest = one;
    else this.newest.newer = one;
    this.newest = one;
    this.size++;
  }

  takeOut(one: T): void {
    const { older, newer } = one;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    one.older = null;
    one.newer = null;
    this.size--;
  }
}
