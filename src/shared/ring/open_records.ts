// What kernel threads that move bytes of files (pool/data_kernel.ts) know of a call's descriptor, in the private SAB:
//
//   callers[slot]        the table of descriptors of whoever makes calls there: 1 + its number, 0: none is known
//   tables[table][fd]    the open file: 1 + its record's number, and the low bits of its incarnation; 0: none is known
//   records              of an open file: its host descriptor, what may be done, and its position, with who moves that
//   stamps               of an inode: whether it may be written, and that it was
//
// Kernel thread 0 alone writes the first two, gives records out and takes them back; whatever is not known there is
// thread 0's to serve. What was given up is given out anew only when every kernel thread has passed its loop top
// (quiescence.ts): so is the host descriptor closed, so that nobody reads another file under its number.
//
// Who serves a call finds a record behind the claim of its slot, which is a locked instruction: quiescence.ts relies on that.
//
// A record's fields are read between two looks at its version, which thread 0 makes odd while it changes them.
//
// The position is moved by whoever holds it, for no longer than one call of the host's. Who finds it held goes to thread
// 0, which says that it wants it and is told. test/model/position.test.ts has all orders.

import {
  OPEN_RECORD_WORDS,
  OPEN_RECORDS,
  STAMP_WORDS,
  TABLE_BLOCKS,
  TABLE_DESCRIPTORS,
} from "./private_sab.ts";

// Of a record, in words.
const INCARNATION = 0;
const VERSION = 1;
const HOLDER = 2;
const HOST_FD = 3;
const MODES = 4;
const STAMPS = 5;
const POSITION = 6; // f64
const WARM_END = 8; // f64

// Of stamps.
const FLAGS = 0;
const WRITTEN = 1;
const READ_AT = 2; // f64: milliseconds since 1970; 0: not

const INCARNATION_SHIFT = 16;
const RECORD_MASK = (1 << INCARNATION_SHIFT) - 1;
const INCARNATION_MASK = 0x7fff;

if (OPEN_RECORDS > RECORD_MASK)
  throw new Error("open records: a descriptor's word has no room for their numbers");

/** The position is nobody's; else 1 + the number of a kernel thread. */
const FREE = 0;
/** Thread 0 is to be told when it is free. */
const WANTED = 0x100;

/** What may be done with an open file there. */
export const LENT_READ = 1;
export const LENT_WRITE = 2;
/** The host tells what its page cache has of it; else what lies before the warm end is there. */
export const LENT_TELLS = 4;
/** That it was read is to be noted. */
export const LENT_ACCESS_TIME = 8;

/** Nobody but thread 0 may write to the file. */
const NO_WRITES = 1;

/** The views of PrivateSab that it needs. */
export interface OpenRecordViews {
  readonly callers: Int32Array;
  readonly tables: Int32Array;
  readonly openRecords: Int32Array;
  readonly stamps: Int32Array;
  readonly openRecordDoubles: Float64Array;
  readonly stampDoubles: Float64Array;
}

/** What a record said at one moment. */
export class Lent {
  hostFd = -1;
  modes = 0;
  stamps = 0;
  warmEnd = 0;
}

export class OpenRecords {
  readonly #callers: Int32Array;
  readonly #tables: Int32Array;
  readonly #records: Int32Array;
  readonly #doubles: Float64Array;
  readonly #stamps: Int32Array;
  readonly #times: Float64Array;
  readonly #thread: number;

  constructor(views: OpenRecordViews, thread: number) {
    this.#callers = views.callers;
    this.#tables = views.tables;
    this.#records = views.openRecords;
    this.#doubles = views.openRecordDoubles;
    this.#stamps = views.stamps;
    this.#times = views.stampDoubles;
    this.#thread = thread;
  }

  // ---- Which record: by thread 0 ----

