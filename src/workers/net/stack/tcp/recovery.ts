// What losses and signs of congestion do to the window, and whether they had been any (RFC 5681, 6582, 6675, 6937, 5682;
// Linux's tcp_fastretrans_alert): open, disorder, reduction for ECN, recovery, and loss after a timeout.

import * as A from "./ack_flags.ts";
import { armTimer } from "./arm.ts";
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from "./congestion/congestion.ts";
import { type Connection, TIMER_RETRANSMIT } from "./connection.ts";
import { echoesEarlier, markLost, PERSIST, rackMarkLost, rackTimeLeft } from "./rack.ts";
import { currentThreshold, enterCwr, finishReduction, initReduction, isReducing } from "./reduction.ts";
import { anyRetransmitted, countWork, forgetRetransmissions, limitRenoDuplicates } from "./retransmit.ts";
import { LOST, SACKED } from "./scoreboard.ts";
import { after, before } from "./sequence.ts";

const RENEGE_MIN_US = 10_000;

/** What is to be sent after one. */
export const SEND_NOTHING = 0;
export const SEND_LOST = 1;
export const SEND_NEW = 2;

// ---- Reduction ----

function beginUndo(c: Connection): void {
  const losses = c.ownLosses;
  losses.hasUndo = true;
  losses.undoMarker = c.sndUna;
  losses.undoRetrans = c.board.retransOut + (losses.hasTlp && losses.tlpWasRetransmit ? 1 : 0);
  if (losses.undoRetrans === 0) losses.undoRetrans = -1;
}

export function enterRecovery(c: Connection, isEcn: boolean): void {
  const { extended } = c.tcp;
  if (c.sackOk) extended.TCPSackRecovery++;
  else extended.TCPRenoRecovery++;
  c.ownLosses.priorSsthresh = 0;
  beginUndo(c);
  if (!isReducing(c)) {
    if (!isEcn) c.ownLosses.priorSsthresh = currentThreshold(c);
    initReduction(c);
  }
  c.setCaState(CA_RECOVERY);
}

/** The retransmission timer went off: what was sent counts as lost, but for what was sent just now. */
export function enterLoss(c: Connection): void {
  const isNew = c.caState < CA_RECOVERY;
  const { board } = c;
  if (board.count > 0 && (board.flagsAt(0) & SACKED) !== 0) {
    c.tcp.extended.TCPSACKReneging++;
    board.forgetSacked();
  } else if (!c.sackOk) {
    c.ownLosses.renoSacked = 0;
  }
  countWork(c);
  for (let index = 0; index < board.count; index++) {
    if (index > 0 && rackTimeLeft(c, index, 0) > 0) continue;
    markLost(c, index);
  }
  if (
    c.caState <= CA_DISORDER ||
    !after(c.highSeq, c.sndUna) ||
    (c.caState === CA_LOSS && c.retransmits === 0)
  ) {
    c.ownLosses.priorSsthresh = currentThreshold(c);
    c.priorCwnd = c.cwnd;
    c.ssthresh = c.control.ssthresh(c);
    beginUndo(c);
  }
  c.cwnd = c.inFlight + 1;
  c.cwndCount = 0;
  c.cwndStampUs = c.nowUs;
  const { reordering, frto } = c.tcp.settings;
  if (c.caState <= CA_DISORDER && c.sackedOut >= reordering)
    c.reordering = Math.min(c.reordering, reordering);
  c.setCaState(CA_LOSS);
  c.highSeq = c.sndNxt;
  c.ownLosses.hasTlp = false;
  if (c.ecnOk) c.ownLosses.ecnQueuesCwr = true;
  c.ownLosses.frto = frto && (isNew || c.retransmits > 0);
}

// ---- Undoing ----

// What was acknowledged had been sent before the first retransmission: that was not needed (Eifel, RFC 3522).
function wasDelayed(c: Connection): boolean {
  return c.losses.retransStampUs !== 0 && echoesEarlier(c, c.losses.retransStampUs);
}

function mayUndo(c: Connection): boolean {
  return c.losses.hasUndo && (c.losses.undoRetrans === 0 || wasDelayed(c));
}

function undoReduction(c: Connection, forgetsLosses: boolean): void {
  if (forgetsLosses) {
    countWork(c);
    c.board.forgetLost();
  }
  if (c.losses.priorSsthresh > 0) {
    c.cwnd = c.control.undo(c);
    if (c.losses.priorSsthresh > c.ssthresh) {
      c.ssthresh = c.losses.priorSsthresh;
      c.ownLosses.ecnQueuesCwr = false;
    }
  }
  c.cwndStampUs = c.nowUs;
  c.ownLosses.hasUndo = false;
  c.rackAdvanced = true;
}

