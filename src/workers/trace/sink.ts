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
import type { QueueRoom } from "./queue_room.ts";
import { type Stamp, stampNow } from "./stamp.ts";

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
/** Messages and bytes that leave in one go (F26). */
export const SENT_AT_ONCE = 64;
export const BYTES_AT_ONCE = 256 << 10;

export abstract class Sink {
  protected readonly kernel: SinkContext;
  readonly config: TraceSink;
  state: TraceSinkReport["state"] = "greeting";
  /** Called when it has ended by itself. */
  onEnded: () => void = () => {};
  /** Those who are called whenever nothing waits any more, until they leave. */
  readonly onIdle = new Set<() => void>();
  // The queue: a ring of as many places as it may have, made when it is first used.
  readonly #room: QueueRoom;
  #places: (Buffer | null)[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;
  /** Those in the queue that tell of losses. */
  readonly #notes = new Set<Buffer>();
  #sent = 0;
  #lost = 0;
  #lostTold = 0;
  /** When it has lost something last. */
  #lostAt: Stamp = { seconds: 0, nanoseconds: 0 };
  #isDue = false;

  /** `room`: of all sinks of the sandbox. */
  constructor(kernel: SinkContext, config: TraceSink, room: QueueRoom) {
    this.kernel = kernel;
    this.config = config;
    this.#room = room;
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
    const { queue } = this.config;
    return this.#count + 2 <= queue && this.#bytes < BYTES_MAX && this.#room.hasFor(this.#bytes);
  }

  get lost(): number {
    return this.#lost;
  }

  lose(stamp: Stamp, events = 1): void {
    this.#lost += events;
    this.#lostAt = stamp;
    this.kernel.counters.traceLost += events;
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
    this.#room.take(bytes.length);
  }

  #tellLost(): void {
    const lost = this.#lost - this.#lostTold;
    if (lost === 0) return;
    this.#lostTold = this.#lost;
    const text = JSON.stringify({ point: "lost", lost, total: this.#lost });
    const note = this.encode(LOST, text, 0, this.#lostAt);
    this.#notes.add(note);
    this.#add(note);
  }

  protected get next(): Buffer | null {
    return this.waiting(0);
  }

  /** What waits behind so many others. */
  protected waiting(behind: number): Buffer | null {
    return behind < this.#count ? this.#places[(this.#first + behind) % this.#places.length]! : null;
  }

  /** The first that waits has left. */
  protected took(): void {
    this.#remove();
    this.#sent++;
  }

  /** The first that waits will never leave. */
  protected dropped(): void {
    if (this.#remove()) this.lose(stampNow(this.kernel.native));
  }

  /** True: it was an event. */
  #remove(): boolean {
    const bytes = this.#places[this.#first]!;
    this.#places[this.#first] = null;
    this.#first = (this.#first + 1) % this.#places.length;
    this.#count--;
    this.#bytes -= bytes.length;
    this.#room.give(1, bytes.length);
    return !this.#notes.delete(bytes);
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
    if (this.isIdle) this.tellIdle();
  }

  protected tellIdle(): void {
    for (const told of this.onIdle) told();
  }

  /** It ends by itself: nobody reads it any more. */
  protected finish(): void {
    if (this.hasEnded) return;
    this.end();
    this.onEnded();
    this.tellIdle();
  }

  /** What waits is lost. */
  end(): void {
    this.state = "ended";
    const events = this.#count - this.#notes.size;
    if (events > 0) this.lose(stampNow(this.kernel.native), events);
    this.#room.give(this.#count, this.#bytes);
    this.#notes.clear();
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
