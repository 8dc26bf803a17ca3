// What is sent when: new bytes as far as the peer's window and the congestion window let them, full segments first, small
// ones by Nagle's rule (RFC 9293 3.7.4, with Minshall's change), TCP_CORK and MSG_MORE (Linux's tcp_write_xmit).

import { ENOBUFS } from "../../../../shared/abi/errno.ts";
import { armRetransmit, armWindowProbe, cancelRetransmit, scheduleLossProbe } from "./arm.ts";
import { CA_OPEN } from "./congestion/congestion.ts";
import { type Connection, TIMER_LOSS_PROBE, TIMER_NONE, TIMER_PROBE_WINDOW } from "./connection.ts";
import * as F from "./format.ts";
import { restartAfterIdle, validateWindow } from "./reduction.ts";
import { hasHoles } from "./sacks.ts";
import { IS_FIN } from "./scoreboard.ts";
import { after } from "./sequence.ts";
import { sendBare, sendData, wayOf } from "./transmit.ts";

/** What holds small segments back. */
export const NAGLE = 0;
export const NAGLE_OFF = 1;
export const NAGLE_CORK = 2;
/** Nothing does, this once. */
export const NAGLE_PUSH = 4;

/** What a segment holds now, options taken off. */
export function currentMss(c: Connection): number {
  if (!c.sackOk || !hasHoles(c)) return c.mss;
  // Room for SACK blocks.
  return Math.max(c.mss - F.SACK_BASE_ALIGNED - 3 * F.SACK_BLOCK, 1);
}

export function nagleOf(c: Connection): number {
  const { options } = c.endpoint;
  return (options.noDelay ? NAGLE_OFF : NAGLE) | (options.isCorked ? NAGLE_CORK : NAGLE);
}

// Whether a segment that is not full may go (tcp_nagle_test).
function mayGoSmall(c: Connection, nagle: number, isFin: boolean): boolean {
  if ((nagle & NAGLE_PUSH) !== 0 || isFin || c.isSendingUrgent) return true;
  if ((nagle & NAGLE_CORK) !== 0) return false;
  if ((nagle & NAGLE_OFF) !== 0 || c.packetsOut === 0) return true;
  // A small one that is not acknowledged holds back the next alone.
  return !(after(c.smallSeq, c.sndUna) && !after(c.smallSeq, c.sndNxt));
}

/**
 * Sends what may go; `probes`: one packet in any case, as a probe of losses. False: nothing is under way, and something
 * waits (the window is shut).
 */
export function writeOut(c: Connection, nagle: number, probes = false): boolean {
  let sent = 0;
  let isLimited = false;
  let waitsForBuffers = false;
  if (c.notSent > 0) {
    const flow = wayOf(c);
    void flow;
    const mss = currentMss(c);
    const quota = probes ? 1 : c.cwnd - c.inFlight;
    for (;;) {
      const left = c.notSent;
      if (left <= 0) break;
      if (sent >= quota) {
        isLimited = !probes;
        break;
      }
      const fin = c.finQueued ? 1 : 0;
      const bytes = Math.min(left - fin, mss);
      const isLast = bytes + fin === left && left - fin <= mss;
      const isFin = isLast && fin === 1;
      const end = (c.sndNxt + bytes + (isFin ? 1 : 0)) | 0;
      if (after(end, c.windowEnd)) break;
      if (bytes < mss && !mayGoSmall(c, nagle, isFin)) break;
      const error = sendNew(c, bytes, isFin, isLast, mss);
      if (error === -ENOBUFS) {
        waitsForBuffers = true;
        break;
      }
      sent++;
      if (probes) break;
    }
  }
  if (waitsForBuffers) c.tcp.waitForBuffers(c);
  if (sent > 0) {
    c.prrOut += sent;
    validateWindow(c, isLimited || c.inFlight >= c.cwnd);
    if (!probes) scheduleLossProbe(c);
    return true;
  }
  return c.packetsOut > 0 || c.notSent === 0 || waitsForBuffers;
}

// Sends the next bytes as one packet.
function sendNew(c: Connection, bytes: number, isFin: boolean, isLast: boolean, mss: number): number {
  const seq = c.sndNxt;
  const end = (seq + bytes + (isFin ? 1 : 0)) | 0;
  const isPushed = isLast || (after(c.pushedSeq, seq) && !after(c.pushedSeq, end));
  const flags = (isFin ? F.FIN : 0) | (isPushed && bytes > 0 ? F.PSH : 0);
  const error = sendData(c, seq, end, flags, false);
  if (error === -ENOBUFS) return error;
  if (bytes < mss) c.smallSeq = end;
  newDataSent(c, seq, end, isFin);
  return error;
}

function newDataSent(c: Connection, seq: number, end: number, isFin: boolean): void {
  const hadNone = c.packetsOut === 0;
  c.board.push(seq, end, isFin ? IS_FIN : 0, c.nowUs);
  c.sndNxt = end;
  if (hadNone || c.pendingTimer === TIMER_LOSS_PROBE || c.pendingTimer === TIMER_NONE) armRetransmit(c);
}

/** Something may go: new bytes, an acknowledgement, room in a window. */
export function pushPending(c: Connection, nagle = nagleOf(c)): void {
  if (!writeOut(c, nagle)) checkProbeTimer(c);
}

/** Bytes wait behind a shut window, and nothing is under way that would open it: it is to be probed. */
export function checkProbeTimer(c: Connection): void {
  if (c.packetsOut === 0 && c.pendingTimer === TIMER_NONE && c.notSent > 0) armWindowProbe(c);
}

/** What is written comes after a pause, in which the network may have changed (RFC 5681 4.1). */
export function bytesWillGo(c: Connection): void {
  if (c.packetsOut > 0 || !c.tcp.settings.slowStartAfterIdle) return;
  const idle = c.nowUs - c.lastSentUs;
  if (idle > c.rtoUs && c.caState === CA_OPEN) restartAfterIdle(c, idle);
}

/** A probe of a shut window, or of a silent peer: a byte that fits, else an old number, which is answered. */
export function sendProbe(c: Connection): void {
  const room = (c.windowEnd - c.sndNxt) | 0;
  if (c.notSent > 0 && room > 0) {
    const fin = c.finQueued ? 1 : 0;
    const bytes = Math.min(c.notSent - fin, room, currentMss(c));
    const isFin = bytes + fin === c.notSent && fin === 1 && bytes < room;
    c.pushedSeq = (c.sndNxt + bytes) | 0;
    sendNew(c, bytes, isFin, true, currentMss(c));
    return;
  }
  if (c.isSendingUrgent) sendBare(c, c.sndUna, F.ACK);
  c.tcp.extended.TCPWinProbe++;
  sendBare(c, (c.sndUna - 1) | 0, F.ACK);
}

/** Nothing is under way and nothing waits: no timer is needed. */
export function stopProbing(c: Connection): void {
  if (c.pendingTimer === TIMER_PROBE_WINDOW) cancelRetransmit(c);
}
