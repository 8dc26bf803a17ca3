// What `ringfence profile --json` writes: one JSON object of this form (docs/profiling.md says what each figure means).
// Whoever reads it looks at `format` and `version` first: fields may be added without another version, and none is
// taken away or means something else without.
//
// Times are nanoseconds and may have a fraction; counts are whole numbers. Texts that guests choose (paths, names of
// files and symbols, arguments) are escaped: printable ASCII alone, everything else, and the backslash, as \xNN; they are
// at most NAME_MAX characters long, and end in "..." where more was cut off. They are still the guest's words: a page
// escapes them once more as its own form needs it.

import type { ThreadRole } from "./thread_plan.ts";

export const PROFILE_FORMAT = "ringfence-profile";
export const PROFILE_VERSION = 1;

/** Characters of a text that a guest chose. */
export const NAME_MAX = 256;

export interface Profile {
  format: typeof PROFILE_FORMAT;
  version: typeof PROFILE_VERSION;
  /** Version of the program that wrote it. */
  ringfence: string;
  /** When recording began, by the host's clock: ISO 8601, UTC. */
  startedAt: string;
  /** How long it went on. */
  durationNs: number;
  subject: ProfileSubject;
  sandbox: ProfiledSandbox;
  /** By number. */
  threads: ThreadProfile[];
  /** Those with the most time in service first. */
  calls: CallProfile[];
  /** All calls together. */
  total: CallTimes;
  /** Guests' threads that have made calls, as many as there were at once. */
  callers: number;
  /** Call sites that still trap, those that trap most first. */
  sites: SiteProfile[];
  /** Heaviest of each kind first; a sketch, whose counts are too high by `error` at most. */
  top: {
    /** Files and what is named by paths: calls that name them by a path or a descriptor. */
    paths: Heavy[];
    /** As paths, sockets alone. */
    sockets: Heavy[];
    /** Shared futexes and those that the kernel serves; key: process and address. */
    futexes: Heavy[];
    /** What calls waited for that hosts of files had to answer. */
    hostWaits: Heavy[];
    /** Names that files were looked for by, or opened; and of these those that were not there. */
    lookups: Heavy[];
    missing: Heavy[];
    /** What reads and writes were of whose size was their program's choice (CallProfile.chosen). */
    smallReads: Heavy[];
    smallWrites: Heavy[];
  };
  /** Stacks of guests: sampled at calls. */
  guestStacks: GuestStacks;
  /** Sentences for whoever wants it faster; the weightiest first. */
  advice: Advice[];
  /** What was not recorded because a bound was reached, by name; empty: nothing. */
  dropped: Record<string, number>;
}

export type ProfileSubject =
  /** `profile -- CMD`: its arguments, and how it ended (as a shell tells it). */
  | { kind: "command"; command: string[]; exitCode: number }
  /** `profile ID`, or a process of its sandbox. */
  | { kind: "container"; id: string };

export interface ProfiledSandbox {
  platform: "systrap" | "ptrace";
  /** Value of --workers. */
  workers: string;
  patch: "on" | "off" | "eager";
}

/** How values are spread. Buckets are narrower than 1/8 of what they hold: a quantile is right within 7 %. */
export interface Histogram {
  count: number;
  sumNs: number;
  /** 0 where count is 0. */
  minNs: number;
  maxNs: number;
  p50Ns: number;
  p90Ns: number;
  p99Ns: number;
  p999Ns: number;
  /** [from, to, count]: from ≤ value < to; ascending, those that hold none left out. */
  buckets: [fromNs: number, toNs: number, count: number][];
}

/** Where the time of calls went. Of each call each part is one value. */
export interface CallTimes {
  /** Calls that ended, whatever with; and those that have no end to be told (exit, execve, rt_sigreturn). */
  count: number;
  /** Ended with an error. */
  errors: number;
  /** From the stub's post until a kernel thread began to serve it. Empty where the stub does not tell. */
  queue: Histogram;
  /** From there to its result: work and waits together. */
  service: Histogram;
  /** Of service: the kernel thread worked on it. */
  work: Histogram;
  /** Of service, of calls that waited: for an event (data, a child, a timeout), for the stub (memory, copies), for the host's answer. */
  waitEvent: Histogram;
  waitStub: Histogram;
  waitHost: Histogram;
  /** From the result until the guest's thread went on. Empty where the stub does not tell. */
  reply: Histogram;
  /** From there to the same thread's next call that reached the kernel: guest code, and calls that its thread answers itself. */
  guest: Histogram;
}

