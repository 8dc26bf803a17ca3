// What was found out of things, while they live and up to a number of them: with more, all is found out anew. Guests may have a
// hundred thousand of what it is kept for.

export class WeakCache<K extends object, V> {
  readonly #max: number;
  #values = new WeakMap<K, V>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    return this.#values.get(key);
  }

  /** Of a key that has none. */
  add(key: K, value: V): void {
    if (this.#size >= this.#max) {
      this.#values = new WeakMap();
      this.#size = 0;
    }
    this.#size++;
    this.#values.set(key, value);
  }
}
