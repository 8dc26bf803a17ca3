// Round-trip times of a connection: the smoothed one and its deviation (RFC 6298, with Linux's differences), the time of
// retransmission that follows, and the least of the last minutes.
//
// Linux's differences: the deviation never counts for less than 200 ms; while it grows it counts at once, and it is
// let go only once per round trip; when a sample lies below the smoothed time, the deviation grows by an eighth of what
// it would (Eifel's remedy for times that get better). As there, all are integers, and the smoothed ones have a few bits behind
// the point: a number that is none would be an object of its own in each connection.

/** In µs: TCP_RTO_MIN, TCP_RTO_MAX, TCP_TIMEOUT_INIT. */
export const RTO_MIN_US = 200_000;
export const RTO_MAX_US = 120_000_000;
export const RTO_INITIAL_US = 1_000_000;
/** net.ipv4.tcp_min_rtt_wlen: how long the least one counts. */
const MIN_RTT_TIME_MS = 300_000;
/** More than that is not told apart from it; eight times as much is an int32. */
const RTT_MAX_US = 200_000_000;
/** Nothing was measured. */
export const UNKNOWN_US = 0x7fffffff;

/** A time as it counts, of whoever was held for hours too: an integer, at least 1. */
export function countedRttUs(rttUs: number): number {
  return Math.max(Math.min(rttUs, RTT_MAX_US) | 0, 1);
}

export class RoundTrips {
  // The smoothed time in eighths, and its deviation in quarters.
  #srtt8 = 0;
  #deviation4 = 0;
  /** What the retransmission time has beyond the smoothed one. */
  #varianceUs = 0;
  /** The least of the last five minutes, or UNKNOWN_US. */
  minUs = UNKNOWN_US;
  #greatestUs = RTO_MIN_US;
  #roundEnd = 0;
  // The least one, and who takes its place when its time is over: the least since the middle of its time. When they came, in
  // ms of the stack's clock, as an int32.
  #minAtMs = 0;
  #nextMinUs = UNKNOWN_US;
  #nextMinAtMs = 0;

  /** The smoothed time; 0: nothing was measured. */
  get srttUs(): number {
    return this.#srtt8 >> 3;
  }

  /** Its deviation, smoothed (tcpi_rttvar: a quarter of what RFC 6298 calls RTTVAR's share). */
  get deviationUs(): number {
    return this.#deviation4 >> 2;
  }

  /** The time of retransmission, without backing off. */
  get rtoUs(): number {
    if (this.#srtt8 === 0) return RTO_INITIAL_US;
    return Math.min(this.srttUs + this.#varianceUs, RTO_MAX_US);
  }

  /** A segment was acknowledged so long after it was sent; what is unacknowledged, and what comes next, are told. */
  sample(rttUs: number, nowUs: number, una: number, next: number): void {
    const rtt = countedRttUs(rttUs);
    this.#updateMin(rtt, Math.floor(nowUs / 1000) | 0);
    if (this.#srtt8 === 0) {
      this.#srtt8 = rtt << 3;
      this.#deviation4 = rtt << 1;
      this.#varianceUs = Math.max(this.#deviation4, RTO_MIN_US);
      this.#greatestUs = this.#varianceUs;
      this.#roundEnd = next;
      return;
    }
    const difference = rtt - this.srttUs;
    this.#srtt8 += difference;
    let change = Math.abs(difference) - this.deviationUs;
    if (difference < 0 && change > 0) change >>= 3;
    this.#deviation4 += change;
    this.#greatestUs = Math.max(this.#greatestUs, this.#deviation4);
    this.#varianceUs = Math.max(this.#varianceUs, this.#greatestUs);
    if (((una - this.#roundEnd) | 0) > 0) {
      if (this.#greatestUs < this.#varianceUs) this.#varianceUs -= (this.#varianceUs - this.#greatestUs) >> 2;
      this.#roundEnd = next;
      this.#greatestUs = RTO_MIN_US;
    }
  }

  #updateMin(rttUs: number, nowMs: number): void {
    if (rttUs <= this.minUs) {
      this.minUs = rttUs;
      this.#minAtMs = nowMs;
      this.#nextMinUs = UNKNOWN_US;
      return;
    }
    // Of an idle connection it may be more than an int32.
    const age = (nowMs - this.#minAtMs) >>> 0;
    if (age > MIN_RTT_TIME_MS) {
      const isRecent = (nowMs - this.#nextMinAtMs) >>> 0 <= MIN_RTT_TIME_MS;
      this.minUs = isRecent ? Math.min(this.#nextMinUs, rttUs) : rttUs;
      this.#minAtMs = this.minUs === rttUs ? nowMs : this.#nextMinAtMs;
      this.#nextMinUs = UNKNOWN_US;
    } else if (age > MIN_RTT_TIME_MS >> 1 && rttUs <= this.#nextMinUs) {
      this.#nextMinUs = rttUs;
      this.#nextMinAtMs = nowMs;
    }
  }
}