function tryOpen(c: Connection, flags: number): void {
  if (!anyRetransmitted(c)) forgetRetransmissions(c);
  if ((flags & A.ECN_ECHO) !== 0) enterCwr(c);
  if (c.caState !== CA_CWR) tryKeepOpen(c);
}

// All that was sent before the recovery is acknowledged; true: the state stays for now.
function tryUndoRecovery(c: Connection): boolean {
  const { extended } = c.tcp;
  if (mayUndo(c)) {
    if (c.caState === CA_LOSS) extended.TCPLossUndo++;
    else extended.TCPFullUndo++;
    undoReduction(c, false);
  } else if (c.losses.reoWindowPersist > 0) c.ownLosses.reoWindowPersist--;
  if (c.sndUna === c.highSeq && !c.sackOk) {
    // A peer without SACK: until something beyond is acknowledged, duplicates may be of before.
    if (!anyRetransmitted(c)) forgetRetransmissions(c);
    return true;
  }
  c.setCaState(CA_OPEN);
  return false;
}

function tryUndoDsack(c: Connection): boolean {
  if (!c.losses.hasUndo || c.losses.undoRetrans !== 0) return false;
  c.ownLosses.reoWindowPersist = Math.min(PERSIST, c.losses.reoWindowPersist + 1);
  undoReduction(c, false);
  c.tcp.extended.TCPDSACKUndo++;
  return true;
}

function tryUndoLoss(c: Connection, isFrto: boolean): boolean {
  if (!isFrto && !mayUndo(c)) return false;
  const { extended } = c.tcp;
  undoReduction(c, true);
  extended.TCPLossUndo++;
  if (isFrto) extended.TCPSpuriousRTOs++;
  c.retransmits = 0;
  if (!c.sackOk && c.sndUna === c.highSeq) return true;
  if (isFrto || c.sackOk) c.setCaState(CA_OPEN);
  return true;
}

function tryUndoPartial(c: Connection): boolean {
  if (!c.losses.hasUndo || !wasDelayed(c)) return false;
  c.ownLosses.reorderSeen = true;
  if (c.board.retransOut > 0) return true;
  if (!anyRetransmitted(c)) forgetRetransmissions(c);
  undoReduction(c, true);
  c.tcp.extended.TCPPartialUndo++;
  tryKeepOpen(c);
  return true;
}

// ---- Peers without SACK ----

function addRenoDuplicate(c: Connection): void {
  c.ownLosses.renoSacked++;
  checkRenoReordering(c);
  c.delivered++;
}

function checkRenoReordering(c: Connection): void {
  if (!limitRenoDuplicates(c)) return;
  c.reordering = Math.min(c.tcp.settings.reorderingMax, c.packetsOut + c.losses.renoSacked);
  c.ownLosses.reorderSeen = true;
}

/** So many packets were acknowledged: the first is a hole that was filled, the others had been counted. */
export function removeRenoDuplicates(c: Connection, acked: number): void {
  c.ownLosses.renoSacked = Math.max(0, c.losses.renoSacked - (acked - 1));
  checkRenoReordering(c);
}

function identifyLosses(c: Connection, flags: number): number {
  const { board } = c;
  if (board.count === 0) return flags;
  if (!c.sackOk) {
    const isDue =
      (c.caState < CA_RECOVERY && c.losses.renoSacked >= c.reordering) ||
      (c.caState === CA_RECOVERY && (flags & A.UNA_ADVANCED) !== 0);
    if (isDue && (board.flagsAt(0) & LOST) === 0) markLost(c, 0);
    return flags;
  }
  const { retransOut } = board;
  rackMarkLost(c);
  return retransOut > board.retransOut ? flags | A.LOST_RETRANSMIT : flags;
}

// ---- Acknowledgements that are not plain ----

