// What an idle sandbox gives back: the garbage of V8's heap and free memory of the C library, once it has had nothing
// to do for a while. Nodes hold many idle containers.

import { getHeapStatistics } from "node:v8";
import type { Native } from "./native.ts";

const IDLE_NS = 2e9;
/** A larger heap takes its collection longer than a kernel thread may be held (docs/hardening.md, F26). */
const HEAP_MAX = 24 << 20;

export class IdleTrim {
  readonly #native: Native;
  #owed = true;

  constructor(native: Native) {
    this.#native = native;
  }

  /** The thread has worked: there is something to give back again. */
  worked(): void {
    this.#owed = true;
  }

  /**
   * How long the thread may sleep before afterSleep() is to be called, of at most so many nanoseconds; < 0: for ever.
   */
  bound(timeoutNs: number): number {
    if (!this.#owed) return timeoutNs;
    return timeoutNs < 0 ? IDLE_NS : Math.min(timeoutNs, IDLE_NS);
  }

  /** The thread has slept for so long without work. */
  afterSleep(sleptNs: number): void {
    if (!this.#owed || sleptNs < IDLE_NS) return;
    this.#owed = false;
    // Node exposes it by a flag (native/launcher/init.c).
    if (getHeapStatistics().used_heap_size < HEAP_MAX) globalThis.gc?.();
    this.#native.trim();
  }
}
