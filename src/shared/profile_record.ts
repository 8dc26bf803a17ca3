// What a kernel thread tells of itself after it was profiled, as plain data: it crosses threads, and as JSON the control
// socket (main/profile/). Lists of numbers are packed histograms (histogram.ts). All of it is bounded where it is recorded.

import type { ThreadReport } from "./thread_report.ts";

/** Frames of a guest's stack that are kept, the innermost ones. */
export const STACK_FRAMES_MAX = 128;

/** What a profile is asked to hold beside counts and times. */
export interface ProfileOptions {
  /** Sample the JavaScript of kernel threads. */
  cpu: boolean;
  /** Stacks of guests that are taken in a second by each kernel thread, at most; 0: none. */
  stacksPerSecond: number;
}

export interface RecordedTimes {
  queue: number[];
  service: number[];
  work: number[];
  waitEvent: number[];
  waitStub: number[];
  waitHost: number[];
  reply: number[];
  guest: number[];
}

export interface RecordedCall extends RecordedTimes {
  nr: number;
  /** With a result, or begun without one to be told. */
  count: number;
  errors: number;
  /** By errno. */
  errnos: Record<string, number>;
  passed: number;
  trapped: number;
  bytes: number;
  small: number;
  chosen: number;
  chosenBytes: number;
}

export interface RecordedHeavy {
  name: string;
  count: number;
  error: number;
  sumNs: number;
  bytes: number;
}

/** What calls are counted for beside what they are about, by the names that they were made with. */
export const USES = ["lookups", "missing", "smallReads", "smallWrites"] as const;

export type Use = (typeof USES)[number];

export interface RecordedPlace {
  file: string;
  offset: number;
  symbol: string;
  symbolOffset: number;
}

export interface RecordedSite extends RecordedPlace {
  pid: number;
  traps: number;
  address: string;
  state: string;
  /** By number of the call. */
  calls: Record<string, number>;
}

export interface RecordedStack {
  /** Places in `frames`, the innermost first. */
  frames: number[];
  nr: number;
  count: number;
  sumNs: number;
}

/** A node of V8's, with its place in the bundle. */
export interface RecordedNode {
  parent: number;
  name: string;
  url: string;
  /** From 1; 0: none. */
  line: number;
  column: number;
  samples: number;
}

export interface RecordedCpu {
  intervalNs: number;
  samples: number;
  nodes: RecordedNode[];
}

export interface RecordedCollections {
  kind: string;
  count: number;
  sumNs: number;
  maxNs: number;
}

export interface ThreadRecord extends Record<Use, RecordedHeavy[]> {
  /** Nanoseconds that it recorded. */
  durationNs: number;
  /** Its figures as differences over that time. */
  report: ThreadReport;
  cpuNs: number;
  guestWakes: number;
  allocatedBytes: number;
  heapUsedBefore: number;
  heapUsedAfter: number;
  collections: RecordedCollections[];
  calls: RecordedCall[];
  /** Guests' threads that have made some, as many as there were at once. */
  callers: number;
  sites: RecordedSite[];
  paths: RecordedHeavy[];
  sockets: RecordedHeavy[];
  futexes: RecordedHeavy[];
  hostWaits: RecordedHeavy[];
  stacks: {
    samples: number;
    shallow: number;
    whole: number;
    frames: RecordedPlace[];
    stacks: RecordedStack[];
  };
  cpu: RecordedCpu | null;
  dropped: Record<string, number>;
}
