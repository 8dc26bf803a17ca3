// What a kernel thread counts of itself beside its counters: plain fields, so that a look at it costs nothing until
// somebody asks. The clock is read for this no more often than the loop reads it anyway; the time with work is what is
// left of all.

import type { ThreadRole } from "../shared/thread_plan.ts";
import type { ThreadReport } from "../shared/thread_report.ts";
import type { Counters } from "./counters.ts";
import type { Native } from "./native.ts";

export class ThreadFigures {
  /** When its loop began, by CLOCK_MONOTONIC; negative: it has not. */
  startedNs = -1;
  spinNs = 0;
  sleepNs = 0;
  passedOut = 0;
  passedIn = 0;
  forwards = 0;
  queuedMax = 0;
  doorbells = 0;
}

interface ReportContext {
  readonly thread: number;
  readonly native: Native;
  readonly counters: Counters;
  readonly figures: ThreadFigures;
  readonly latencies: { report(): number[] };
  readonly post: { readonly queued: number; readonly unsent: number } | null;
}

/** On the thread itself. */
export function reportThread(kernel: ReportContext, role: ThreadRole): ThreadReport {
  const { thread, native, counters, figures, latencies, post } = kernel;
  const { startedNs, spinNs, sleepNs, passedOut, passedIn, forwards, queuedMax, doorbells } = figures;
  const { requests, sleeps, longTurns, longestTurnMs } = counters;
  const allNs = startedNs < 0 ? 0 : native.monotonicNs() - startedNs;
  return {
    thread,
    role,
    tid: native.gettid(),
    cpu: native.getcpu(),
    workNs: Math.max(0, allNs - spinNs - sleepNs),
    spinNs,
    sleepNs,
    requests,
    passedOut,
    passedIn,
    forwards,
    queued: post?.queued ?? 0,
    queuedMax,
    unsent: post?.unsent ?? 0,
    sleeps,
    doorbells,
    longTurns,
    longestTurnMs,
    latencies: latencies.report(),
  };
}
