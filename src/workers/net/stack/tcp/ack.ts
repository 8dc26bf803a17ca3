// An acknowledgement: what it says of the peer's window, of what was sent, of the round-trip time and of the network, and
// what goes out because of it (Linux's tcp_ack).

import * as A from "./ack_flags.ts";
import type { Acknowledged } from "./acknowledged.ts";
import { armWindowProbe, cancelRetransmit, rearmRetransmit, scheduleLossProbe } from "./arm.ts";
import { spaceWasFreed } from "./buffers.ts";
import { CA_CWR, CA_LOSS, CA_OPEN } from "./congestion/congestion.ts";
import { type Connection, TIMER_PROBE_WINDOW, TIMER_REORDER } from "./connection.ts";
import * as F from "./format.ts";
import { believeNarrower } from "./narrower.ts";
import { checkProbeTimer, NAGLE_OFF, pushPending, stopProbing } from "./output.ts";
import { updateReorderWindow } from "./rack.ts";
import { alert, checkReordering, removeRenoDuplicates, SEND_NEW, SEND_NOTHING } from "./recovery.ts";
import { isReducing, reduce } from "./reduction.ts";
import { retransmitLost } from "./retransmit.ts";
import { SACKED } from "./scoreboard.ts";
import type { Segment } from "./segment.ts";
import { after, before, later } from "./sequence.ts";
import { tlpWasAcked } from "./tail_loss.ts";
import { setPathMtu } from "./transmit.ts";

/** What ackCame says. */
export const ACK_TAKEN = 1;
const ACK_OLD = 0;
/** Of something that was never sent, or so old that it may be an attack. */
const ACK_UNSENT = -1;
export const ACK_TOO_OLD = -2;

const NOT_A_DUPLICATE = A.DATA_CAME | A.WINDOW_UPDATED | A.DATA_ACKED;
const ALERTING = A.DATA_SACKED | A.ECN_ECHO | A.DSACK;

/** A segment's acknowledgement. */
export function ackCame(c: Connection, segment: Segment): number {
  const { ack } = segment;
  const prior = c.sndUna;
  if (before(ack, prior)) {
    // RFC 5961 5.2; and nobody acknowledges what was never sent.
    if (((prior - ack) | 0) > Math.min(c.maxWindow, c.bytesAcked)) return ACK_TOO_OLD;
    return oldAck(c, segment);
  }
  if (after(ack, c.sndNxt)) return ACK_UNSENT;
  let flags = 0;
  if (after(ack, prior)) {
    flags |= A.UNA_ADVANCED;
    c.retransmits = 0;
  }
  rememberTimestamp(c, segment);
  if (segment.end !== segment.seq) flags |= A.DATA_CAME;
  const outBefore = c.packetsOut;
  const deliveredBefore = c.delivered;
  const lostBefore = c.lost;
  const { acked, extended } = c.tcp;
  acked.reset();
  c.board.begin();
  flags |= updateWindow(c, segment);
  if (segment.sackCount > 0 && c.sackOk) flags |= sacksCame(c, segment, prior);
  if (c.ecnOk && (segment.flags & F.ECE) !== 0 && (segment.flags & F.SYN) === 0) flags |= A.ECN_ECHO;
  c.softError = 0;
  c.probesOut = 0;
  c.lastAckReceivedUs = c.nowUs;
  if (outBefore === 0) {
    if ((flags & A.DSACK) !== 0) sendAfter(c, alert(c, 0, flags));
    if (c.sndUna !== ack) c.sndUna = ack;
    ackOfProbe(c);
    if (c.losses.hasTlp) tlpWasAcked(c, ack, (flags & A.DSACK_OF_TLP) !== 0, false);
    return ACK_TAKEN;
  }
  flags |= takeAcknowledged(c, ack, acked);
  const delivered = acked.acked + acked.sacked;
  c.delivered += delivered;
  extended.TCPDelivered += delivered;
  if ((flags & A.ECN_ECHO) !== 0) {
    c.deliveredCe += delivered;
    extended.TCPDeliveredCE += delivered;
  }
  updateReorderWindow(c, deliveredBefore);
  if (c.losses.hasTlp) {
    const isPlain = (flags & (A.UNA_ADVANCED | NOT_A_DUPLICATE | A.DATA_SACKED)) === 0;
    tlpWasAcked(c, ack, (flags & A.DSACK_OF_TLP) !== 0, isPlain);
  }
  let next = SEND_NOTHING;
  const isPlain = (flags & NOT_A_DUPLICATE) !== 0 && (flags & ALERTING) === 0;
  if (!isPlain || c.caState !== CA_OPEN) {
    const isDuplicate = (flags & (A.UNA_ADVANCED | NOT_A_DUPLICATE | A.DSACK)) === 0;
    next = alert(c, isDuplicate ? 1 : 0, flags);
  }
  if (setsTimer(c, acked, flags) && !scheduleLossProbe(c, true)) rearmRetransmit(c);
  const newly = c.delivered - deliveredBefore;
  if (isReducing(c)) reduce(c, newly, c.lost - lostBefore, flags);
  else if (mayGrow(c, flags)) {
    c.control.avoid(c, newly);
    c.cwndStampUs = c.nowUs;
  }
  sendAfter(c, next);
  if ((flags & A.DATA_CAME) === 0 && (flags & A.UNA_ADVANCED) !== 0) extended.TCPPureAcks++;
  if ((flags & A.UNA_ADVANCED) !== 0) spaceWasFreed(c);
  believeNarrower(c);
  c.giveBoardBack();
  return ACK_TAKEN;
}

