// Records calls while a thread is profiled: it stands where --strace's tracer does (CallObserver), so that a thread that
// is not profiled pays nothing but the question whether there is anybody. What a call is about and where it comes from
// others say (CallSubjects, CallOrigins).
//
// The time of a call is split at what is seen here: enter, rests, goesOn, leave. When it was posted, and when its
// thread went on, the stub says in its slot (RF_POSTED_AT); that is a guest's word, which is left out unless it lies where it must.

import { LOOKUPS, READS, SIZED_READS, WRITES } from "../../shared/abi/call_habits.ts";
import { ENOENT } from "../../shared/abi/errno.ts";
import { syscallByNumber } from "../../shared/abi/syscalls.ts";
import type { RecordedHeavy, Use } from "../../shared/profile_record.ts";
import { kindOf, recordWord } from "../../shared/ring/claims.ts";
import type { GuestMemory } from "../../shared/ring/guest_memory.ts";
import { KP_MARSHAL_COUNT, POSTED_AT, RESUMED_AT, SEQUENCE_STEP } from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import type { Call } from "../call/call.ts";
import type { CallObserver } from "../call/context.ts";
import { type CallEntry, CallTable, SMALL, type Waits } from "./call_table.ts";
import { HeavyHitters } from "./heavy_hitters.ts";

/** Keys of each kind that are kept, and those of them that are told. */
const KEYS = 1024;
const TOLD = 50;
const READINGS = 100;
/** What two clocks may differ by, in nanoseconds. */
const CLOCK_ERROR = 1000;

/** What a call may be about. */
export type SubjectKind = "paths" | "sockets" | "futexes";

export interface Subject {
  readonly kind: SubjectKind;
  readonly name: string;
}

/** Says what calls are about; null: nothing that is counted. Asked while the arguments stand in the call's frame. */
export interface CallSubjects {
  of(call: Call): Subject | null;
  /** A socket's name with what else is known of it. */
  socketName(name: string): string;
}

/** Where calls come from. */
export interface CallOrigins {
  /** It came by a trap. */
  trapped(call: Call): void;
  /** A stack, if one is due: what to give to `served`; null: none. */
  sample(call: Call, nowNs: number): object | null;
  served(sample: object, ns: number): void;
}

interface RecorderContext {
  readonly native: { monotonicNs(): number };
  readonly slots: Slots;
  readonly memory: GuestMemory;
}

const MOVES_BYTES: ReadonlySet<string> = new Set(
  (
    "read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 sendto recvfrom sendmsg recvmsg " +
    "sendfile splice tee vmsplice copy_file_range getdents getdents64"
  ).split(" "),
);
/** They come back, if at all, somewhere else. */
const HAVE_NO_RESULT: ReadonlySet<string> = new Set(["rt_sigreturn", "execve", "execveat"]);

function marked(names: ReadonlySet<string>, also: (nr: number) => boolean = () => false): Uint8Array {
  return Uint8Array.from({ length: KP_MARSHAL_COUNT }, (_none, nr) =>
    names.has(syscallByNumber(nr)?.name ?? "") || also(nr) ? 1 : 0,
  );
}

/** The call of a slot, and what is left of the one before. */
class Open {
  call: Call;
  /** Null: none is open. */
  entry: CallEntry | null = null;
  nr = -1;
  isTrapped = false;
  startNs = 0;
  /** From its post to its begin; negative: not known. */
  queueNs = -1;
  /** Since when it rests; negative: it does not. */
  restsNs = -1;
  rest: keyof Waits = "waitEvent";
  /** When its stub was let go back by itself; negative: it was not. */
  returnedNs = -1;
  readonly waits: Waits = { waitEvent: 0, waitStub: 0, waitHost: 0 };
  subject: Subject | null = null;
  /** Bytes that a read asks for; negative: it is none, or does not say. */
  wanted = -1;
  sample: object | null = null;
  /** The one before, and when it had its result. */
  last: CallEntry | null = null;
  leftNs = 0;

  constructor(call: Call) {
    this.call = call;
  }
}

/** What a program does with a call. */
const Habit = { NONE: 0, READ: 1, WRITE: 2, LOOKUP: 3 } as const;
const SIZE_ARGUMENT = 2;

function habits(): Uint8Array {
  const all = new Uint8Array(KP_MARSHAL_COUNT);
  for (const [names, habit] of [
    [READS, Habit.READ],
    [WRITES, Habit.WRITE],
    [LOOKUPS, Habit.LOOKUP],
  ] as const)
    for (const [nr, is] of marked(new Set(names)).entries()) if (is === 1) all[nr] = habit;
  return all;
}

