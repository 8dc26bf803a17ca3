// The part of WebAssembly's JavaScript interface that is used: @types/node leaves it to the DOM
// library, which has no place in a kernel.

declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor & { shared: true });
    /** The number of pages before. `buffer` is another one from then on. */
    grow(pages: number): number;
    readonly buffer: SharedArrayBuffer;
  }
}
