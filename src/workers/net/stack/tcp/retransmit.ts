// Sending again what was sent: an entry of the scoreboard, and those of its lost ones that the congestion window lets go.

import { EAGAIN, ENOBUFS } from "../../../../shared/abi/errno.ts";
import { PACKETS_OUT_MAX } from "../limits.ts";
import { armRetransmit } from "./arm.ts";
import { CA_LOSS } from "./congestion/congestion.ts";
import { type Connection, TIMER_REORDER } from "./connection.ts";
import * as F from "./format.ts";
import { EVER_RETRANSMITTED, IS_FIN } from "./scoreboard.ts";
import { after, before } from "./sequence.ts";
import { sendData } from "./transmit.ts";

/** Segments that one call sends again at most: what is left goes with the next acknowledgement. */
const BURST_MAX = 64;
/** Entries that shorter segments make at most. */
const ENTRIES_MAX = 2 * PACKETS_OUT_MAX;
/** So many entries that are looked at are as much work as a packet: 64. */
const ENTRIES_SHIFT = 6;

/** All that is under way was looked at: that is work which other connections' packets wait for. */
export function countWork(c: Connection): void {
  c.tcp.core.extraWork += c.board.count >> ENTRIES_SHIFT;
}

/** Sends an entry again: how many segments that were, or a negative errno; -EAGAIN: the window does not let it. */
export function retransmit(c: Connection, index: number): number {
  const { board, mss } = c;
  if (board.bytesAt(index) > mss) {
    // Segments have become shorter since.
    const seq = board.seqAt(index);
    countWork(c);
    if (board.resegment(mss, ENTRIES_MAX) && !c.sackOk) limitRenoDuplicates(c);
    countWork(c);
    index = board.find(seq);
  }
  const seq = board.seqAt(index);
  const end = board.endAt(index);
  // A window that shrank holds back all but the first one.
  if (after(end, c.windowEnd) && seq !== c.sndUna) return -EAGAIN;
  const isFin = (board.flagsAt(index) & IS_FIN) !== 0;
  const bytesEnd = isFin ? (end - 1) | 0 : end;
  // One segment, or where there are too many entries to cut it, those that it is.
  let sent = 0;
  let at = seq;
  do {
    const isLast = !before((at + mss) | 0, bytesEnd);
    const stop = isLast ? end : (at + mss) | 0;
    const error = sendData(c, at, stop, (isFin && isLast ? F.FIN : 0) | F.PSH, mss, true);
    if (error === -ENOBUFS) return error;
    at = stop;
    sent++;
  } while (at !== end);
  c.tcp.core.extraWork += sent - 1;
  noteRetransmission(c, index);
  return sent;
}

/** Of a peer without SACK: no more has come out of order than is under way beside the holes; true: more was counted. */
export function limitRenoDuplicates(c: Connection): boolean {
  const most = Math.max(0, c.packetsOut - Math.max(1, c.board.lostOut));
  if (c.losses.renoSacked <= most) return false;
  c.ownLosses.renoSacked = most;
  return true;
}

function noteRetransmission(c: Connection, index: number): void {
  const losses = c.ownLosses;
  if (losses.retransStampUs === 0) losses.retransStampUs = c.nowUs;
  losses.undoRetrans = Math.max(losses.undoRetrans, 0) + 1;
  c.board.resent(index, c.nowUs);
}

/** Lost ones go again, as far as the congestion window lets them. */
export function retransmitLost(c: Connection): void {
  const { board } = c;
  let isFirst = false;
  for (let sent = 0; sent < BURST_MAX; ) {
    if (c.inFlight >= c.cwnd) break;
    const index = board.nextLost;
    if (index < 0) break;
    const segments = retransmit(c, index);
    if (segments === -ENOBUFS) c.tcp.waitForBuffers(c);
    if (segments < 0) break;
    sent += segments;
    const { extended } = c.tcp;
    if (c.caState === CA_LOSS) extended.TCPSlowStartRetrans++;
    else extended.TCPFastRetrans++;
    c.ownLosses.prrOut++;
    if (index === 0 && c.pendingTimer !== TIMER_REORDER) isFirst = true;
  }
  if (isFirst) armRetransmit(c);
}

/** Nothing is under way that was sent again. */
export function forgetRetransmissions(c: Connection): void {
  if (c.losses.retransStampUs !== 0) c.ownLosses.retransStampUs = 0;
}

/** Whether anything under way was ever sent again. */
export function anyRetransmitted(c: Connection): boolean {
  if (c.board.retransOut > 0) return true;
  return c.board.count > 0 && (c.board.flagsAt(0) & EVER_RETRANSMITTED) !== 0;
}