/** CLOCK_MONOTONIC in nanoseconds less what performance.now() says: of several readings the one that took least. */
function clockOrigin(native: { monotonicNs(): number }): number {
  let [origin, least] = [0, Number.POSITIVE_INFINITY];
  for (let i = 0; i < READINGS; i++) {
    const before = performance.now();
    const monotonicNs = native.monotonicNs();
    const after = performance.now();
    if (after - before >= least) continue;
    least = after - before;
    origin = monotonicNs - ((before + after) / 2) * 1e6;
  }
  return origin;
}

export class Recorder implements CallObserver {
  readonly #kernel: RecorderContext;
  readonly #subjects: CallSubjects | null;
  readonly #origins: CallOrigins | null;
  /** CLOCK_MONOTONIC in nanoseconds less what performance.now() says. */
  readonly #originNs: number;
  readonly #startedNs: number;
  readonly #words: Int32Array;
  readonly #open: (Open | undefined)[] = [];
  readonly #movesBytes = marked(MOVES_BYTES);
  readonly #isEndless = marked(HAVE_NO_RESULT, (nr) => syscallByNumber(nr)?.result === "never");
  readonly #habits = habits();
  readonly #isSizedRead = marked(new Set(SIZED_READS));
  readonly calls = new CallTable();
  /** Calls of which it could not be found out what they are about: a fault of ours. */
  errors = 0;
  readonly #heavy: Readonly<Record<SubjectKind | "hostWaits" | Use, HeavyHitters>> = {
    paths: new HeavyHitters(KEYS),
    sockets: new HeavyHitters(KEYS),
    futexes: new HeavyHitters(KEYS),
    hostWaits: new HeavyHitters(KEYS),
    lookups: new HeavyHitters(KEYS),
    missing: new HeavyHitters(KEYS),
    smallReads: new HeavyHitters(KEYS),
    smallWrites: new HeavyHitters(KEYS),
  };

  constructor(kernel: RecorderContext, subjects: CallSubjects | null, origins: CallOrigins | null) {
    this.#kernel = kernel;
    this.#originNs = clockOrigin(kernel.native);
    this.#startedNs = this.#now();
    this.#subjects = subjects;
    this.#origins = origins;
    this.#words = kernel.memory.words;
  }

  #now(): number {
    return performance.now() * 1e6 + this.#originNs;
  }

  enter(call: Call): void {
    const { slot, nr } = call;
    const nowNs = this.#now();
    let open = this.#open[slot];
    if (open?.call !== call) {
      if (open !== undefined) this.#endWithoutResult(open);
      open = new Open(call);
      this.#open[slot] = open;
    } else if (open.entry !== null) this.#endWithoutResult(open);
    const entry = this.calls.of(nr);
    open.entry = entry;
    open.nr = nr;
    open.restsNs = -1;
    open.returnedNs = -1;
    open.waits.waitEvent = 0;
    open.waits.waitStub = 0;
    open.waits.waitHost = 0;
    this.#told(open, slot, nowNs);
    const isTrapped = this.#isTrapped(call);
    open.isTrapped = isTrapped;
    if (isTrapped) entry.trapped++;
    open.subject = null;
    open.wanted = -1;
    open.sample = null;
    try {
      this.#lookAt(open, isTrapped, nowNs);
    } catch {
      this.errors++; // the call is served all the same
    }
    // What was done so far was for the profile.
    open.startNs = this.#now();
  }

  /** What it is about, and where it comes from. */
  #lookAt(open: Open, isTrapped: boolean, nowNs: number): void {
    const { call } = open;
    if (this.#isSizedRead[open.nr] === 1) open.wanted = call.frame.argumentLow(SIZE_ARGUMENT) >>> 0;
    if (this.#subjects !== null) open.subject = this.#subjects.of(call);
    if (this.#origins === null) return;
    if (isTrapped) this.#origins.trapped(call);
    open.sample = this.#origins.sample(call, nowNs);
  }

  /** What the stub tells of when it posted the call, and when it went on after the last one. */
  #told(open: Open, slot: number, nowNs: number): void {
    const { slots } = this.#kernel;
    const postedNs = slots.unsigned(slot, POSTED_AT);
    const { last, leftNs } = open;
    open.last = null;
    open.queueNs = -1;
    if (postedNs < this.#startedNs || postedNs < leftNs - CLOCK_ERROR || postedNs > nowNs + CLOCK_ERROR)
      return;
    open.queueNs = Math.max(0, nowNs - postedNs);
    const resumedNs = slots.unsigned(slot, RESUMED_AT);
    if (last === null || resumedNs < leftNs - CLOCK_ERROR || resumedNs > postedNs) return;
    last.reply.add(resumedNs - leftNs);
    last.guest.add(postedNs - resumedNs);
  }

  #isTrapped({ slot, sequence }: Call): boolean {
    return kindOf(this.#words[recordWord(slot, sequence & (SEQUENCE_STEP - 1))]!) === Request.SYSCALL;
  }

  rests(call: Call): void {
    const open = this.#open[call.slot];
    if (open === undefined || open.call !== call || open.entry === null) return;
    open.restsNs = this.#now();
    open.rest = call.asked !== null ? "waitHost" : call.owned ? "waitEvent" : "waitStub";
    if (call.mayHaveReturned && open.returnedNs < 0) open.returnedNs = open.restsNs;
  }

  goesOn(call: Call): void {
    const open = this.#open[call.slot];
    if (open === undefined || open.call !== call || open.restsNs < 0) return;
    open.waits[open.rest] += this.#now() - open.restsNs;
    open.restsNs = -1;
    // What would have ended it by itself has failed: it ends as any other.
    open.returnedNs = -1;
  }

  passed(call: Call): void {
    const open = this.#open[call.slot];
    if (open === undefined || open.call !== call || open.entry === null) return;
    open.entry.passed++;
    // Whoever goes on with it counts it again.
    if (open.isTrapped) open.entry.trapped--;
    open.entry = null;
    open.sample = null;
  }

  leave(call: Call, result: number): void {
    const open = this.#open[call.slot];
    if (open === undefined || open.call !== call || open.entry === null) return;
    const { entry, waits, subject, sample } = open;
    const endNs = open.returnedNs >= 0 ? open.returnedNs : this.#now();
    if (open.restsNs >= 0 && open.returnedNs < 0) waits[open.rest] += endNs - open.restsNs;
    const movesBytes = this.#movesBytes[call.nr] === 1;
    entry.result(result, movesBytes);
    const serviceNs = entry.served(open.queueNs, endNs - open.startNs, waits);
    if (subject !== null) {
      this.#heavy[subject.kind].add(subject.name, serviceNs, movesBytes && result > 0 ? result : 0);
      if (waits.waitHost > 0) this.#heavy.hostWaits.add(subject.name, waits.waitHost, 0);
    }
    this.#used(open, entry, result, serviceNs);
    if (sample !== null) this.#origins!.served(sample, serviceNs);
    open.entry = null;
    open.last = entry;
    open.leftNs = endNs;
    open.restsNs = -1;
  }

  /** What of it its program might do otherwise: names that it looks for, sizes that it has chosen. */
  #used({ nr, subject, wanted }: Open, entry: CallEntry, result: number, serviceNs: number): void {
    const habit = this.#habits[nr] ?? Habit.NONE;
    if (habit === Habit.NONE) return;
    if (habit === Habit.LOOKUP) {
      if (subject?.kind !== "paths") return;
      this.#heavy.lookups.add(subject.name, serviceNs, 0);
      if (result === -ENOENT) this.#heavy.missing.add(subject.name, serviceNs, 0);
      return;
    }
    if (result <= 0 || result >= SMALL) return;
    // Who got less than that got all that there was; and what is sent is an answer to somebody.
    if (habit === Habit.READ ? result !== wanted : subject?.kind === "sockets") return;
    entry.chosen++;
    entry.chosenBytes += result;
    const use = habit === Habit.READ ? "smallReads" : "smallWrites";
    if (subject !== null) this.#heavy[use].add(subject.name, serviceNs, result);
  }

  /** It has never come to `leave`: its task has another program, or has gone. */
  #endWithoutResult(open: Open): void {
    const { entry } = open;
    if (entry === null) return;
    entry.count++;
    entry.served(open.queueNs, (open.restsNs >= 0 ? open.restsNs : open.startNs) - open.startNs, open.waits);
    open.entry = null;
    open.last = null;
  }

  /** Guests' threads that have made calls, as many as there were at once: each has a slot. */
  get callers(): number {
    return this.#open.filter((open) => open !== undefined).length;
  }

  /** Recording is over; how many calls were under way. */
  end(): number {
    let underWay = 0;
    for (const open of this.#open) {
      if (open === undefined || open.entry === null) continue;
      if (this.#isEndless[open.nr] === 1 || open.call.nr !== open.nr) this.#endWithoutResult(open);
      else underWay++;
    }
    return underWay;
  }

  /** The heaviest of a kind. */
  most(kind: SubjectKind | "hostWaits" | Use): RecordedHeavy[] {
    const most = this.#heavy[kind].most(TOLD);
    const subjects = this.#subjects;
    if (kind !== "sockets" || subjects === null) return most;
    return most.map((one) => ({ ...one, name: subjects.socketName(one.name) }));
  }
}