export interface CallProfile extends CallTimes {
  /** Number of the system call; -1: any that Linux does not know. */
  nr: number;
  name: string;
  /** Served by each kernel thread, by its number; a key for each that served any. */
  byThread: Record<string, number>;
  /** Handed to another kernel thread after a look at them. */
  passed: number;
  /** Came by a trap, not by a patched site. */
  trapped: number;
  /** By errno name: ENOENT, ... */
  errnos: Record<string, number>;
  /** Of calls that move bytes: how many, and how many calls moved less than 4 KiB. */
  bytes: number;
  small: number;
  /**
   * Of small, those that were no larger as their program wanted it so, and what they moved: reads that got all that they
   * asked for, writes to what is no socket. A read that got less than that would not have got more.
   */
  chosen: number;
  chosenBytes: number;
}

export interface ThreadProfile {
  thread: number;
  role: ThreadRole;
  /** Its own number on the host; 0: not known. */
  tid: number;
  /** How long it recorded: threads begin one after another. */
  durationNs: number;
  /** How its time went: with calls and messages, with looks that found none, asleep. */
  workNs: number;
  spinNs: number;
  sleepNs: number;
  /** Of its own CPU time: what the host's scheduler gave it. */
  cpuNs: number;
  requests: number;
  sleeps: number;
  /** Doorbells of other kernel threads that it has rung; guests' threads that slept and that it has woken. */
  doorbells: number;
  guestWakes: number;
  passedOut: number;
  passedIn: number;
  forwards: number;
  /** The most messages that it took at once; 0: no more than before it recorded. */
  queuedMax: number;
  longTurns: number;
  /** 0: none was longer than those before it recorded. */
  longestTurnMs: number;
  /** Bytes that its JavaScript has allocated. */
  allocatedBytes: number;
  /** Used of its heap when recording began, and when it ended. */
  heapUsedBefore: number;
  heapUsedAfter: number;
  collections: {
    kind: "minor" | "major" | "incremental" | "weakcb";
    count: number;
    sumNs: number;
    maxNs: number;
  }[];
  /** Null: not asked for, or V8 has not told. */
  cpuProfile: CpuProfile | null;
}

/** Samples of a kernel thread's own code, as a tree. */
export interface CpuProfile {
  intervalNs: number;
  samples: number;
  /** The first is the root; parents stand before their children. */
  nodes: CpuNode[];
}

export interface CpuNode {
  /** Index of its parent in `nodes`; -1: the root. */
  parent: number;
  /**
   * "(root)", "(program)", "(idle)" and "(garbage collector)" are V8's; "(idle)" is also the thread's own sleep, and
   * "(native)" what its caller does in native code.
   */
  name: string;
  /** File of the sources, or a URL of Node's; "": neither. */
  source: string;
  /** Its first line in that file, from 1; 0: not known. */
  line: number;
  /** Samples that were taken with it on top, and their time. */
  selfSamples: number;
  selfNs: number;
}

export interface SiteProfile {
  /** One of the processes that made calls there, by its number in the sandbox. */
  pid: number;
  /** Calls that trapped there while it was recorded, of all processes that have that file mapped. */
  traps: number;
  /** As 0x..., of the instruction in that process. */
  address: string;
  /** Path of the file that is mapped there, and the instruction's offset in it; "": none. */
  file: string;
  offset: number;
  /** Symbol that it lies behind, and how far; "": not known. */
  symbol: string;
  symbolOffset: number;
  /** "patched" (it was, later), why it is not, or "": it was not judged, or its process has gone since. */
  state: string;
  /** Names of the calls that were made there, with how often. */
  calls: Record<string, number>;
}

/** One of the heaviest keys of a sketch. */
export interface Heavy {
  /** What it is: a path, a socket's name, ... Escaped. */
  name: string;
  /** Calls, at most; `error` of them may be others'. */
  count: number;
  error: number;
  /** Time in service of those calls since the key was last taken in. */
  sumNs: number;
  /** Bytes that they moved. */
  bytes: number;
}

/** Stands for the callers of a stack that has more: symbol of a frame without a file. */
export const CUT_SYMBOL = "(further callers)";

export interface GuestStacks {
  /** Samples that were taken, those of them with no frame but the call's own, and those that lead to where their thread began. */
  samples: number;
  shallow: number;
  whole: number;
  frames: GuestFrame[];
  stacks: {
    /** Indices in `frames`, the outermost caller first. */
    frames: number[];
    /** Name of the call that was made. */
    call: string;
    count: number;
    /** Time in service of those calls. */
    sumNs: number;
  }[];
}

export interface GuestFrame {
  /** Path of the file that is mapped there; "": none. */
  file: string;
  offset: number;
  /** "": not known. */
  symbol: string;
  symbolOffset: number;
}

export interface Advice {
  /** Which rule says so: a stable name. */
  rule: string;
  /** A sentence or two, with the figure that it rests on. */
  text: string;
  /** That figure: a share (0 to 1), or a number of its own unit. */
  figure: number;
}
