// CUBIC (RFC 9438) with HyStart++: after a loss the window comes back fast to where the loss was, stays about there, and
// looks for more, as a cubic function of time, not of round trips; where NewReno's would be larger, it is NewReno's.

import { UNKNOWN_US } from "../rtt.ts";
import {
  additiveIncrease,
  CA_LOSS,
  type CongestionControl,
  type CongestionWindow,
  INFINITE_THRESHOLD,
  slowStart,
} from "./congestion.ts";
import { HyStart } from "./hystart.ts";

/** The window after a loss, of the one before, in 1024ths (Linux's 717: 0.7). */
const BETA = 717 / 1024;
/** C, in packets per s³. */
const SCALE = 0.4;
/** NewReno's growth that has the same mean window with this BETA, in packets a round trip: 3 (1 - b) / (1 + b). */
const RENO_GROWTH = (3 * (1 - BETA)) / (1 + BETA);
/** The window grows by 1 for each two packets at most, and by one for 100 windows at least. */
const EVERY_MIN = 2;
const EVERY_MAX_WINDOWS = 100;
const US_PER_S = 1e6;

/** Growth from a loss to the next, or since slow start. */
class Epoch {
  beginUs: number;
  readonly originWindow: number;
  /** Seconds from its beginning to the origin's window. */
  readonly k: number;
  /** What NewReno's window would be, in packets. */
  renoWindow: number;

  constructor(nowUs: number, cwnd: number, lastMax: number) {
    this.beginUs = nowUs;
    this.originWindow = Math.max(lastMax, cwnd);
    this.k = Math.cbrt((this.originWindow - cwnd) / SCALE);
    this.renoWindow = cwnd;
  }
}

export class Cubic implements CongestionControl {
  /** Of slow start; null: it has not seen a round-trip time. */
  #hystart: HyStart | null = null;
  /** Null: it is to begin with the next acknowledgement. */
  #epoch: Epoch | null = null;
  /** The window at the last loss, or somewhat less, if it had not reached the one before (fast convergence). */
  #lastMax = 0;

  get name(): string {
    return "cubic";
  }

  init(): void {
    this.#hystart = null;
    this.#epoch = null;
    this.#lastMax = 0;
  }

  ssthresh(c: CongestionWindow): number {
    this.#epoch = null;
    this.#lastMax = c.cwnd < this.#lastMax ? (c.cwnd * (1 + BETA)) / 2 : c.cwnd;
    return Math.max(Math.floor(c.cwnd * BETA), 2);
  }

  avoid(c: CongestionWindow, packets: number): void {
    if (!c.isCwndLimited) return;
    let left = packets;
    if (c.cwnd < c.ssthresh) {
      const growth = this.#hystart === null ? packets : this.#hystart.growth(packets);
      left = slowStart(c, growth);
      if (left === 0) return;
    }
    additiveIncrease(c, this.#every(c, left), left);
  }

  /** For how many acknowledged packets the window grows by one. */
  #every(c: CongestionWindow, packets: number): number {
    const { cwnd, nowUs } = c;
    this.#epoch ??= new Epoch(nowUs, cwnd, this.#lastMax);
    const epoch = this.#epoch;
    // Where the window is to be a round trip from now.
    const rttUs = c.minRttUs === UNKNOWN_US ? 0 : c.minRttUs;
    const t = (nowUs - epoch.beginUs + rttUs) / US_PER_S - epoch.k;
    const target = epoch.originWindow + SCALE * t * t * t;
    let every = target > cwnd ? cwnd / (target - cwnd) : EVERY_MAX_WINDOWS * cwnd;
    // Nothing is known of the network before the first loss: at least 5 % a round trip.
    if (this.#lastMax === 0) every = Math.min(every, 20);
    epoch.renoWindow += (RENO_GROWTH * packets) / cwnd;
    if (epoch.renoWindow > cwnd) every = Math.min(every, cwnd / (epoch.renoWindow - cwnd));
    return Math.max(every, EVERY_MIN);
  }

  acked(c: CongestionWindow, _packets: number, rttUs: number): void {
    if (rttUs < 0 || c.cwnd >= c.ssthresh) return;
    this.#hystart ??= new HyStart();
    const threshold = this.#hystart.sample(rttUs, c.cwnd, c.sndUna, c.sndNxt);
    if (threshold !== INFINITE_THRESHOLD) c.ssthresh = threshold;
  }

  setState(_c: CongestionWindow, state: number): void {
    if (state === CA_LOSS) this.init();
  }

  undo(c: CongestionWindow): number {
    return Math.max(c.cwnd, c.priorCwnd);
  }

  restarted(c: CongestionWindow, lastSentUs: number): void {
    // Time in which nothing was sent does not count for growth.
    const epoch = this.#epoch;
    if (epoch === null) return;
    const pause = c.nowUs - lastSentUs;
    if (pause > 0) epoch.beginUs = Math.min(epoch.beginUs + pause, c.nowUs);
  }
}