/** What an acknowledgement means for the state; what is to be sent then. */
export function alert(c: Connection, duplicates: number, flags: number): number {
  if ((flags & A.ECN_ECHO) !== 0) c.ownLosses.priorSsthresh = 0;
  if ((flags & A.RENEGED) !== 0) {
    // The first one was acknowledged selectively alone: the peer may have dropped it, which a short timeout shows.
    armTimer(c, TIMER_RETRANSMIT, Math.max(c.srttUs / 2, RENEGE_MIN_US));
    return SEND_NOTHING;
  }
  if (c.caState === CA_OPEN) {
    if (!anyRetransmitted(c)) forgetRetransmissions(c);
  } else if (!before(c.sndUna, c.highSeq)) {
    if (c.caState === CA_CWR) {
      if (c.sndUna !== c.highSeq) {
        finishReduction(c);
        c.setCaState(CA_OPEN);
      }
    } else if (c.caState === CA_RECOVERY) {
      if (!c.sackOk) c.ownLosses.renoSacked = 0;
      if (tryUndoRecovery(c)) return SEND_NOTHING;
      finishReduction(c);
    }
  }
  switch (c.caState) {
    case CA_RECOVERY:
      if ((flags & A.UNA_ADVANCED) === 0) {
        if (!c.sackOk && duplicates > 0) addRenoDuplicate(c);
      } else if (tryUndoPartial(c)) return SEND_NOTHING;
      if (tryUndoDsack(c)) tryOpen(c, flags);
      identifyLosses(c, flags);
      if ((c.caState as number) !== CA_RECOVERY) {
        if (c.board.lostOut === 0) return SEND_NOTHING;
        enterRecovery(c, (flags & A.ECN_ECHO) !== 0);
      }
      return SEND_LOST;
    case CA_LOSS: {
      const next = processLoss(c, flags, duplicates);
      flags = identifyLosses(c, flags);
      if ((c.caState as number) !== CA_OPEN && (flags & A.LOST_RETRANSMIT) === 0) return next;
      break;
    }
    default:
      if (!c.sackOk) {
        if ((flags & A.UNA_ADVANCED) !== 0) c.ownLosses.renoSacked = 0;
        if (duplicates > 0) addRenoDuplicate(c);
      }
      if (c.caState <= CA_DISORDER) tryUndoDsack(c);
      identifyLosses(c, flags);
  }
  if (c.board.lostOut === 0) {
    tryOpen(c, flags);
    return SEND_NOTHING;
  }
  enterRecovery(c, (flags & A.ECN_ECHO) !== 0);
  return SEND_LOST;
}

// After a timeout: whether it had been needed (F-RTO, RFC 5682 3.1), and what goes next.
function processLoss(c: Connection, flags: number, duplicates: number): number {
  const isRecovered = !before(c.sndUna, c.highSeq);
  if ((flags & A.UNA_ADVANCED) !== 0 && tryUndoLoss(c, false)) return SEND_NOTHING;
  if (c.losses.frto) {
    if ((flags & A.ORIGINAL_SACKED) !== 0 && tryUndoLoss(c, true)) return SEND_NOTHING;
    if (after(c.sndNxt, c.highSeq)) {
      if ((flags & A.DATA_SACKED) !== 0 || duplicates > 0) c.ownLosses.frto = false;
    } else if ((flags & A.UNA_ADVANCED) !== 0 && !isRecovered) {
      c.highSeq = c.sndNxt;
      if (c.notSent > 0 && after(c.windowEnd, c.sndNxt)) return SEND_NEW;
      c.ownLosses.frto = false;
    }
  }
  if (isRecovered) {
    if (!c.sackOk) c.ownLosses.renoSacked = 0;
    tryUndoRecovery(c);
    return SEND_NOTHING;
  }
  if (!c.sackOk) {
    if (after(c.sndNxt, c.highSeq) && duplicates > 0) addRenoDuplicate(c);
    else if ((flags & A.UNA_ADVANCED) !== 0) c.ownLosses.renoSacked = 0;
  }
  return SEND_LOST;
}

/** What came out of order shows how far packets are reordered. */
export function checkReordering(c: Connection, lowest: number): void {
  const { board } = c;
  if (c.mss === 0) return;
  const distance = (board.priorHighest - lowest) | 0;
  if (distance <= 0) return;
  const packets = Math.ceil(distance / c.mss);
  if (packets > c.reordering) c.reordering = Math.min(packets, c.tcp.settings.reorderingMax);
  c.ownLosses.reorderSeen = true;
  c.ownLosses.reorderEvents++;
  if (c.tsOk) c.tcp.extended.TCPTSReorder++;
  else c.tcp.extended.TCPSACKReorder++;
}

export function tryKeepOpen(c: Connection): void {
  const isDisorder = c.sackedOut + c.board.lostOut > 0 || anyRetransmitted(c);
  const state = isDisorder ? CA_DISORDER : CA_OPEN;
  if (c.caState === state) return;
  c.setCaState(state);
  c.highSeq = c.sndNxt;
}
