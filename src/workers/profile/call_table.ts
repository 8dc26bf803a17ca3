// What is counted of each system call while a profile is recorded. An entry takes some kilobytes, and is made with the
// first call of its number; numbers that Linux does not know share one.

import { DurationHistogram } from "../../shared/histogram.ts";
import type { RecordedCall } from "../../shared/profile_record.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";

/** Of errors: those of Linux's numbers are fewer. */
const ERRNO_MAX = 4095;
/** What moves fewer bytes than a page. */
export const SMALL = 4096;

/** Nanoseconds of a call in which nothing was done for it. */
export interface Waits {
  waitEvent: number;
  waitStub: number;
  waitHost: number;
}

/** Numbers that Linux does not know are the guest's to choose, and are one: -1. */
export function knownNumber(nr: number): number {
  return nr >= 0 && nr < KP_MARSHAL_COUNT ? nr : -1;
}

export class CallEntry {
  readonly nr: number;
  count = 0;
  errors = 0;
  passed = 0;
  trapped = 0;
  bytes = 0;
  small = 0;
  chosen = 0;
  chosenBytes = 0;
  readonly errnos = new Map<number, number>();
  readonly queue = new DurationHistogram();
  readonly service = new DurationHistogram();
  readonly work = new DurationHistogram();
  readonly waitEvent = new DurationHistogram();
  readonly waitStub = new DurationHistogram();
  readonly waitHost = new DurationHistogram();
  readonly reply = new DurationHistogram();
  readonly guest = new DurationHistogram();

  constructor(nr: number) {
    this.nr = nr;
  }

  /** A call has that result; `movesBytes`: it is a number of bytes. */
  result(result: number, movesBytes: boolean): void {
    this.count++;
    if (result < 0 && result >= -ERRNO_MAX) {
      this.errors++;
      this.errnos.set(-result, (this.errnos.get(-result) ?? 0) + 1);
    } else if (movesBytes) {
      this.bytes += result;
      if (result < SMALL) this.small++;
    }
  }

  /** The time before its begin (negative: not known), from there to its end, which is given back, and what of it were waits. */
  served(queueNs: number, serviceNs: number, { waitEvent, waitStub, waitHost }: Waits): number {
    if (queueNs >= 0) this.queue.add(queueNs);
    this.service.add(serviceNs);
    this.work.add(serviceNs - waitEvent - waitStub - waitHost);
    if (waitEvent > 0) this.waitEvent.add(waitEvent);
    if (waitStub > 0) this.waitStub.add(waitStub);
    if (waitHost > 0) this.waitHost.add(waitHost);
    return serviceNs;
  }

  toRecord(): RecordedCall {
    const { nr, count, errors, passed, trapped, bytes, small, chosen, chosenBytes } = this;
    return {
      nr,
      count,
      errors,
      errnos: Object.fromEntries(this.errnos),
      passed,
      trapped,
      bytes,
      small,
      chosen,
      chosenBytes,
      queue: this.queue.pack(),
      service: this.service.pack(),
      work: this.work.pack(),
      waitEvent: this.waitEvent.pack(),
      waitStub: this.waitStub.pack(),
      waitHost: this.waitHost.pack(),
      reply: this.reply.pack(),
      guest: this.guest.pack(),
    };
  }
}

export class CallTable {
  readonly #entries: (CallEntry | undefined)[] = new Array(KP_MARSHAL_COUNT + 1).fill(undefined);

  of(nr: number): CallEntry {
    const number = knownNumber(nr);
    const at = number < 0 ? KP_MARSHAL_COUNT : number;
    const known = this.#entries[at];
    if (known !== undefined) return known;
    const made = new CallEntry(number);
    this.#entries[at] = made;
    return made;
  }

  toRecord(): RecordedCall[] {
    return this.#entries.flatMap((entry) =>
      entry === undefined || entry.count + entry.passed === 0 ? [] : [entry.toRecord()],
    );
  }
}