  setCaller(slot: number, table: number): void {
    Atomics.store(this.#callers, slot, table + 1);
  }

  forgetCaller(slot: number): void {
    if (this.#callers[slot] !== 0) Atomics.store(this.#callers, slot, 0);
  }

  callerTable(slot: number): number {
    return this.#callers[slot]! - 1;
  }

  setDescriptor(table: number, fd: number, record: number): void {
    Atomics.store(this.#tables, table * TABLE_DESCRIPTORS + fd, this.#name(record));
  }

  forgetDescriptor(table: number, fd: number): void {
    Atomics.store(this.#tables, table * TABLE_DESCRIPTORS + fd, 0);
  }

  /** Whether the descriptor names that record. */
  isNamed(table: number, fd: number, record: number): boolean {
    return this.#tables[table * TABLE_DESCRIPTORS + fd] === this.#name(record);
  }

  #name(record: number): number {
    const incarnation = this.#records[record * OPEN_RECORD_WORDS + INCARNATION]! & INCARNATION_MASK;
    return (incarnation << INCARNATION_SHIFT) | (record + 1);
  }

  // ---- Which record: by whoever serves a call ----

  /** What the descriptor of a call in that slot names; -1: nothing that is known. */
  find(slot: number, fd: number): number {
    const table = this.#callers[slot]! - 1;
    if (table < 0 || table >= TABLE_BLOCKS || fd < 0 || fd >= TABLE_DESCRIPTORS) return -1;
    const name = this.#tables[table * TABLE_DESCRIPTORS + fd]!;
    const record = (name & RECORD_MASK) - 1;
    return record >= 0 && this.#name(record) === name ? record : -1;
  }

  /** What is lent; false: that is changing right now. */
  read(record: number, into: Lent): boolean {
    const words = this.#records;
    const at = record * OPEN_RECORD_WORDS;
    const version = Atomics.load(words, at + VERSION);
    into.hostFd = words[at + HOST_FD]!;
    into.modes = words[at + MODES]!;
    into.stamps = words[at + STAMPS]!;
    into.warmEnd = this.#doubles[(at + WARM_END) >>> 1]!;
    return (version & 1) === 0 && Atomics.load(words, at + VERSION) === version;
  }

  /** Which of the open files that have the record one after the other has it now. */
  incarnation(record: number): number {
    return this.#records[record * OPEN_RECORD_WORDS + INCARNATION]!;
  }

  // ---- What is lent: by thread 0 ----

  /** A record is an open file's from now on. */
  begin(record: number, position: number): void {
    const at = record * OPEN_RECORD_WORDS;
    Atomics.add(this.#records, at + INCARNATION, 1);
    Atomics.store(this.#records, at + HOLDER, FREE);
    this.#doubles[(at + POSITION) >>> 1] = position;
  }

  set(record: number, { hostFd, modes, stamps, warmEnd }: Readonly<Lent>): void {
    const words = this.#records;
    const at = record * OPEN_RECORD_WORDS;
    Atomics.add(words, at + VERSION, 1);
    words[at + HOST_FD] = hostFd;
    words[at + MODES] = modes;
    words[at + STAMPS] = stamps;
    this.#doubles[(at + WARM_END) >>> 1] = warmEnd;
    Atomics.add(words, at + VERSION, 1);
  }

  /** What was named by it is no longer. */
  end(record: number): void {
    Atomics.add(this.#records, record * OPEN_RECORD_WORDS + INCARNATION, 1);
  }

  // ---- The position ----

  position(record: number): number {
    return this.#doubles[(record * OPEN_RECORD_WORDS + POSITION) >>> 1]!;
  }

  /** By who holds it; or by who wants it whoever holds it (Linux's sendfile does). */
  setPosition(record: number, position: number): void {
    this.#doubles[(record * OPEN_RECORD_WORDS + POSITION) >>> 1] = position;
  }

  /** Whether the position is this thread's from now on. */
  take(record: number): boolean {
    const at = record * OPEN_RECORD_WORDS + HOLDER;
    return Atomics.compareExchange(this.#records, at, FREE, this.#thread + 1) === FREE;
  }

  /** As take, by thread 0: false: whoever holds it will tell. What it holds itself it has forgotten. */
  takeOrWant(record: number): boolean {
    const at = record * OPEN_RECORD_WORDS + HOLDER;
    for (;;) {
      const holder = Atomics.load(this.#records, at);
      const isFree = holder === FREE || (holder & ~WANTED) === this.#thread + 1;
      const next = isFree ? this.#thread + 1 : holder | WANTED;
      if (Atomics.compareExchange(this.#records, at, holder, next) === holder) return isFree;
    }
  }

  /** Whether thread 0 is to be told. */
  letGo(record: number): boolean {
    return (Atomics.exchange(this.#records, record * OPEN_RECORD_WORDS + HOLDER, FREE) & WANTED) !== 0;
  }

  // ---- Stamps ----

  beginStamps(stamps: number, mayBeWritten: boolean): void {
    const at = stamps * STAMP_WORDS;
    this.#stamps[at + WRITTEN] = 0;
    this.#times[(at + READ_AT) >>> 1] = 0;
    Atomics.store(this.#stamps, at + FLAGS, mayBeWritten ? 0 : NO_WRITES);
  }

  allowWrites(stamps: number, mayBeWritten: boolean): void {
    Atomics.store(this.#stamps, stamps * STAMP_WORDS + FLAGS, mayBeWritten ? 0 : NO_WRITES);
  }

  mayBeWritten(stamps: number): boolean {
    return (this.#stamps[stamps * STAMP_WORDS + FLAGS]! & NO_WRITES) === 0;
  }

  /** Behind the write, before its reply. */
  written(stamps: number): void {
    this.#stamps[stamps * STAMP_WORDS + WRITTEN] = 1;
  }

  /** By thread 0: whether it was written since this was asked last. */
  takeWritten(stamps: number): boolean {
    const at = stamps * STAMP_WORDS + WRITTEN;
    return this.#stamps[at] !== 0 && Atomics.exchange(this.#stamps, at, 0) !== 0;
  }

  readAt(stamps: number, timeMs: number): void {
    this.#times[(stamps * STAMP_WORDS + READ_AT) >>> 1] = timeMs;
  }

  /** By thread 0: when it was read last, if it was since this was asked last; else 0. */
  takeReadAt(stamps: number): number {
    const at = (stamps * STAMP_WORDS + READ_AT) >>> 1;
    const time = this.#times[at]!;
    if (time !== 0) this.#times[at] = 0;
    return time;
  }
}
