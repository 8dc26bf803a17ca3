// Calls that a sleeping data thread could have served. Stubs do not ring one that sleeps, and their calls come to thread 0;
// where there are many, one soon after the other, it is woken: more and more seldom, while it serves few of those that come
// then, since there is no CPU for it.

import { CONTROL_MOVED, CONTROL_WORDS } from "../../shared/ring/private_sab.ts";
import type { SeekableFile } from "../vfs/seekable_file.ts";

const WAKE_AFTER = 32;
const WAKE_AFTER_MAX = 16384;
const SOON_NS = 1e6;

interface MissedContext {
  readonly nowNs: number;
  readonly page: { isSleeping(thread: number): boolean };
}

export class MissedCalls {
  readonly #kernel: MissedContext;
  readonly #control: Int32Array;
  readonly #thread: number;
  readonly #wake: (thread: number) => void;
  #calls = 0;
  #lastNs = 0;
  #wakeAfter = WAKE_AFTER;
  /** Those that it had served when it was woken last. */
  #served = 0;

  /** `control`: the view of PrivateSab, where the thread counts what it was worth to wake it for. */
  constructor(kernel: MissedContext, control: Int32Array, thread: number, wake: (thread: number) => void) {
    this.#kernel = kernel;
    this.#control = control;
    this.#thread = thread;
    this.#wake = wake;
  }

  /** One more; of a file that is to be lent first, if it can be; null: it is lent. */
  add(unlent: SeekableFile | null): void {
    const { nowNs, page } = this.#kernel;
    this.#calls = nowNs - this.#lastNs > SOON_NS ? 1 : this.#calls + 1;
    this.#lastNs = nowNs;
    if (this.#calls < this.#wakeAfter || !page.isSleeping(this.#thread)) return;
    this.#calls = 0;
    if (unlent !== null && unlent.offer() === null) return;
    const served = this.#control[this.#thread * CONTROL_WORDS + CONTROL_MOVED]!;
    const isWorth = ((served - this.#served) | 0) >= WAKE_AFTER;
    this.#wakeAfter = isWorth ? WAKE_AFTER : Math.min(this.#wakeAfter * 2, WAKE_AFTER_MAX);
    this.#served = served;
    this.#wake(this.#thread);
  }
}
