// A kernel thread's profile: what is recorded from start to stop, and how the thread's own figures changed in between
// (thread_figures.ts). There is one at a time.

import { getHeapStatistics, type HeapInfo } from "node:v8";
import type { ProfileOptions, ThreadRecord } from "../../shared/profile_record.ts";
import type { GuestMemory } from "../../shared/ring/guest_memory.ts";
import type { KernelPage } from "../../shared/ring/kernel_page.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import type { ThreadReport } from "../../shared/thread_report.ts";
import type { CallObserver } from "../call/context.ts";
import type { Timer, Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";
import { Collections } from "./collections.ts";
import { CpuSamples } from "./cpu_samples.ts";
import type { GuestOrigins } from "./guest_origins.ts";
import { type CallSubjects, Recorder } from "./recorder.ts";

const CLOCK_THREAD_CPUTIME_ID = 3;
const RENEW_NS = 10e9;

export interface ProfiledKernel {
  readonly thread: number;
  readonly native: Native;
  readonly page: KernelPage;
  readonly slots: Slots;
  readonly memory: GuestMemory;
  readonly timers: Timers;
  readonly longTurns: { resume(): void };
  observer: CallObserver | null;
  /** What records here, to be given up with the kernel; null: nothing does. */
  profiling: { giveUp(): void } | null;
  owesAnswer: boolean;
}

/** What a thread can say of calls beside their times. */
export interface CallView {
  subjects(): CallSubjects;
  /** That of a thread that has processes. */
  origins?(stacksPerSecond: number): GuestOrigins;
}

/** What a thread has counted at one moment. */
interface Figures {
  readonly report: ThreadReport;
  readonly cpuNs: number;
  readonly guestWakes: number;
  readonly heap: HeapInfo;
}

/** Of a report what is counted from the thread's start on. */
const COUNTED = [
  "workNs",
  "spinNs",
  "sleepNs",
  "requests",
  "passedOut",
  "passedIn",
  "forwards",
  "sleeps",
  "doorbells",
  "longTurns",
] as const satisfies readonly (keyof ThreadReport)[];

/** Of a report what is a maximum since the thread's start. */
const MAXIMA = ["queuedMax", "longestTurnMs"] as const satisfies readonly (keyof ThreadReport)[];

interface Running {
  readonly recorder: Recorder;
  readonly origins: GuestOrigins | null;
  readonly cpu: CpuSamples | null;
  readonly collections: Collections;
  readonly figures: Figures;
  readonly startedNs: number;
  renewal: Timer | null;
}

/** V8 says it, if not in Node's types. */
function allocatedBytes(heap: HeapInfo): number {
  return (heap as HeapInfo & { total_allocated_bytes?: number }).total_allocated_bytes ?? 0;
}

export class ThreadProfiler {
  readonly #kernel: ProfiledKernel;
  readonly #report: () => ThreadReport;
  readonly #view: CallView | null;
  #running: Running | null = null;

  constructor(kernel: ProfiledKernel, report: () => ThreadReport, view: CallView | null) {
    this.#kernel = kernel;
    this.#report = report;
    this.#view = view;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  start({ cpu, stacksPerSecond }: ProfileOptions): void {
    if (this.#running !== null) return;
    const kernel = this.#kernel;
    const origins = this.#view?.origins?.(stacksPerSecond) ?? null;
    // V8 takes its time to begin, which is no part of what is recorded.
    const samples = cpu ? CpuSamples.start() : null;
    try {
      this.#running = this.#begin(origins, samples);
    } catch (error) {
      samples?.stop();
      throw error;
    }
    kernel.observer = this.#running.recorder;
    kernel.profiling = this;
    kernel.page.setTimed(kernel.thread, true);
    if (samples !== null) this.#renewLater(this.#running);
    kernel.longTurns.resume();
  }

  #begin(origins: GuestOrigins | null, cpu: CpuSamples | null): Running {
    const kernel = this.#kernel;
    const startedNs = kernel.native.monotonicNs();
    return {
      recorder: new Recorder(kernel, this.#view?.subjects() ?? null, origins),
      origins,
      cpu,
      figures: this.#figures(),
      collections: new Collections(),
      startedNs,
      renewal: null,
    };
  }

  #renewLater(running: Running): void {
    const { native, timers } = this.#kernel;
    running.renewal = timers.add(native.monotonicNs() + RENEW_NS, () => {
      running.cpu?.renew();
      this.#kernel.longTurns.resume();
      this.#renewLater(running);
    });
  }

  /** Ends it at once, and resolves when names were found for what was recorded; to null: there was none. */
  async stop(): Promise<ThreadRecord | null> {
    const running = this.#running;
    if (running === null) return null;
    const record = this.#end(running);
    const { origins } = running;
    if (origins === null) return record;
    await new Promise<void>((resolve) =>
      origins.finish(() => {
        this.#kernel.owesAnswer = true;
        resolve();
      }),
    );
    const dropped = { ...record.dropped, ...origins.dropped };
    return { ...record, sites: origins.sites(), stacks: origins.stacks(), dropped };
  }

  /** The kernel ends, and its thread may go on: nobody asks for what was recorded. */
  giveUp(): void {
    const running = this.#running;
    if (running === null) return;
    this.#end(running);
    running.origins?.drop();
  }

  #end(running: Running): ThreadRecord {
    const kernel = this.#kernel;
    const { recorder, figures: then } = running;
    kernel.page.setTimed(kernel.thread, false);
    kernel.observer = null;
    kernel.profiling = null;
    this.#running = null;
    const durationNs = kernel.native.monotonicNs() - running.startedNs;
    const now = this.#figures();
    if (running.renewal !== null) kernel.timers.cancel(running.renewal);
    const cpu = running.cpu?.stop() ?? null;
    kernel.longTurns.resume();
    const inProgress = recorder.end();
    const report = { ...now.report };
    for (const name of COUNTED) report[name] = Math.max(0, now.report[name] - then.report[name]);
    // Maxima since the thread's start: what has not grown is of before.
    for (const name of MAXIMA) if (now.report[name] <= then.report[name]) report[name] = 0;
    return {
      durationNs,
      report,
      cpuNs: now.cpuNs - then.cpuNs,
      guestWakes: now.guestWakes - then.guestWakes,
      allocatedBytes: allocatedBytes(now.heap) - allocatedBytes(then.heap),
      heapUsedBefore: then.heap.used_heap_size,
      heapUsedAfter: now.heap.used_heap_size,
      collections: running.collections.stop(),
      calls: recorder.calls.toRecord(),
      callers: recorder.callers,
      sites: [],
      paths: recorder.most("paths"),
      sockets: recorder.most("sockets"),
      futexes: recorder.most("futexes"),
      hostWaits: recorder.most("hostWaits"),
      lookups: recorder.most("lookups"),
      missing: recorder.most("missing"),
      smallReads: recorder.most("smallReads"),
      smallWrites: recorder.most("smallWrites"),
      stacks: { samples: 0, shallow: 0, whole: 0, frames: [], stacks: [] },
      cpu,
      dropped: { cpuNodes: running.cpu?.dropped ?? 0, callsInProgress: inProgress, errors: recorder.errors },
    };
  }

  #figures(): Figures {
    const { native, slots } = this.#kernel;
    native.clockGettime(CLOCK_THREAD_CPUTIME_ID);
    const { scratchView } = native;
    const cpuNs = scratchView.getInt32(0, true) * 1e9 + scratchView.getInt32(8, true);
    return { report: this.#report(), cpuNs, guestWakes: slots.wakes, heap: getHeapStatistics() };
  }
}