function oldAck(c: Connection, segment: Segment): number {
  if (segment.sackCount > 0 && c.sackOk && c.packetsOut > 0) {
    const { acked } = c.tcp;
    acked.reset();
    c.board.begin();
    const flags = sacksCame(c, segment, c.sndUna);
    c.delivered += acked.sacked;
    sendAfter(c, alert(c, 0, flags));
  }
  return ACK_OLD;
}

function mayGrow(c: Connection, flags: number): boolean {
  if (c.caState > CA_CWR && c.caState !== CA_LOSS) return false;
  const progress = A.DATA_ACKED | A.DATA_SACKED;
  return (flags & (c.reordering > c.tcp.settings.reordering ? progress : A.DATA_ACKED)) !== 0;
}

function sendAfter(c: Connection, next: number): void {
  if (next === SEND_NOTHING) return;
  if (next === SEND_NEW) {
    pushPending(c, NAGLE_OFF);
    if (after(c.sndNxt, c.highSeq)) return;
    c.ownLosses.frto = false;
  }
  retransmitLost(c);
}

/** What is cumulatively acknowledged, and the round-trip time that shows by it. */
function takeAcknowledged(c: Connection, ack: number, acked: Acknowledged): number {
  const { board, nowUs } = c;
  const { deliveries } = c.tcp;
  let flags = 0;
  const outBefore = board.count;
  const advanced = (ack - c.sndUna) | 0;
  if (advanced > 0) {
    deliveries.connection = c;
    board.acknowledge(ack, acked, deliveries);
    c.bytesAcked += advanced;
    c.sndUna = ack;
    if (after(ack, c.sndUp) || ack === c.sndUp) c.isSendingUrgent = false;
    c.sendBuffer.trim(ack, c.finQueued ? later(ack, (c.writeSeq - 1) | 0) : c.writeSeq);
  }
  const gone = outBefore - board.count;
  if (gone > 0) flags |= A.DATA_ACKED;
  if (acked.retransmittedAcked) flags |= A.RETRANSMITTED_ACKED;
  else if (acked.originalSacked) flags |= A.ORIGINAL_SACKED;
  if (board.count > 0 && (board.flagsAt(0) & SACKED) !== 0 && advanced > 0) flags |= A.RENEGED;
  if (gone > 0 && !c.sackOk) removeRenoDuplicates(c, gone);
  else if (acked.hasReorder) checkReordering(c, acked.reorder);
  let rttUs = -1;
  let controlRttUs = -1;
  if (acked.firstSentUs >= 0 && !acked.retransmittedAcked) {
    rttUs = nowUs - acked.firstSentUs;
    controlRttUs = nowUs - acked.lastSentUs;
  }
  if (acked.firstSackedUs >= 0) {
    if (rttUs < 0) rttUs = nowUs - acked.firstSackedUs;
    controlRttUs = nowUs - acked.lastSackedUs;
  }
  if (rttUs < 0 && c.tsOk && c.echoedTs !== 0 && gone > 0) {
    const ms = (c.timestamp - c.echoedTs) | 0;
    if (ms >= 0 && ms < 3_600_000) {
      rttUs = Math.max(ms, 1) * 1000;
      controlRttUs = rttUs;
    }
  }
  if (rttUs >= 0) {
    c.rtt.sample(rttUs, nowUs, c.sndUna, c.sndNxt);
    c.rtoUs = c.rtt.rtoUs;
    c.backoff = 0;
  }
  if (gone > 0) c.control.acked(c, acked.acked + acked.sacked, controlRttUs);
  return flags;
}

