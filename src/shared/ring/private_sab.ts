// The private SAB: memory that the kernel threads of one sandbox share and that no stub ever maps.
// This file says what lies where; the protocol on each region is the business of the file named
// beside it. Everything starts as zero, and zero is every region's state of rest.
//
// A word has one writer, and then plain loads and stores do: x86 keeps the order of a thread's stores and that of its
// loads, and V8 keeps the program's. Or it is changed by Atomics alone, unless there is one kernel thread (claims.ts
// and active.ts say which): V8 makes a call of each, which costs more than the locked instruction inside.

import { CHUNK_SLOTS, GUEST_CHUNKS, KERNEL_THREADS_MAX } from "./layout.ts";

/** Places for chunks, the kernel page's included so that chunk numbers need no second check. */
export const CHUNK_PLACES = GUEST_CHUNKS + 1;
export const SLOT_PLACES = CHUNK_PLACES * CHUNK_SLOTS;

/** Words a cache line; what different threads write lies at least this far apart. */
const LINE_WORDS = 16;

// Per kernel thread, one cache line each for what others write and what the thread itself writes.
export const CONTROL_ASKED = 0; // turns.ts: written by the main thread
const CONTROL_STOP = 1; // set once by the main thread: leave the loop for good
export const CONTROL_SERVED = LINE_WORDS; // turns.ts: written by the kernel thread
export const CONTROL_PASSES = LINE_WORDS + 1; // quiescence.ts: written by the kernel thread
export const CONTROL_DOORBELL = LINE_WORDS + 2; // its descriptor: written by the kernel thread, before others start
export const CONTROL_BEHIND = LINE_WORDS + 3; // it has messages that found no room: written by the kernel thread
export const CONTROL_MOVED = LINE_WORDS + 4; // calls that it has served as a data thread: written by the kernel thread
export const CONTROL_WORDS = 2 * LINE_WORDS;

// Mailbox of one ordered pair of kernel threads (mailbox.ts).
export const MAILBOX_RECORD_WORDS = 16;
export const MAILBOX_RECORDS = 256;
export const MAILBOX_TAIL = 0; // records ever sent: written by the sender
export const MAILBOX_HEAD = LINE_WORDS; // records ever taken: written by the receiver
export const MAILBOX_FIRST = 2 * LINE_WORDS;
const MAILBOX_WORDS = MAILBOX_FIRST + MAILBOX_RECORDS * MAILBOX_RECORD_WORDS;

/** Words of a kernel thread in `seen` and `active`. */
export const SEEN_WORDS = SLOT_PLACES;
export const ACTIVE_WORDS = CHUNK_PLACES / 32;

/** Sockets of other kernel threads than 0, and the words of each. */
export const READINESS_RECORDS = 65536;
export const READINESS_WORDS = 4;

// Of each thing that is bounded for all kernel threads together (credit.ts).
export const CREDIT_ACCOUNTS = 4;
export const CREDIT_LIMIT = 0; // what there may be in all: seldom written, by one thread
export const CREDIT_LEFT = LINE_WORDS; // what of that nobody has drawn: by Atomics
export const CREDIT_WORDS = 2 * LINE_WORDS;

// Of files whose bytes other kernel threads move (open_records.ts): tables of descriptors, what of each is known, open
// files, and inodes.
export const TABLE_BLOCKS = 1024;
export const TABLE_DESCRIPTORS = 256;
export const OPEN_RECORDS = 8192;
export const STAMP_RECORDS = 8192;
export const OPEN_RECORD_WORDS = LINE_WORDS;
export const STAMP_WORDS = 4;

interface Region {
  readonly name: string;
  readonly words: number;
}

