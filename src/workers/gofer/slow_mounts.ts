// Local mounts of the host's whose disks make their callers wait. A look-up that lasted longer than a millisecond, because
// the kernel thread slept in it, sends the next ones on that mount to the Gofer's threads, for a second: whoever asks
// waits for the disk, and nobody else.

import type { Native } from "../native.ts";

const SLOW_NS = 1e9;

interface SlowContext {
  readonly native: Native;
  readonly nowNs: number;
}

export class SlowMounts {
  readonly #kernel: SlowContext;
  /** Until when, by device number. */
  readonly #until = new Map<number, number>();
  /** The latest of them. */
  #anyUntilNs = 0;

  constructor(kernel: SlowContext) {
    this.#kernel = kernel;
  }

  /** The kernel thread is about to look something up. */
  begin(): void {
    this.#kernel.native.tookLong[0] = 0;
  }

  /** It has, on this mount. */
  heed(dev: number): void {
    const { native } = this.#kernel;
    if (native.tookLong[0] === 0) return;
    native.tookLong[0] = 0;
    this.#anyUntilNs = native.monotonicNs() + SLOW_NS;
    this.#until.set(dev, this.#anyUntilNs);
  }

  has(dev: number): boolean {
    const { nowNs } = this.#kernel;
    if (nowNs >= this.#anyUntilNs) {
      if (this.#until.size > 0) this.#until.clear();
      return false;
    }
    return nowNs < (this.#until.get(dev) ?? 0);
  }
}
