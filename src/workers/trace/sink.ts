// Where events go: a queue of a fixed length, and a reader who takes from it when he can. Nothing here waits: what finds no room
// is lost and counted, and the count is told in the stream as soon as there is room again.
//
// Messages leave at the end of a pass of the kernel thread's loop, when the calls that they tell of have been answered; some at
// a time, and the rest when the host says that there is room.

import { LOST } from "../../shared/trace/points.ts";
import type { TraceSink, TraceSinkReport } from "../../shared/trace/session.ts";
import type { PassEnd } from "../call/pass_end.ts";
import type { Timers } from "../call/timers.ts";
import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import type { Native } from "../native.ts";
import type { SleepSet } from "../sleep_set.ts";
import type { Stamp } from "./session.ts";

export interface SinkContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly timers: Timers;
  readonly passEnd: PassEnd;
  readonly counters: Counters;
  readonly log: Log;
}

/** Bytes that wait for a reader. */
const BYTES_MAX = 8 << 20;
/** Messages that leave in one go (F26). */
export const SENT_AT_ONCE = 64;

export abstract class Sink {
  protected readonly kernel: SinkContext;
  readonly config: TraceSink;
  state: TraceSinkReport["state"] = "greeting";
  /** Called when it has ended by itself. */
  onEnded: () => void = () => {};
  /** Called when nothing waits any more. */
  onIdle: (() => void) | null = null;
  // The queue: a ring of as many places as it may have, made when it is first used.
  #places: (Buffer | null)[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;
  #sent = 0;
  #lost = 0;
  #lostTold = 0;
  /** When it has lost something last. */
  #lostAt: Stamp = { seconds: 0, nanoseconds: 0 };
  #isDue = false;

  constructor(kernel: SinkContext, config: TraceSink) {
    this.kernel = kernel;
    this.config = config;
  }

  get hasEnded(): boolean {
    return this.state === "ended";
  }

  /** Nothing waits that could be taken. */
  get isIdle(): boolean {
    return (this.#count === 0 && this.#lost === this.#lostTold) || this.state === "away" || this.hasEnded;
  }

  /** Room for an event, and for what has been lost before it. */
  get hasRoom(): boolean {
    return this.#count + 2 <= this.config.queue && this.#bytes < BYTES_MAX;
  }

  get lost(): number {
    return this.#lost;
  }

  lose(stamp: Stamp): void {
    this.#lost++;
    this.#lostAt = stamp;
    this.kernel.counters.traceLost++;
  }

  put(kind: number, text: string, sequence: number, stamp: Stamp): void {
    this.#tellLost();
    this.#add(this.encode(kind, text, sequence, stamp));
    if (this.#isDue) return;
    this.#isDue = true;
    this.kernel.passEnd.add(this);
  }

  /** How a message stands in the stream. */
  protected abstract encode(kind: number, text: string, sequence: number, stamp: Stamp): Buffer;

  /** Takes what it can of what waits, by `next` and `took`, and arranges to be called again by `flush`. */
  protected abstract send(): void;

  #add(bytes: Buffer): void {
    if (this.#places.length === 0) this.#places = new Array(this.config.queue).fill(null);
    this.#places[(this.#first + this.#count) % this.#places.length] = bytes;
    this.#count++;
    this.#bytes += bytes.length;
  }

  #tellLost(): void {
    const lost = this.#lost - this.#lostTold;
    if (lost === 0) return;
    this.#lostTold = this.#lost;
    this.#add(this.encode(LOST, JSON.stringify({ point: "lost", lost, total: this.#lost }), 0, this.#lostAt));
  }

  protected get next(): Buffer | null {
    return this.#count === 0 ? null : this.#places[this.#first]!;
  }

  protected took(): void {
    const bytes = this.#places[this.#first]!;
    this.#places[this.#first] = null;
    this.#first = (this.#first + 1) % this.#places.length;
    this.#count--;
    this.#bytes -= bytes.length;
    this.#sent++;
  }

  passEnds(): boolean {
    this.#isDue = false;
    this.flush();
    return true;
  }

  flush(): void {
    if (this.hasEnded) return;
    // Who has lost something is told so as soon as there is room, and not with the next event.
    if (this.#lost !== this.#lostTold && this.hasRoom) this.#tellLost();
    this.send();
    if (this.#count === 0 && this.#lost !== this.#lostTold && this.state === "open") {
      this.#tellLost();
      this.send();
    }
    if (this.isIdle) this.onIdle?.();
  }

  /** It ends by itself: nobody reads it any more. */
  protected finish(): void {
    if (this.hasEnded) return;
    this.end();
    this.onEnded();
    this.onIdle?.();
  }

  end(): void {
    this.state = "ended";
    this.#places = [];
    this.#first = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  report(): TraceSinkReport {
    const { label } = this.config;
    return { label, state: this.state, sent: this.#sent, lost: this.#lost, waiting: this.#count };
  }
}
