// How long the calls of a kernel thread take, for metrics. To time a call takes two readings of the clock, a fifth of what a
// short one costs, so one call in 128 is timed, at distances that no guest's habits keep in step with: what is in the buckets is
// a sample of all, and quantiles and means of it are theirs. All kinds of calls are drawn alike, those that wait as well: had these
// been timed each, they would have outnumbered the others in a class 128 times. Of a call that is not drawn this is a count.
//
// From when the thread has taken the request until there is a result, of a call that does not wait until that is replied: waits are
// in it, what goes before in the slot and the way back are not. Calls that another thread goes on with are that thread's, and
// those that do not come back (exec, exit, rt_sigreturn) nobody's: the next that is drawn takes their watch.

import {
  classesByNumber,
  LATENCY_BOUNDS,
  LATENCY_NUMBERS,
  LATENCY_SUM_AT,
  LATENCY_WIDTH,
} from "../../shared/call_latencies.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";

/** Distances are from 1 to twice this, less one. */
const ONE_IN = 128;
const NS_PER_MS = 1e6;
/** Watches that no call has: no more than are drawn in a while. */
const SPARE_MAX = 64;

export class Stopwatch {
  /** When the call was begun, on performance.now()'s clock. */
  startMs = 0.5; // never a small integer: V8 gives the field a double once, and for good
  nr = -1;
  /** The call's serial: another call has another. */
  serial = 0;
}

/** What is asked of a call. */
interface Timed {
  readonly nr: number;
  readonly progress: { readonly serial: number };
  timed: Stopwatch | null;
}

const CLASSES = classesByNumber(KP_MARSHAL_COUNT);
const NO_CALL = CLASSES[KP_MARSHAL_COUNT - 1]!;

export class Latencies {
  /** Calls until the next that is timed. */
  left = ONE_IN - 1;
  readonly #numbers = new Float64Array(LATENCY_NUMBERS);
  readonly #spare: Stopwatch[] = [];
  #random = 0x2545f491;

  /** A call that was drawn is about to be served. */
  begin(call: Timed): void {
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    this.left = random & (2 * ONE_IN - 1);
    const watch = call.timed ?? this.#spare.pop() ?? new Stopwatch();
    call.timed = watch;
    watch.nr = call.nr;
    watch.serial = call.progress.serial;
    watch.startMs = performance.now();
  }

  /** It has its result. */
  end(call: Timed): void {
    const watch = call.timed;
    if (watch === null) return;
    const ns = Math.max(0, (performance.now() - watch.startMs) * NS_PER_MS);
    const { nr, serial } = watch;
    this.drop(call);
    if (serial !== call.progress.serial) return; // it never came back
    const first = (nr >= 0 && nr < KP_MARSHAL_COUNT ? CLASSES[nr]! : NO_CALL) * LATENCY_WIDTH;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS.length && ns > LATENCY_BOUNDS[bucket]!) bucket++;
    this.#numbers[first + bucket]!++;
    this.#numbers[first + LATENCY_SUM_AT]! += ns;
  }

  /** Another thread goes on with it. */
  drop(call: Timed): void {
    const watch = call.timed;
    if (watch === null) return;
    call.timed = null;
    if (this.#spare.length < SPARE_MAX) this.#spare.push(watch);
  }

  /** As ThreadReport has it. */
  report(): number[] {
    return Array.from(this.#numbers, Math.round);
  }
}
