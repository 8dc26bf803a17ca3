// A job's record (native/include/ringfence/job.h) as the kernel thread sees it: what a thread of the Gofer's is to do, and
// what came of it. It lies in memory that no stub maps.

/** Those of remote mounts come first, then those of local ones (host_mounts.ts). */
export const REMOTE_LANES = 8;
export const LANES = 12;
export const JOBS_A_LANE = 4;
export const JOB_DATA_SIZE = 65536;

export const JOB_FREE = 0;
export const JOB_DONE = 3;

/** The order of enum job_operation. */
export const JobOperation = {
  LOOKUP: 0,
  STAT: 1,
  REOPEN: 2,
  READLINK: 3,
  GETXATTR: 4,
  LISTXATTR: 5,
  OPEN_DIRECTORY: 6,
  GETDENTS: 7,
  STATFS: 8,
  READ: 9,
  WRITE: 10,
  FSYNC: 11,
  SEEK: 12,
  ALLOCATE: 13,
  CLOSE: 14,
  MAKE: 15,
  TMPFILE: 16,
  LINK: 17,
  UNLINK: 18,
  RENAME: 19,
  SETATTR: 20,
  SETXATTR: 21,
  REMOVEXATTR: 22,
} as const;

export type JobOperationCode = (typeof JobOperation)[keyof typeof JobOperation];

export const SET_MODE = 1;
export const SET_UID = 2;
export const SET_GID = 4;
export const SET_SIZE = 8;
export const SET_TIMES = 16;

/** Of a look-up, second: another mount of the host's begins there. */
export const CROSSING_ENTERED = 1;
export const CROSSING_LEFT = 2;

export const OWNER_ASKED = 1;
export const OWNER_UNMAPPED = 2;

// Words, and bytes.
const STATE = 0;
const OPERATION = 1;
const RESULT = 2;
const SECOND = 3;
const VALUE_AT = 16;
const ARGUMENTS = 6;
const LENGTH = 11;
const POSITION_AT = 48;
const TYPE = 14;
const OWNER = 15;
const STAT_AT = 64;
const TIMES_AT = 208;
const DATA_AT = 256;
/** Where the second of two names stands in the data. */
export const SECOND_NAME_AT = 4096;

export const JOB_SIZE = DATA_AT + JOB_DATA_SIZE;

/** What a thread is asked to do; fields that an operation does not know are 0. */
export interface JobArguments {
  readonly operation: JobOperationCode;
  readonly a?: number;
  readonly b?: number;
  readonly c?: number;
  readonly d?: number;
  readonly e?: number;
  readonly length?: number;
  readonly position?: number;
  readonly value?: number;
  readonly owner?: number;
  /** One char a byte, without NUL. */
  readonly name?: string;
  readonly second?: string;
  /** Puts contents, or times, into the record: when it is the job's turn, and its caller waits for it still. */
  readonly fill?: (record: JobRecord) => void;
}

export class JobRecord {
  readonly #words: Int32Array;
  readonly #view: DataView;
  /** struct stat, as fstat leaves it in a scratch area. */
  readonly stat: DataView;
  readonly times: DataView;
  readonly data: Buffer;

  constructor(memory: SharedArrayBuffer, index: number) {
    const at = index * JOB_SIZE;
    this.#words = new Int32Array(memory, at, DATA_AT >>> 2);
    this.#view = new DataView(memory, at, DATA_AT);
    this.stat = new DataView(memory, at + STAT_AT, TIMES_AT - STAT_AT);
    this.times = new DataView(memory, at + TIMES_AT, 32);
    this.data = Buffer.from(memory, at + DATA_AT, JOB_DATA_SIZE);
  }

  set(job: JobArguments): void {
    const words = this.#words;
    words[OPERATION] = job.operation;
    words[RESULT] = 0;
    words[SECOND] = -1;
    words[ARGUMENTS] = job.a ?? 0;
    words[ARGUMENTS + 1] = job.b ?? 0;
    words[ARGUMENTS + 2] = job.c ?? 0;
    words[ARGUMENTS + 3] = job.d ?? 0;
    words[ARGUMENTS + 4] = job.e ?? 0;
    words[LENGTH] = job.length ?? 0;
    words[TYPE] = 0;
    words[OWNER] = job.owner ?? 0;
    this.#view.setFloat64(POSITION_AT, job.position ?? 0, true);
    this.#view.setFloat64(VALUE_AT, job.value ?? 0, true);
    if (job.name !== undefined) this.#put(job.name, 0);
    if (job.second !== undefined) this.#put(job.second, SECOND_NAME_AT);
    job.fill?.(this);
  }

  #put(text: string, at: number): void {
    this.data[at + this.data.write(text, at, "latin1")] = 0;
  }

  /** What is read behind it was written by the thread before. */
  get isDone(): boolean {
    return Atomics.load(this.#words, STATE) === JOB_DONE;
  }

  free(): void {
    this.#words[STATE] = JOB_FREE;
  }

  /** A value, or a negative errno. */
  get result(): number {
    return this.#words[RESULT]!;
  }

  set result(value: number) {
    this.#words[RESULT] = value;
  }

  get second(): number {
    return this.#words[SECOND]!;
  }

  get value(): number {
    return this.#view.getFloat64(VALUE_AT, true);
  }

  get type(): number {
    return this.#words[TYPE]! >>> 0;
  }

  get owner(): number {
    return this.#words[OWNER]!;
  }

  /** The first `length` bytes of its data, as chars. */
  text(length: number): string {
    return this.data.toString("latin1", 0, Math.min(length, JOB_DATA_SIZE));
  }
}
