// NewReno (RFC 5681, RFC 6582): a packet more for each window, half of it after a loss.

import { additiveIncrease, type CongestionControl, type CongestionWindow, slowStart } from "./congestion.ts";

export class Reno implements CongestionControl {
  get name(): string {
    return "reno";
  }

  init(): void {}

  ssthresh(c: CongestionWindow): number {
    return Math.max(c.cwnd >> 1, 2);
  }

  avoid(c: CongestionWindow, packets: number): void {
    if (!c.isCwndLimited) return;
    const left = c.cwnd < c.ssthresh ? slowStart(c, packets) : packets;
    if (left > 0) additiveIncrease(c, c.cwnd, left);
  }

  acked(): void {}

  setState(): void {}

  undo(c: CongestionWindow): number {
    return Math.max(c.cwnd, c.priorCwnd);
  }

  restarted(): void {}
}
