// HyStart++ (RFC 9406): slow start ends before it has filled the queues on its way. When the least round-trip time of a
// round is clearly above that of the round before, the window grows at a quarter of the speed; if the times stay high for
// five rounds, the threshold is reached, and if they come down again, it was no queue.

import { countedRttUs, UNKNOWN_US } from "../rtt.ts";
import { INFINITE_THRESHOLD } from "./congestion.ts";

const MIN_THRESHOLD_US = 4_000;
const MAX_THRESHOLD_US = 16_000;
const MIN_RTT_DIVISOR = 8;
const SAMPLES = 8;
const GROWTH_DIVISOR = 4;
const CONSERVATIVE_ROUNDS = 5;

export class HyStart {
  #roundEnd = 0;
  #isInRound = false;
  #lastMinUs = UNKNOWN_US;
  #currentMinUs = UNKNOWN_US;
  #samples = 0;
  /** The least time when the conservative rounds began; UNKNOWN_US: this is usual slow start. */
  #baselineUs = UNKNOWN_US;
  #rounds = 0;
  #remainder = 0;

  get isConservative(): boolean {
    return this.#baselineUs !== UNKNOWN_US;
  }

  /** By how many packets the window grows for so many that were acknowledged. */
  growth(packets: number): number {
    if (!this.isConservative) return packets;
    const counted = this.#remainder + packets;
    this.#remainder = counted % GROWTH_DIVISOR;
    return (counted - this.#remainder) / GROWTH_DIVISOR;
  }

  /**
   * An acknowledgement with a round-trip time, in slow start: the threshold from now on, which is the window or none, as
   * long as this is not for it to say.
   */
  sample(rttUs: number, cwnd: number, una: number, next: number): number {
    let threshold = INFINITE_THRESHOLD;
    if (!this.#isInRound || ((una - this.#roundEnd) | 0) > 0) {
      if (this.#isInRound && this.isConservative && ++this.#rounds >= CONSERVATIVE_ROUNDS) threshold = cwnd;
      this.#isInRound = true;
      this.#roundEnd = next;
      this.#lastMinUs = this.#currentMinUs;
      this.#currentMinUs = UNKNOWN_US;
      this.#samples = 0;
    }
    this.#currentMinUs = Math.min(this.#currentMinUs, countedRttUs(rttUs));
    if (++this.#samples < SAMPLES) return threshold;
    if (this.isConservative) {
      if (this.#currentMinUs < this.#baselineUs) this.#baselineUs = UNKNOWN_US;
    } else if (this.#lastMinUs !== UNKNOWN_US) {
      const wanted = this.#lastMinUs / MIN_RTT_DIVISOR;
      const margin = Math.max(MIN_THRESHOLD_US, Math.min(wanted, MAX_THRESHOLD_US));
      if (this.#currentMinUs >= this.#lastMinUs + margin) {
        this.#baselineUs = this.#currentMinUs;
        this.#rounds = 0;
      }
    }
    return threshold;
  }
}
