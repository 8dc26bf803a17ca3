// What is sent when: new bytes as far as the peer's window and the congestion window let them, full segments first, small
// ones by Nagle's rule (RFC 9293 3.7.4, with Minshall's change), TCP_CORK and MSG_MORE (Linux's tcp_write_xmit).

import { ENOBUFS } from "../../../../shared/abi/errno.ts";
import { PACKETS_OUT_MAX } from "../limits.ts";
import { GSO_TCPV4, GSO_TCPV6 } from "../offload/segments.ts";
import type { Flow } from "../route/flow.ts";
import { armRetransmit, armWindowProbe, cancelRetransmit, scheduleLossProbe } from "./arm.ts";
import { CA_OPEN, CA_RECOVERY } from "./congestion/congestion.ts";
import { type Connection, TIMER_LOSS_PROBE, TIMER_NONE, TIMER_PROBE_WINDOW } from "./connection.ts";
import * as F from "./format.ts";
import { isReducing, restartAfterIdle, validateWindow } from "./reduction.ts";
import { hasHoles } from "./sacks.ts";
import { IS_FIN } from "./scoreboard.ts";
import { after, before } from "./sequence.ts";
import { sendBare, sendData, wayOf } from "./transmit.ts";

/** What holds small segments back. */
const NAGLE = 0;
export const NAGLE_OFF = 1;
export const NAGLE_CORK = 2;

/** The bytes of a packet that stands for many segments: what IPv4's longest has room for behind headers. */
const GSO_BYTES_MAX = 65535 - 20 - F.HEADER_MAX;
/** Packets that one call sends; what else may go goes in the stack's next turn. */
const BURST_MAX = 128;
/** net.ipv4.tcp_tso_win_divisor */
const DEFER_DIVISOR = 3;

/** What a segment holds now, options taken off. */
export function currentMss(c: Connection): number {
  if (!c.sackOk || !hasHoles(c)) return c.mss;
  // Room for SACK blocks.
  return Math.max(c.mss - F.SACK_BASE_ALIGNED - 3 * F.SACK_BLOCK, 1);
}

export function nagleOf(c: Connection): number {
  const { options, isCorked } = c.endpoint;
  return (options.noDelay ? NAGLE_OFF : NAGLE) | (isCorked ? NAGLE_CORK : NAGLE);
}

// Whether a segment that is not full may go (tcp_nagle_test).
function mayGoSmall(c: Connection, nagle: number, isFin: boolean): boolean {
  if (isFin || c.isSendingUrgent) return true;
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
    const mss = currentMss(c);
    const most = probes || typeof flow === "number" ? 1 : packetsAtOnce(c, flow, mss);
    const quota = probes ? 1 : Math.min(c.cwnd - c.inFlight, PACKETS_OUT_MAX - c.packetsOut);
    for (let calls = 0; c.notSent > 0; calls++) {
      if (calls === BURST_MAX) {
        waitsForBuffers = true;
        break;
      }
      if (sent >= quota) {
        isLimited = !probes;
        break;
      }
      const fin = c.finQueued ? 1 : 0;
      const left = c.notSent - fin;
      const room = (c.windowEnd - c.sndNxt) | 0;
      let count = 1;
      if (most > 1 && left >= 2 * mss) {
        const fits = Math.floor(Math.min(left, room) / mss);
        count = Math.max(1, Math.min(most, quota - sent, fits));
        if (count < most && count < Math.floor(left / mss) && shouldDefer(c, count, mss)) {
          isLimited = count === quota - sent;
          break;
        }
      }
      const bytes = Math.min(left, count * mss);
      const isFin = fin === 1 && bytes === left;
      if (bytes + (isFin ? 1 : 0) > room) break;
      if (bytes < mss && !mayGoSmall(c, nagle, isFin)) break;
      if (sendNew(c, bytes, isFin, mss) === -ENOBUFS) {
        waitsForBuffers = true;
        break;
      }
      sent += count;
      if (probes) break;
    }
  }
  if (waitsForBuffers) c.tcp.waitForBuffers(c);
  if (sent > 0) {
    if (isReducing(c)) c.ownLosses.prrOut += sent;
    validateWindow(c, isLimited || c.inFlight >= c.cwnd);
    if (!probes) scheduleLossProbe(c);
    return true;
  }
  if (isLimited) validateWindow(c, true);
  return c.packetsOut > 0 || c.notSent === 0 || waitsForBuffers;
}

// Segments that one packet may stand for: as many as a device takes that cuts them up itself.
function packetsAtOnce(c: Connection, { device }: Flow, mss: number): number {
  const type = c.isV6 ? GSO_TCPV6 : GSO_TCPV4;
  if ((device!.segments & (1 << type)) === 0 || c.isSendingUrgent) return 1;
  return Math.max(1, Math.floor(GSO_BYTES_MAX / mss));
}

// A packet of few segments waits for the next acknowledgement if that is to come soon (tcp_tso_should_defer).
function shouldDefer(c: Connection, count: number, mss: number): boolean {
  if (c.packetsOut === 0 || c.caState >= CA_RECOVERY || c.srttUs === 0) return false;
  const window = Math.min(c.sndWnd, c.cwnd * mss);
  if (count * mss >= window / DEFER_DIVISOR) return false;
  return c.nowUs - c.board.sentUsAt(0) < c.srttUs / 2;
}

// Sends the next bytes as one packet, which may stand for many segments.
function sendNew(c: Connection, bytes: number, isFin: boolean, mss: number): number {
  const seq = c.sndNxt;
  const end = (seq + bytes + (isFin ? 1 : 0)) | 0;
  const isPushed = end === c.writeSeq || (after(c.pushedSeq, seq) && !after(c.pushedSeq, end));
  const flags = (isFin ? F.FIN : 0) | (isPushed && bytes > 0 ? F.PSH : 0);
  const error = sendData(c, seq, end, flags, mss, false);
  if (error === -ENOBUFS) return error;
  if (bytes < mss) c.smallSeq = end;
  const hadNone = c.packetsOut === 0;
  const board = c.boardToFill;
  for (let at = seq; ; ) {
    const next = (at + mss) | 0;
    const isLast = !before(next, isFin ? (end - 1) | 0 : end);
    const stop = isLast ? end : next;
    board.push(at, stop, isFin && isLast ? IS_FIN : 0, c.nowUs);
    if (isLast) break;
    at = next;
  }
  c.sndNxt = end;
  if (hadNone || c.pendingTimer === TIMER_LOSS_PROBE || c.pendingTimer === TIMER_NONE) armRetransmit(c);
  return error;
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
    const mss = currentMss(c);
    const bytes = Math.min(c.notSent - fin, room, mss);
    const isFin = bytes + fin === c.notSent && fin === 1 && bytes < room;
    c.pushedSeq = (c.sndNxt + bytes) | 0;
    sendNew(c, bytes, isFin, mss);
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