/** Regions in the order in which they lie in memory; each starts on a cache line. */
const REGIONS = [
  { name: "control", words: KERNEL_THREADS_MAX * CONTROL_WORDS },
  { name: "limit", words: LINE_WORDS }, // word 0: active.ts
  { name: "credit", words: CREDIT_ACCOUNTS * CREDIT_WORDS }, // credit.ts
  { name: "claims", words: SLOT_PLACES },
  { name: "seen", words: KERNEL_THREADS_MAX * SEEN_WORDS },
  { name: "attention", words: SLOT_PLACES }, // attention.ts
  { name: "readiness", words: READINESS_RECORDS * READINESS_WORDS }, // readiness.ts
  { name: "callers", words: SLOT_PLACES }, // open_records.ts, as the next three
  { name: "tables", words: TABLE_BLOCKS * TABLE_DESCRIPTORS },
  { name: "openRecords", words: OPEN_RECORDS * OPEN_RECORD_WORDS },
  { name: "stamps", words: STAMP_RECORDS * STAMP_WORDS },
  { name: "movers", words: LINE_WORDS }, // word 0: whether files are watched (pool/lender.ts)
  { name: "widths", words: CHUNK_PLACES }, // active.ts
  { name: "active", words: KERNEL_THREADS_MAX * ACTIVE_WORDS },
  { name: "mailboxes", words: KERNEL_THREADS_MAX * KERNEL_THREADS_MAX * MAILBOX_WORDS },
] as const satisfies readonly Region[];

type RegionName = (typeof REGIONS)[number]["name"];

const PRIVATE_SAB_BYTES = REGIONS.reduce((sum, region) => sum + region.words * 4, 0);

function doublesOf({ buffer, byteOffset, length }: Int32Array): Float64Array {
  return new Float64Array(buffer, byteOffset, length >>> 1);
}

export class PrivateSab {
  /** What is posted to another worker; it makes its own PrivateSab from it. */
  readonly buffer: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly limit: Int32Array;
  readonly credit: Int32Array;
  readonly claims: Int32Array;
  readonly seen: Int32Array;
  readonly attention: Int32Array;
  readonly readiness: Int32Array;
  readonly callers: Int32Array;
  readonly tables: Int32Array;
  readonly openRecords: Int32Array;
  readonly stamps: Int32Array;
  /** The same words as doubles. */
  readonly openRecordDoubles: Float64Array;
  readonly stampDoubles: Float64Array;
  readonly movers: Int32Array;
  readonly widths: Int32Array;
  readonly active: Int32Array;
  readonly mailboxes: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(PRIVATE_SAB_BYTES)) {
    this.buffer = buffer;
    const views = new Map<RegionName, Int32Array>();
    let offset = 0;
    for (const { name, words } of REGIONS) {
      views.set(name, new Int32Array(buffer, offset, words));
      offset += words * 4;
    }
    this.control = views.get("control")!;
    this.limit = views.get("limit")!;
    this.credit = views.get("credit")!;
    this.claims = views.get("claims")!;
    this.seen = views.get("seen")!;
    this.attention = views.get("attention")!;
    this.readiness = views.get("readiness")!;
    this.callers = views.get("callers")!;
    this.tables = views.get("tables")!;
    this.openRecords = views.get("openRecords")!;
    this.stamps = views.get("stamps")!;
    this.movers = views.get("movers")!;
    this.openRecordDoubles = doublesOf(this.openRecords);
    this.stampDoubles = doublesOf(this.stamps);
    this.widths = views.get("widths")!;
    this.active = views.get("active")!;
    this.mailboxes = views.get("mailboxes")!;
  }

  /** The doorbell of a kernel thread, which has set it. */
  doorbell(thread: number): number {
    return this.control[thread * CONTROL_WORDS + CONTROL_DOORBELL]!;
  }

  setDoorbell(thread: number, fd: number): void {
    Atomics.store(this.control, thread * CONTROL_WORDS + CONTROL_DOORBELL, fd);
  }

  isBehind(thread: number): boolean {
    return this.control[thread * CONTROL_WORDS + CONTROL_BEHIND] !== 0;
  }

  setBehind(thread: number, value: boolean): void {
    Atomics.store(this.control, thread * CONTROL_WORDS + CONTROL_BEHIND, value ? 1 : 0);
  }

  stopped(thread: number): boolean {
    return Atomics.load(this.control, thread * CONTROL_WORDS + CONTROL_STOP) !== 0;
  }

  stop(thread: number): void {
    Atomics.store(this.control, thread * CONTROL_WORDS + CONTROL_STOP, 1);
  }
}