function setsTimer(c: Connection, acked: Acknowledged, flags: number): boolean {
  if (c.packetsOut === 0) {
    cancelRetransmit(c);
    checkProbeTimer(c);
    return false;
  }
  if (c.pendingTimer === TIMER_REORDER) return false;
  if ((flags & A.DATA_ACKED) !== 0) return (flags & A.RENEGED) === 0;
  // What came by SACK was sent after the first one was: that one is still waited for.
  return acked.firstSackedUs >= 0 && acked.firstSackedUs > c.board.sentUsAt(0);
}

// ---- Selective acknowledgements ----

function sacksCame(c: Connection, segment: Segment, prior: number): number {
  const { acked, deliveries, extended } = c.tcp;
  const { board } = c;
  let flags = 0;
  let first = 0;
  if (isDsack(segment)) {
    first = 1;
    flags |= dsackCame(c, segment, prior);
  }
  deliveries.connection = c;
  for (let i = first; i < segment.sackCount; i++) {
    const start = segment.sackStart[i]!;
    const end = segment.sackEnd[i]!;
    if (!isValidSack(c, start, end)) {
      extended.TCPSACKDiscard++;
      continue;
    }
    if (board.count > 0) board.sack(start, end, acked, deliveries);
  }
  if (acked.sacked > 0) flags |= A.DATA_SACKED;
  if (acked.originalSacked) flags |= A.ORIGINAL_SACKED;
  return flags;
}

// The first block is one of what had come before: below what is acknowledged, or within the second (RFC 2883).
function isDsack({ sackStart, sackEnd, sackCount, ack }: Segment): boolean {
  if (before(sackStart[0]!, ack)) return true;
  return sackCount > 1 && !after(sackEnd[0]!, sackEnd[1]!) && !before(sackStart[0]!, sackStart[1]!);
}

function dsackCame(c: Connection, { sackStart, sackEnd, ack }: Segment, prior: number): number {
  const start = sackStart[0]!;
  const end = sackEnd[0]!;
  const { extended } = c.tcp;
  if (!before(start, end) || after(end, c.sndNxt) || ((end - start) | 0) > c.maxWindow + c.mss) {
    extended.TCPSACKDiscard++;
    return 0;
  }
  const isOld = before(start, ack);
  if (isOld) extended.TCPDSACKRecv++;
  else extended.TCPDSACKOfoRecv++;
  c.ownLosses.dsackDups++;
  c.ownLosses.dsackSeen = true;
  if (c.losses.hasUndo && c.losses.undoRetrans > 0 && after(end, c.losses.undoMarker) && !after(end, prior)) {
    const packets = Math.max(1, Math.ceil(((end - start) | 0) / Math.max(c.mss, 1)));
    c.ownLosses.undoRetrans = Math.max(0, c.losses.undoRetrans - packets);
  }
  const isTlp = c.losses.hasTlp && c.losses.tlpWasRetransmit && end === c.losses.tlpHighSeq;
  if (isTlp) c.ownLosses.dsackSeen = false;
  return A.DSACK | (isTlp ? A.DSACK_OF_TLP : 0);
}

function isValidSack(c: Connection, start: number, end: number): boolean {
  return before(start, end) && !after(end, c.sndNxt) && !before(start, c.sndUna);
}

// ---- The window ----

function updateWindow(c: Connection, segment: Segment): number {
  const window = segment.isSyn ? segment.window : segment.window << c.sndWscale;
  const isNewer =
    after(segment.ack, c.sndUna) ||
    after(segment.seq, c.sndWl1) ||
    (segment.seq === c.sndWl1 && (window > c.sndWnd || window === 0));
  if (!isNewer) return 0;
  c.sndWl1 = segment.seq;
  if (c.sndWnd === window) return A.WINDOW_UPDATED;
  c.sndWnd = window;
  if (window > c.maxWindow) {
    c.maxWindow = window;
    if (c.pathMtu > 0) setPathMtu(c, c.pathMtu);
  }
  return A.WINDOW_UPDATED;
}

// Nothing was under way: it answers a probe of the window, or opens it.
function ackOfProbe(c: Connection): void {
  if (c.notSent <= 0) return;
  const fin = c.finQueued ? 1 : 0;
  const bytes = Math.min(c.notSent - fin, c.mss);
  if (!after((c.sndNxt + bytes) | 0, c.windowEnd)) {
    c.backoff = 0;
    c.probesStampUs = 0;
    stopProbing(c);
  } else if (c.pendingTimer === TIMER_PROBE_WINDOW) {
    armWindowProbe(c);
  }
}

/** The timestamp of what arrived in order is echoed from now on (RFC 7323 4.3). */
export function rememberTimestamp(c: Connection, segment: Segment): void {
  if (!c.tsOk || !segment.hasTimestamp || after(segment.seq, c.rcvWup)) return;
  if (!c.isOlder(segment)) c.echo(segment.tsValue);
}
