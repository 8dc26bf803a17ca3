// The Gofer's host threads as the kernel thread sees them (native/host/jobs.c): a lane is a thread and the jobs that it does
// one after the other, in the order in which they came. Few of a lane's jobs have a record at a time; the others wait
// here, and those whose callers have gone are forgotten. A host that does not answer holds a lane, and nobody else.

import { EIO } from "../../shared/abi/errno.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import type { Counters } from "../counters.ts";
import type { Native } from "../native.ts";
import type { SleepSet } from "../sleep_set.ts";
import { fileResult } from "./handles.ts";
import { JOB_SIZE, JOBS_A_LANE, type JobArguments, JobRecord, LANES } from "./job_record.ts";

const NS_PER_MS = 1e6;

interface ThreadsContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly counters: Counters;
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

  #start(): void {
    const { native, sleep } = this.#kernel;
    const memory = new SharedArrayBuffer(LANES * JOBS_A_LANE * JOB_SIZE);
    this.#records = Array.from({ length: LANES * JOBS_A_LANE }, (_none, i) => new JobRecord(memory, i));
    this.#bell = native.doorbellCreate();
    if (this.#bell < 0) return;
    native.jobsSetup(new Uint8Array(memory), this.#bell);
    this.#watch = sleep.add(this.#bell, EPOLLIN, () => {
      native.jobsHeard();
      this.#collect();
    });
  }

  /** Gives records to the jobs that come next. */
  #feed(lane: Lane): void {
    if (this.#bell < 0) this.#start();
    const { native, counters } = this.#kernel;
    while (lane.free.length > 0) {
      const job = lane.waiting.shift();
      if (job === undefined) return;
      const number = lane.free.at(-1)!;
      const record = this.#records[number]!;
      record.set(job.args);
      job.isBegun = true;
      if (this.#bell >= 0 && native.jobSubmit(lane.number, number) === 0) {
        lane.free.pop();
        lane.begun.push({ job, record: number });
        continue;
      }
      // There is no thread to be had.
      counters.hostJobsWaiting--;
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
