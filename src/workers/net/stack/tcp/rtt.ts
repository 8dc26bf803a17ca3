// Round-trip times of a connection: the smoothed one and its deviation (RFC 6298, with Linux's differences), the time of
// retransmission that follows, and the least of the last minutes.
//
// Linux's differences: the deviation never counts for less than 200 ms; while it grows it counts at once, and it is
// let go only once per round trip; when a sample lies below the smoothed time, the deviation grows by an eighth of what
// it would (Eifel's remedy for times that get better).

/** In µs: TCP_RTO_MIN, TCP_RTO_MAX, TCP_TIMEOUT_INIT. */
export const RTO_MIN_US = 200_000;
export const RTO_MAX_US = 120_000_000;
export const RTO_INITIAL_US = 1_000_000;
/** net.ipv4.tcp_min_rtt_wlen: how long the least one counts. */
const MIN_RTT_TIME_US = 300_000_000;

export class RoundTrips {
  /** The smoothed time; 0: nothing was measured. */
  srttUs = 0;
  /** Its deviation, smoothed (tcpi_rttvar: a quarter of what RFC 6298 calls RTTVAR's share). */
  deviationUs = 0;
  /** What the retransmission time has beyond the smoothed one. */
  varianceUs = 0;
  /** Without backing off. */
  rtoUs = RTO_INITIAL_US;
  /** The least of the last five minutes; infinity: nothing was measured. */
  minUs = Number.POSITIVE_INFINITY;
  #greatestUs = RTO_MIN_US;
  #roundEnd = 0;
  // The least one, and who takes its place when its time is over: the least since the middle of its time.
  #minAtUs = 0;
  #nextMinUs = Number.POSITIVE_INFINITY;
  #nextMinAtUs = 0;

  /** A segment was acknowledged so long after it was sent; what is unacknowledged, and what comes next, are told. */
  sample(rttUs: number, nowUs: number, una: number, next: number): void {
    const rtt = Math.max(rttUs, 1);
    this.#updateMin(rtt, nowUs);
    if (this.srttUs === 0) {
      this.srttUs = rtt;
      this.deviationUs = rtt / 2;
      this.varianceUs = Math.max(2 * rtt, RTO_MIN_US);
      this.#greatestUs = this.varianceUs;
      this.#roundEnd = next;
    } else {
      const difference = rtt - this.srttUs;
      this.srttUs += difference / 8;
      let change = Math.abs(difference) - this.deviationUs;
      if (difference < 0 && change > 0) change /= 8;
      this.deviationUs += change / 4;
      this.#greatestUs = Math.max(this.#greatestUs, 4 * this.deviationUs);
      this.varianceUs = Math.max(this.varianceUs, this.#greatestUs);
      if (((una - this.#roundEnd) | 0) > 0) {
        if (this.#greatestUs < this.varianceUs) this.varianceUs -= (this.varianceUs - this.#greatestUs) / 4;
        this.#roundEnd = next;
        this.#greatestUs = RTO_MIN_US;
      }
    }
    this.rtoUs = Math.min(this.srttUs + this.varianceUs, RTO_MAX_US);
  }

  #updateMin(rttUs: number, nowUs: number): void {
    if (rttUs <= this.minUs) {
      this.minUs = rttUs;
      this.#minAtUs = nowUs;
      this.#nextMinUs = Number.POSITIVE_INFINITY;
      return;
    }
    if (nowUs - this.#minAtUs > MIN_RTT_TIME_US) {
      const isRecent = nowUs - this.#nextMinAtUs <= MIN_RTT_TIME_US;
      this.minUs = isRecent ? Math.min(this.#nextMinUs, rttUs) : rttUs;
      this.#minAtUs = this.minUs === rttUs ? nowUs : this.#nextMinAtUs;
      this.#nextMinUs = Number.POSITIVE_INFINITY;
    } else if (nowUs - this.#minAtUs > MIN_RTT_TIME_US / 2 && rttUs <= this.#nextMinUs) {
      this.#nextMinUs = rttUs;
      this.#nextMinAtUs = nowUs;
    }
  }
}
