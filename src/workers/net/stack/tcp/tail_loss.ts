// What RACK-TLP's timers do (RFC 8985): reordered packets are given up, the end of a flight is probed.

import { rearmRetransmit } from "./arm.ts";
import { CA_CWR, CA_RECOVERY } from "./congestion/congestion.ts";
import { type Connection, TIMER_NONE } from "./connection.ts";
import { NAGLE_OFF, writeOut } from "./output.ts";
import { detectLosses } from "./rack.ts";
import { enterRecovery, tryKeepOpen } from "./recovery.ts";
import { finishReduction, initReduction } from "./reduction.ts";
import { retransmit, retransmitLost } from "./retransmit.ts";
import { after, before } from "./sequence.ts";

/** The time for reordered packets is over. */
export function reorderTimeout(c: Connection): void {
  const { inFlight } = c;
  detectLosses(c);
  if (c.inFlight !== inFlight) {
    if (c.caState !== CA_RECOVERY) {
      enterRecovery(c, false);
      // A packet goes at once.
      c.cwnd = Math.max(c.cwnd, c.inFlight + 1);
    }
    retransmitLost(c);
  }
  if (c.pendingTimer !== TIMER_NONE) return;
  rearmRetransmit(c);
}

/** The probe: a new packet if there is one that may go, else the last one again. */
export function sendLossProbe(c: Connection): void {
  if (!c.losses.hasTlp && c.packetsOut > 0) {
    c.ownLosses.tlpWasRetransmit = false;
    const out = c.packetsOut;
    let isSent = false;
    if (c.notSent > 0) {
      writeOut(c, NAGLE_OFF, true);
      isSent = c.packetsOut > out;
    } else if (retransmit(c, out - 1) > 0) {
      c.ownLosses.tlpWasRetransmit = true;
      isSent = true;
    }
    if (isSent) {
      c.ownLosses.hasTlp = true;
      c.ownLosses.tlpHighSeq = c.sndNxt;
      c.tcp.extended.TCPLossProbes++;
      c.pendingTimer = TIMER_NONE;
    }
  }
  rearmRetransmit(c);
}

/** What an acknowledgement says of a probe: `isDsack`: it came twice; `isPlain`: it says nothing else. */
export function tlpWasAcked(c: Connection, ack: number, isDsack: boolean, isPlain: boolean): void {
  if (before(ack, c.losses.tlpHighSeq)) return;
  if (!c.losses.tlpWasRetransmit || isDsack) {
    c.ownLosses.hasTlp = false;
  } else if (after(ack, c.losses.tlpHighSeq)) {
    // The probe mended a loss, which counts as any other.
    initReduction(c);
    c.setCaState(CA_CWR);
    finishReduction(c);
    tryKeepOpen(c);
    c.tcp.extended.TCPLossProbeRecovery++;
  } else if (isPlain) {
    c.ownLosses.hasTlp = false;
  }
}
