// What an idle sandbox gives back: the garbage of V8's heap and free memory of the C library, once it has had nothing
// to do for a while. Nodes hold many idle containers.

import { getHeapStatistics } from "node:v8";
import type { Native } from "./native.ts";

/** A larger heap takes its collection longer than a kernel thread may be held (docs/hardening.md, F26). */
const HEAP_MAX = 24 << 20;

type Collect = (options?: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/**
 * After how long without work, and how. The second collection forgets what V8 could make again (code, feedback) and
 * packs what is left, which takes some forty milliseconds and gives two megabytes more: for who sleeps for long.
 */
const STAGES: readonly { idleNs: number; collect: (gc: Collect) => void }[] = [
  { idleNs: 2e9, collect: (gc) => gc() },
  { idleNs: 6e9, collect: (gc) => gc({ type: "major", execution: "sync", flavor: "last-resort" }) },
];

export class IdleTrim {
  readonly #native: Native;
  #idleNs = 0;
  #stage = 0;

  constructor(native: Native) {
    this.#native = native;
  }

  /** The thread has worked: there is something to give back again. */
  worked(): void {
    this.#idleNs = 0;
    this.#stage = 0;
  }

  /** How long the thread may sleep before afterSleep() is to be called, of at most so many nanoseconds; < 0: for ever. */
  bound(timeoutNs: number): number {
    if (this.#stage === STAGES.length) return timeoutNs;
    const owedNs = STAGES[this.#stage]!.idleNs - this.#idleNs;
    return timeoutNs < 0 ? owedNs : Math.min(timeoutNs, owedNs);
  }

  /** The thread has slept for so long without work. */
  afterSleep(sleptNs: number): void {
    if (this.#stage === STAGES.length) return;
    this.#idleNs += sleptNs;
    const stage = STAGES[this.#stage]!;
    if (this.#idleNs < stage.idleNs) return;
    this.#stage++;
    // Node exposes it by a flag (native/launcher/init.c).
    const gc = globalThis.gc as Collect | undefined;
    if (gc !== undefined && getHeapStatistics().used_heap_size < HEAP_MAX) stage.collect(gc);
    this.#native.trim();
  }
}
