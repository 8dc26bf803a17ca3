// One object for each host file (device and inode number), whatever name it was reached by, for as long as
// somebody uses it.

export class ByFile<T extends object> {
  readonly #objects = new Map<string, WeakRef<T>>();
  #sweepAt = 256;

  /** The file's object; `make` gives it if there is none. */
  get(dev: number, ino: number, make: () => T): T {
    const key = `${dev}:${ino}`;
    const known = this.#objects.get(key)?.deref();
    if (known !== undefined) return known;
    const made = make();
    if (this.#objects.size >= this.#sweepAt) this.#sweep();
    this.#objects.set(key, new WeakRef(made));
    return made;
  }

  #sweep(): void {
    for (const [key, object] of this.#objects) if (object.deref() === undefined) this.#objects.delete(key);
    this.#sweepAt = Math.max(256, 2 * this.#objects.size);
  }
}
