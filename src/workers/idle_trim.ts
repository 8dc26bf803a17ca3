// What an idle sandbox gives back: the garbage of V8's heap and free memory of the C library, once it has had nothing
// to do for a while. Nodes hold many idle containers.

import { openSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import type { Native } from "./native.ts";

/**
 * A larger heap takes its collection longer than a kernel thread may be held (docs/hardening.md, F26). Of such a one the young
 * objects alone are collected, as happens while it works: in each stage, since V8 gives the space that it keeps for them
 * back, 27 MB where much was allocated, when it sees that nothing was for five seconds.
 */
const HEAP_MAX = 24 << 20;

type Collect = (
  options?: { type: "minor" } | { type: "major"; execution: "sync"; flavor: "last-resort" },
) => void;

/** What Node's memory has alike in every sandbox (scripts/alike.mjs), in the sandbox's root. */
const ALIKE = "/alike";

/**
 * After how long without work, and how. The second collection forgets what V8 could make again (code, feedback) and
 * packs what is left, which takes some forty milliseconds and gives two megabytes more: for who sleeps for long. V8's
 * other threads end what they had begun to compile, and free it, a little later.
 */
const STAGES: readonly { idleNs: number; collect: ((gc: Collect) => void) | null }[] = [
  { idleNs: 2e9, collect: (gc) => gc() },
  { idleNs: 6e9, collect: (gc) => gc({ type: "major", execution: "sync", flavor: "last-resort" }) },
  { idleNs: 7e9, collect: null },
];

export class IdleTrim {
  readonly #native: Native;
  readonly #proc: number;
  /** Opened while that can be done; -1 where there is none, or when it has been used. */
  #alike: number;
  #idleNs = 0;
  #stage = 0;

  constructor(native: Native, proc: number, alike: number) {
    this.#native = native;
    this.#proc = proc;
    this.#alike = alike;
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
    const { idleNs, collect } = STAGES[this.#stage]!;
    if (this.#idleNs < idleNs) return;
    this.#stage++;
    // Node exposes it by a flag (native/launcher/init.c).
    const gc = globalThis.gc as Collect | undefined;
    if (gc !== undefined) {
      if (getHeapStatistics().used_heap_size >= HEAP_MAX) gc({ type: "minor" });
      else collect?.(gc);
    }
    this.#native.trim();
    this.#shareAlike();
  }

  /** Once in a sandbox's life: the host reads the file during a stage, and in the next one it is compared. */
  #shareAlike(): void {
    if (this.#alike < 0) return;
    if (this.#stage < STAGES.length) {
      if (this.#native.alikePrepare(this.#alike) < 0) this.#alike = -1;
      return;
    }
    this.#native.alikeTake(this.#proc);
    this.#alike = -1;
  }
}

/** Opens the file of what is alike; -1 where there is none. */
export function openAlike(): number {
  try {
    return openSync(ALIKE, "r");
  } catch {
    return -1;
  }
}
