// A profile for tests: small, and with something of everything.

import { DurationHistogram } from "../../src/shared/histogram.ts";
import type { RecordedCall, ThreadRecord } from "../../src/shared/profile_record.ts";

export function packed(...values: number[]): number[] {
  const histogram = new DurationHistogram();
  for (const value of values) histogram.add(value);
  return histogram.pack();
}

export function call(nr: number, count: number, change: Partial<RecordedCall> = {}): RecordedCall {
  const each = (ns: number) => packed(...new Array<number>(count).fill(ns));
  return {
    nr,
    count,
    errors: 0,
    errnos: {},
    passed: 0,
    trapped: 0,
    bytes: 0,
    small: 0,
    chosen: 0,
    chosenBytes: 0,
    queue: each(500),
    service: each(3000),
    work: each(3000),
    waitEvent: [],
    waitStub: [],
    waitHost: [],
    reply: each(700),
    guest: each(100),
    ...change,
  };
}

export function record(change: Partial<ThreadRecord> = {}): ThreadRecord {
  return {
    durationNs: 1e9,
    report: {
      thread: 0,
      role: "supervisor",
      tid: 7,
      cpu: 1,
      workNs: 6e8,
      spinNs: 1e8,
      sleepNs: 3e8,
      requests: 10,
      passedOut: 0,
      passedIn: 0,
      forwards: 0,
      queued: 0,
      queuedMax: 0,
      unsent: 0,
      sleeps: 5,
      doorbells: 0,
      longTurns: 0,
      longestTurnMs: 0,
      latencies: [],
    },
    cpuNs: 5e8,
    guestWakes: 3,
    allocatedBytes: 1000,
    heapUsedBefore: 1e6,
    heapUsedAfter: 2e6,
    collections: [{ kind: "minor", count: 1, sumNs: 1e6, maxNs: 1e6 }],
    calls: [call(0, 10), call(257, 4)],
    callers: 1,
    sites: [],
    paths: [{ name: "/a", count: 3, error: 0, sumNs: 9, bytes: 12 }],
    sockets: [],
    futexes: [],
    hostWaits: [],
    lookups: [],
    missing: [],
    smallReads: [],
    smallWrites: [],
    stacks: { samples: 0, shallow: 0, whole: 0, frames: [], stacks: [] },
    cpu: null,
    dropped: {},
    ...change,
  };
}
