// Which call, timer or callback holds the kernel thread longer than it may (docs/hardening.md, F26). Everything that
// the thread does ends with a look at the clock; but of short requests several are one turn, since a look costs a
// tenth of the shortest, and where such a turn is long one of them was. Where that is late, the thread's own CPU time
// says whether it worked or the host let others run, and V8 how long it collected garbage. Never a judgement of the
// guest: what is counted here is a fault of the kernel.

import { syscallName } from "../../shared/abi/syscalls.ts";
import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import type { Native } from "../native.ts";

/** No turn may take longer. */
const TURN_MS = 10;
/** What long work takes of a turn. */
const FULL_MS = 2;
/** CPU time is read about so often, so that the time before a long turn is no large part of what it is charged. */
const SAMPLE_MS = 1;
const CLOCK_THREAD_CPUTIME_ID = 3;
const NS_PER_MS = 1e6;
const SOURCE_SHOWN = 120;

/** While requests take less than that on average, the clock is read after so many of them. */
const SHORT_MS = 0.02;
const REQUESTS_PER_LOOK = 8;

/** Pauses of the collector that are remembered, and from which length on. */
const PAUSES_MAX = 256;
const PAUSE_MS = 0.5;
const UNEXPLAINED_MAX = 32;

interface Pause {
  readonly startTime: number;
  readonly duration: number;
}

interface LongTurn {
  readonly startMs: number;
  readonly workedMs: number;
  readonly what: string;
  /** Numbers of the calls that it served, one of which was long. */
  readonly nrs: readonly number[];
  readonly how: Callback | null;
}

type Callback = (events: number) => unknown;

interface LongTurnsContext {
  readonly native: Native;
  readonly counters: Counters;
  readonly log: Log;
  owesAnswer: boolean;
}

export class LongTurns {
  readonly #kernel: LongTurnsContext;
  /** The call that is being served, for the record. */
  nr = -1;
  /** When the last turn ended, on this class's own clock. */
  nowMs = performance.now();
  /** Since CPU time was read: what all turns took together. */
  #sinceMs = 0;
  /** What this clock shows less than CLOCK_MONOTONIC, which it is. */
  readonly #originMs: number;
  #cpuMs = 0;
  /** Requests that were served since the clock was read, and their calls. */
  #served = 0;
  #requestsPerLook = 1;
  readonly #nrs = new Int32Array(REQUESTS_PER_LOOK);

  /** Long turns of which it is not known yet how much of them V8's garbage collector took. */
  readonly #unexplained: LongTurn[] = [];
  #turnsToWait = 0;
  /** The last long pauses of the collector. */
  readonly #collections: Pause[] = [];
  #observer: { disconnect(): void } | null = null;

  constructor(kernel: LongTurnsContext) {
    this.#kernel = kernel;
    this.#originMs = Number(process.hrtime.bigint()) / NS_PER_MS - performance.now();
  }

  /** Learns of the garbage collector's pauses from now on. */
  watchCollector(): void {
    // Not imported: Node does not vouch for that module in snapshots.
    const { PerformanceObserver } = process.getBuiltinModule("node:perf_hooks");
    const observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        if (duration >= PAUSE_MS) this.#collections.push({ startTime, duration });
      if (this.#collections.length > PAUSES_MAX)
        this.#collections.splice(0, this.#collections.length - PAUSES_MAX);
    });
    observer.observe({ entryTypes: ["gc"] });
    this.#observer = observer;
  }

  /** The kernel has ended, and the thread may go on. */
  ignoreCollector(): void {
    this.#observer?.disconnect();
    this.#observer = null;
  }

  /** The thread has slept. */
  begin(nowNs: number): void {
    this.settle();
    this.nowMs = nowNs / NS_PER_MS - this.#originMs;
  }

  /** The thread has worked for another kernel, or for whoever profiles it: that was no part of this one's turn. */
  resume(): void {
    const nowMs = performance.now();
    this.#sinceMs += nowMs - this.nowMs;
    this.nowMs = nowMs;
  }

  /** The turn has lasted for so long that others should be served: work that can go on later does. */
  get isFull(): boolean {
    return performance.now() - this.nowMs > FULL_MS;
  }

  /** A request has been served. */
  served(): void {
    this.#nrs[this.#served++] = this.nr;
    if (this.#served >= this.#requestsPerLook) this.settle();
  }

  /** Before something begins that is no request: the turn of those before it ends. */
  settle(): void {
    const served = this.#served;
    if (served === 0) return;
    const tookMs = this.#end("request", null);
    this.#served = 0;
    this.#requestsPerLook = tookMs < SHORT_MS * served ? REQUESTS_PER_LOOK : 1;
  }

  /** A turn has ended, which began with the end of the one before: the time. */
  end(what: string, how: Callback | null): number {
    this.settle();
    this.#end(what, how);
    return this.nowMs;
  }

  #end(what: string, how: Callback | null): number {
    const nowMs = performance.now();
    const tookMs = nowMs - this.nowMs;
    this.nowMs = nowMs;
    this.#sinceMs += tookMs;
    if (this.#sinceMs > SAMPLE_MS) this.#sample(tookMs, what, how);
    return tookMs;
  }

  #sample(tookMs: number, what: string, how: Callback | null): void {
    const { native, counters } = this.#kernel;
    native.clockGettime(CLOCK_THREAD_CPUTIME_ID);
    const cpuMs =
      native.scratchView.getInt32(0, true) * 1000 + native.scratchView.getInt32(8, true) / NS_PER_MS;
    // Of the CPU time since the last sample, what the turns before this one cannot have had.
    const workedMs = Math.min(tookMs, cpuMs - this.#cpuMs - (this.#sinceMs - tookMs));
    this.#cpuMs = cpuMs;
    this.#sinceMs = 0;
    // While there is no guest nobody waits: the thread starts.
    if (workedMs <= TURN_MS || counters.requests === 0) return;
    // It is counted when it is known whose it was: what is counted once is never taken back (metrics are made of it).
    if (this.#unexplained.length >= UNEXPLAINED_MAX) {
      counters.longTurns++;
      return;
    }
    const nrs = this.#served > 0 ? Array.from(this.#nrs.subarray(0, this.#served)) : [this.nr];
    this.#unexplained.push({ startMs: this.nowMs - tookMs, workedMs, what, nrs, how });
    // The collector's times come when the event loop has turned.
    this.#turnsToWait = 2;
    this.#kernel.owesAnswer = true;
  }

  /** The event loop has turned. */
  turned(): void {
    if (this.#unexplained.length === 0 || --this.#turnsToWait > 0) return;
    for (const turn of this.#unexplained.splice(0)) this.#explain(turn);
  }

  #explain({ startMs, workedMs, what, nrs, how }: LongTurn): void {
    const calls = new Set(nrs.filter((nr) => nr >= 0).map(syscallName));
    let collectedMs = 0;
    for (const { startTime, duration } of this.#collections)
      if (startTime >= startMs && startTime <= startMs + workedMs + TURN_MS) collectedMs += duration;
    const { counters, log } = this.#kernel;
    if (workedMs - collectedMs <= TURN_MS) {
      counters.longCollections++;
      return;
    }
    counters.longTurns++;
    counters.longestTurnMs = Math.max(counters.longestTurnMs, Math.round(workedMs - collectedMs));
    log("info", "a turn of the kernel thread was long", {
      ms: Math.round(workedMs - collectedMs),
      what,
      ...(calls.size > 0 && { call: [...calls].join(" or ") }),
      ...(how !== null && { how: String(how).replace(/\s+/g, " ").slice(0, SOURCE_SHOWN) }),
    });
  }
}
