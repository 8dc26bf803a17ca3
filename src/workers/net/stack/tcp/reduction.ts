// The congestion window: what of it is used, and how it is cut in proportion after a loss or a mark (RFC 5681, 6937, 7661).

import * as A from "./ack_flags.ts";
import { CA_CWR, CA_OPEN, CA_RECOVERY, INFINITE_THRESHOLD, INITIAL_WINDOW } from "./congestion/congestion.ts";
import type { Connection } from "./connection.ts";
import { before } from "./sequence.ts";

export function currentThreshold(c: Connection): number {
  if (c.caState === CA_CWR || c.caState === CA_RECOVERY) return c.ssthresh;
  return Math.max(c.ssthresh, (c.cwnd >> 1) + (c.cwnd >> 2));
}

export function isReducing(c: Connection): boolean {
  return c.caState === CA_CWR || c.caState === CA_RECOVERY;
}

/** New packets went out: how much of the window was used (RFC 7661; tcp_cwnd_validate). */
export function validateWindow(c: Connection, isLimited: boolean): void {
  const { packetsOut, nowUs } = c;
  if (!before(c.sndUna, c.cwndUsageSeq) || isLimited || (!c.cwndWasLimited && packetsOut > c.maxPacketsOut)) {
    c.cwndWasLimited = isLimited;
    c.maxPacketsOut = packetsOut;
    c.cwndUsageSeq = c.sndNxt;
  }
  if (c.isCwndLimited) {
    c.cwndUsed = 0;
    c.cwndStampUs = nowUs;
    return;
  }
  c.cwndUsed = Math.max(c.cwndUsed, packetsOut);
  if (!c.tcp.settings.slowStartAfterIdle || nowUs - c.cwndStampUs < c.rtoUs) return;
  if (c.caState === CA_OPEN && !c.noSpace) {
    const used = Math.max(c.cwndUsed, INITIAL_WINDOW);
    if (used < c.cwnd) {
      c.ssthresh = currentThreshold(c);
      c.cwnd = (c.cwnd + used) >> 1;
    }
    c.cwndUsed = 0;
  }
  c.cwndStampUs = nowUs;
}

/** Nothing was sent for so long: the window is halved for each timeout that has passed. */
export function restartAfterIdle(c: Connection, idleUs: number): void {
  c.control.restarted(c, c.lastSentUs);
  c.ssthresh = currentThreshold(c);
  const least = Math.min(INITIAL_WINDOW, c.cwnd);
  let { cwnd } = c;
  for (let left = idleUs - c.rtoUs; left > 0 && cwnd > least; left -= c.rtoUs) cwnd >>= 1;
  c.cwnd = Math.max(cwnd, least);
  c.cwndStampUs = c.nowUs;
  c.cwndUsed = 0;
}

export function initReduction(c: Connection): void {
  c.highSeq = c.sndNxt;
  c.ownLosses.hasTlp = false;
  c.cwndCount = 0;
  c.priorCwnd = c.cwnd;
  c.ownLosses.prrDelivered = 0;
  c.ownLosses.prrOut = 0;
  c.ssthresh = c.control.ssthresh(c);
  if (c.ecnOk) c.ownLosses.ecnQueuesCwr = true;
}

/** Proportional rate reduction (RFC 6937): as much goes out as came in, in proportion. */
export function reduce(c: Connection, delivered: number, lost: number, flags: number): void {
  if (delivered <= 0 || c.priorCwnd === 0) return;
  c.ownLosses.prrDelivered += delivered;
  const { inFlight } = c;
  const delta = c.ssthresh - inFlight;
  let count: number;
  if (delta < 0) {
    count =
      Math.floor((c.ssthresh * c.losses.prrDelivered + c.priorCwnd - 1) / c.priorCwnd) - c.losses.prrOut;
  } else {
    count = Math.max(c.losses.prrDelivered - c.losses.prrOut, delivered);
    if ((flags & A.UNA_ADVANCED) !== 0 && lost === 0) count++;
    count = Math.min(delta, count);
  }
  // One goes at once at the beginning.
  count = Math.max(count, c.losses.prrOut > 0 ? 0 : 1);
  c.cwnd = inFlight + count;
}

export function finishReduction(c: Connection): void {
  if (c.ssthresh < INFINITE_THRESHOLD && (c.caState === CA_CWR || c.losses.hasUndo)) {
    c.cwnd = c.ssthresh;
    c.cwndStampUs = c.nowUs;
  }
}

/** Congestion was told, not felt. */
export function enterCwr(c: Connection): void {
  c.ownLosses.priorSsthresh = 0;
  if (c.caState >= CA_CWR) return;
  c.ownLosses.hasUndo = false;
  initReduction(c);
  c.setCaState(CA_CWR);
}
