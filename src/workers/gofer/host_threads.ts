// The Gofer's host threads as the kernel thread sees them (native/host/jobs.c): a lane is a thread and the jobs that it does
// one after the other, in the order in which they came. Few of a lane's jobs have a record at a time; the others wait
// here, and those whose callers have gone are forgotten. A host that does not answer holds a lane, and nobody else.

import { EIO } from "../../shared/abi/errno.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import type { Counters } from "../counters.ts";
import type { Native } from "../native.ts";
import type { SleepSet } from "../sleep_set.ts";
import { fileResult } from "./handles.ts";
import { JOB_SIZE, JOBS_A_LANE, type JobArguments, JobOperation, JobRecord, LANES } from "./job_record.ts";

const NS_PER_MS = 1e6;
/** How soon descriptors are closed that there was no thread for. */
const AGAIN_NS = 10e6;

interface ThreadsContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly counters: Counters;
  readonly timers: { add(deadlineNs: number, onExpire: () => void): unknown };
}

/** A job, from when it is asked for until it is done or forgotten. */
export class Job {
  readonly args: JobArguments;
  /** What came of it; the record is good for the duration of the call. Also for a caller that has gone, once it was begun. */
  readonly done: (record: JobRecord) => void;
  /** It was never begun, since its caller had gone. */
  readonly dropped: () => void;
  /** Where it is done. */
  lane = 0;
  isBegun = false;

  constructor(args: JobArguments, done: (record: JobRecord) => void, dropped: () => void = () => {}) {
    this.args = args;
    this.done = done;
    this.dropped = dropped;
  }
}

class Lane {
  readonly number: number;
  readonly waiting: Job[] = [];
  /** Those that have a record, and its number, in the order in which they are done. */
  readonly begun: { readonly job: Job; readonly record: number }[] = [];
  readonly free: number[];
  /** Descriptors wait to be closed, and are looked at again. */
  isLate = false;

  constructor(number: number) {
    this.number = number;
    this.free = Array.from({ length: JOBS_A_LANE }, (_none, index) => number * JOBS_A_LANE + index);
  }
}

export class HostThreads {
  readonly #kernel: ThreadsContext;
  readonly #lanes = Array.from({ length: LANES }, (_none, number) => new Lane(number));
  #records: JobRecord[] = [];
  #bell = -1;
  #watch = -1;

  constructor(kernel: ThreadsContext) {
    this.#kernel = kernel;
  }

  /** Jobs of a lane that are not done. */
  load(lane: number): number {
    const { waiting, begun } = this.#lanes[lane]!;
    return waiting.length + begun.length;
  }

  submit(lane: number, job: Job): void {
    const { counters } = this.#kernel;
    counters.hostJobs++;
    counters.hostJobsWaiting++;
    job.lane = lane;
    this.#lanes[lane]!.waiting.push(job);
    this.#feed(this.#lanes[lane]!);
  }

  /** Its caller has gone. What was begun is done all the same; whoever makes callers come and go leaves nothing else behind. */
  cancel(job: Job): void {
    const { waiting } = this.#lanes[job.lane]!;
    const at = job.isBegun ? -1 : waiting.indexOf(job);
    if (at < 0) return;
    waiting.splice(at, 1);
    this.#kernel.counters.hostJobsWaiting--;
    job.dropped();
  }

  /**
   * Does a job while the kernel thread waits, for so many milliseconds at most: for what has nobody who could wait. False: it
   * was not done in time, and `done` will be called when it is.
   */
  wait(lane: number, job: Job, timeoutMs: number): boolean {
    this.submit(lane, job);
    const { native, counters } = this.#kernel;
    counters.hostWaits++;
    const until = native.monotonicNs() + timeoutMs * NS_PER_MS;
    // Those before it are done before it.
    for (;;) {
      const { begun } = this.#lanes[lane]!;
      const next = begun.find((each) => each.job === job) ?? (job.isBegun ? undefined : begun[0]);
      if (next === undefined) return true;
      const leftMs = (until - native.monotonicNs()) / NS_PER_MS;
      if (leftMs <= 0) return false;
      const isDone = native.jobWait(next.record, Math.ceil(leftMs)) === 0;
      this.#collect();
      if (isDone && next.job === job) return true;
    }
  }

  /** The kernel has ended: there are no jobs. */
  close(): void {
    if (this.#bell < 0) return;
    const { native, sleep } = this.#kernel;
    native.jobsEnd();
    if (this.#watch >= 0) sleep.remove(this.#bell, this.#watch);
    native.close(this.#bell);
    this.#bell = -1;
  }

  #start(): boolean {
    const { native, sleep } = this.#kernel;
    this.#bell = native.doorbellCreate();
    if (this.#bell < 0) return false;
    const memory = new SharedArrayBuffer(LANES * JOBS_A_LANE * JOB_SIZE);
    this.#records = Array.from({ length: LANES * JOBS_A_LANE }, (_none, i) => new JobRecord(memory, i));
    if (native.jobsSetup(new Uint8Array(memory), this.#bell) < 0) {
      native.close(this.#bell);
      this.#bell = -1;
      return false;
    }
    this.#watch = sleep.add(this.#bell, EPOLLIN, () => {
      native.jobsHeard();
      this.#collect();
    });
    return true;
  }

  /** Gives records to the jobs that come next. */
  #feed(lane: Lane): void {
    while (lane.free.length > 0) {
      const job = lane.waiting[0];
      if (job === undefined) return;
      const number = lane.free.at(-1)!;
      if (!this.#begin(lane.number, number, job)) {
        this.#refuse(lane);
        return;
      }
      lane.waiting.shift();
      lane.free.pop();
      lane.begun.push({ job, record: number });
      job.isBegun = true;
    }
  }

  #begin(lane: number, number: number, job: Job): boolean {
    if (this.#bell < 0 && !this.#start()) return false;
    this.#records[number]!.set(job.args);
    return this.#kernel.native.jobSubmit(lane, number) === 0;
  }

  // There is no thread to be had: who asks is told so, and what is to be closed waits until there is one.
  #refuse(lane: Lane): void {
    const { native, counters, timers } = this.#kernel;
    const refused = lane.waiting.filter(({ args }) => args.operation !== JobOperation.CLOSE);
    const closes = lane.waiting.filter(({ args }) => args.operation === JobOperation.CLOSE);
    lane.waiting.splice(0, lane.waiting.length, ...closes);
    if (closes.length > 0 && !lane.isLate) {
      lane.isLate = true;
      timers.add(native.monotonicNs() + AGAIN_NS, () => {
        lane.isLate = false;
        this.#feed(lane);
      });
    }
    counters.hostJobsWaiting -= refused.length;
    const record = new JobRecord(new SharedArrayBuffer(JOB_SIZE), 0);
    for (const job of refused) {
      job.isBegun = true;
      record.set(job.args);
      record.result = -EIO;
      job.done(record);
    }
  }

  // A lane does its jobs in their order, and so they are looked at.
  #collect(): void {
    for (const lane of this.#lanes) {
      for (let next = lane.begun[0]; next !== undefined; next = lane.begun[0]) {
        const record = this.#records[next.record]!;
        if (!record.isDone) break;
        lane.begun.shift();
        record.result = fileResult(record.result);
        this.#kernel.counters.hostJobsWaiting--;
        try {
          next.job.done(record);
        } finally {
          record.free();
          lane.free.push(next.record);
        }
      }
      this.#feed(lane);
    }
  }
}
