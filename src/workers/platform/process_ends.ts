// How the kernel hears of the end of a host process: by its pidfd in the sleep set. The host may have no descriptor, or
// no watch, to spare for the moment. Then it is asked again before long, and the process, whose number is its own until
// the zygote reaps it, is reached by that number meanwhile: what has begun to run is never lost sight of.

import { EPOLLIN } from "../../shared/abi/poll.ts";
import { Looks } from "../call/looks.ts";
import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";
import type { SleepSet } from "../sleep_set.ts";

const AGAIN_NS = 10e6;
/** Processes that one look asks for (F26). */
const PROCESSES_A_LOOK = 64;

/** What a platform does to processes (platform.ts). */
interface Killer {
  kill(pidfd: number): void;
  killByNumber(pid: number): void;
}

interface EndsContext {
  readonly native: Native;
  readonly timers: Timers;
  readonly sleep: SleepSet;
  readonly platform: Killer;
}

/** A host process that has not ended yet. */
export class WatchedProcess {
  readonly #kernel: EndsContext;
  readonly #pid: number;
  readonly #onEnd: () => void;
  #pidfd: number;
  #watch = -1;

  constructor(kernel: EndsContext, pid: number, pidfd: number, onEnd: () => void) {
    this.#kernel = kernel;
    this.#pid = pid;
    this.#pidfd = pidfd;
    this.#onEnd = onEnd;
  }

  /** Whether its end will be heard of. */
  begin(): boolean {
    const { native, sleep } = this.#kernel;
    if (this.#pidfd < 0) this.#pidfd = native.pidfdOpen(this.#pid);
    if (this.#pidfd < 0) return false;
    this.#watch = sleep.add(this.#pidfd, EPOLLIN, () => this.#ended());
    return this.#watch >= 0;
  }

  #ended(): void {
    const { native, sleep } = this.#kernel;
    sleep.remove(this.#pidfd, this.#watch);
    native.close(this.#pidfd);
    this.#onEnd();
  }

  kill(): void {
    if (this.#pidfd >= 0) this.#kernel.platform.kill(this.#pidfd);
    else this.#kernel.platform.killByNumber(this.#pid);
  }
}

export class ProcessEnds {
  readonly #kernel: EndsContext;
  /** Those whose end nobody would hear of yet. */
  readonly #late = new Set<WatchedProcess>();
  readonly #looks: Looks;

  constructor(kernel: EndsContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, AGAIN_NS, () => this.#look());
  }

  /** Those that are not watched yet: for counters. */
  get size(): number {
    return this.#late.size;
  }

  /** Calls `onEnd` when the process has ended; `pidfd`: its descriptor, the watch's from now on, or -1. */
  watch(pid: number, pidfd: number, onEnd: () => void): WatchedProcess {
    const watched = new WatchedProcess(this.#kernel, pid, pidfd, onEnd);
    if (!watched.begin()) {
      this.#late.add(watched);
      this.#looks.begin();
    }
    return watched;
  }

  // What the host refuses to one it refuses to the next as well.
  #look(): boolean {
    let left = PROCESSES_A_LOOK;
    for (const watched of this.#late) {
      if (left-- === 0 || !watched.begin()) break;
      this.#late.delete(watched);
    }
    return this.#late.size > 0;
  }
}
