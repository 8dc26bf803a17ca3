// What a kernel that has ended leaves to the collector: guest memory, of which nothing is mapped any more, and whose addresses,
// some gibibytes, come back when it is collected. V8 does not count them, so that who makes kernels one after the other would
// run out of addresses before it collects: where there are many, it is told to.

const MANY = 32;

export class Leftovers {
  #all: WeakRef<object>[] = [];

  add(object: object): void {
    this.#all.push(new WeakRef(object));
  }

  /** Before one more is made. A collection holds the thread up for some tens of milliseconds. */
  collectIfMany(): void {
    if (this.#all.length < MANY) return;
    globalThis.gc?.();
    this.#all = this.#all.filter((left) => left.deref() !== undefined);
  }
}
