// A segment for a connection (RFC 9293 3.10.7; Linux's tcp_rcv_state_process): whether it is acceptable, what it
// acknowledges, what it brings, and the states that follow.

import { ACK_TAKEN, ACK_TOO_OLD, ackCame, rememberTimestamp } from "./ack.ts";
import { checkAck, dataCame, initializeReceiveMss, sendAck } from "./acknowledge.ts";
import { cancelRetransmit } from "./arm.ts";
import { spaceWasFreed } from "./buffers.ts";
import { enterTimeWait, finish, resetCame, setState, waitForFin } from "./close.ts";
import { type Connection, NOTICE_READABLE } from "./connection.ts";
import { ecnCame } from "./ecn.ts";
import { beginReceiving, established, negotiate } from "./establish.ts";
import * as F from "./format.ts";
import { pushPending } from "./output.ts";
import { takeUrgentByte, urgentCame } from "./read.ts";
import { noteDuplicate, takeData } from "./receive.ts";
import { forgetRetransmissions } from "./retransmit.ts";
import { hasHoles, highestReceived } from "./sacks.ts";
import type { Segment } from "./segment.ts";
import { after, before } from "./sequence.ts";
import * as S from "./states.ts";
import { sendSyn } from "./transmit.ts";
import { measureReceiverRtt } from "./window.ts";

/** Timestamps older than that are not believed: TCP_PAWS_24DAYS, in s. */
const PAWS_AGE_S = 60 * 60 * 24 * 24;

const HALF_SHUT = S.states(S.TCP_CLOSE_WAIT, S.TCP_LAST_ACK, S.TCP_CLOSING);
const FIN_WAITS = S.states(S.TCP_FIN_WAIT1, S.TCP_FIN_WAIT2);

/** Takes a segment; true: the peer is to get a reset for it. */
export function connectionInput(c: Connection, segment: Segment): boolean {
  const { gsoSize } = segment.packet!;
  const packets = gsoSize === 0 ? 1 : Math.max(1, Math.ceil(segment.length / gsoSize));
  c.segmentsIn += packets;
  if (segment.length > 0) c.dataSegmentsIn += packets;
  c.echoedTs = segment.hasTimestamp ? segment.tsEcho : 0;
  if (c.state === S.TCP_SYN_SENT) return synSentInput(c, segment);
  if (!isAcceptable(c, segment)) return false;
  if (!segment.hasAck) return false;
  const wasState = c.state;
  const result = ackCame(c, segment);
  if (result <= 0 && wasState !== S.TCP_ESTABLISHED) {
    if (wasState === S.TCP_SYN_RECV) return true;
    if (result < 0) {
      sendChallenge(c);
      return false;
    }
  } else if (result < 0) {
    if (result === ACK_TOO_OLD) sendChallenge(c);
    return false;
  }
  if (result === ACK_TAKEN && wasState !== S.TCP_ESTABLISHED && !acknowledgedState(c, segment)) return false;
  if ((segment.flags & F.URG) !== 0) urgent(c, segment);
  if (!takesData(c, segment)) return true;
  if (c.state === S.TCP_CLOSE) return false;
  if (c.notSent > 0 || c.packetsOut > 0) pushPending(c);
  spaceWasFreed(c);
  checkAck(c, hasHoles(c));
  return false;
}

function urgent(c: Connection, segment: Segment): void {
  if (urgentCame(c, segment)) c.notices |= NOTICE_READABLE;
  if (takeUrgentByte(c, segment)) c.notices |= NOTICE_READABLE;
}

// ---- Whether it is acceptable ----

function isAcceptable(c: Connection, segment: Segment): boolean {
  const { extended } = c.tcp;
  if (!segment.isRst && c.isOlder(segment) && isTooOld(c, segment)) {
    extended.PAWSEstab++;
    answerDuplicate(c, segment);
    return false;
  }
  const isInWindow = !before(segment.end, c.rcvWup) && !after(segment.seq, (c.rcvNxt + c.receiveWindow) | 0);
  if (!isInWindow) {
    if (!segment.isRst) {
      if (segment.isSyn) challengeSyn(c);
      else answerDuplicate(c, segment);
    } else if (isResetBeforeFin(c, segment)) resetCame(c);
    return false;
  }
  if (segment.isRst) {
    const isExact =
      segment.seq === c.rcvNxt ||
      isResetBeforeFin(c, segment) ||
      (c.sackOk && hasHoles(c) && segment.seq === highestReceived(c));
    if (isExact) resetCame(c);
    else sendChallenge(c);
    return false;
  }
  if (segment.isSyn) {
    // The SYN of a simultaneous opening that comes again with its acknowledgement.
    if (c.state === S.TCP_SYN_RECV && segment.hasAck && ((segment.seq + 1) | 0) === c.rcvNxt) return true;
    challengeSyn(c);
    return false;
  }
  return true;
}

// Linux sends resets with the number before the FIN's where a MAC OS peer had.
function isResetBeforeFin(c: Connection, segment: Segment): boolean {
  return segment.seq === ((c.rcvNxt - 1) | 0) && S.isIn(c.state, HALF_SHUT);
}

// Whether a segment that is older is thrown away for it (tcp_paws_check, tcp_disordered_ack).
function isTooOld(c: Connection, segment: Segment): boolean {
  if (c.tsRecent === 0 || c.nowS - c.tsRecentAge >= PAWS_AGE_S) return false;
  const isPlain =
    segment.hasAck && segment.seq === c.rcvNxt && segment.ack === c.sndUna && segment.end === segment.seq;
  return !(isPlain && ((c.tsRecent - segment.tsValue) | 0) * 1000 <= c.rtoUs);
}

function answerDuplicate(c: Connection, segment: Segment): void {
  const { extended } = c.tcp;
  // Bytes that came again are answered always: the peer waits for it.
  const isPlain = segment.length === 0 && !segment.isSyn;
  if (isPlain && !c.mayAnswer()) {
    extended.TCPACKSkippedSeq++;
    return;
  }
  noteDuplicate(c, segment);
  sendAck(c);
}

function challengeSyn(c: Connection): void {
  c.tcp.extended.TCPSYNChallenge++;
  sendChallenge(c);
}

/** What may be an attack is answered by an acknowledgement, to which the true peer answers (RFC 5961). */
function sendChallenge(c: Connection): void {
  const { tcp } = c;
  if (!c.mayAnswer()) {
    tcp.extended.TCPACKSkippedChallenge++;
    return;
  }
  if (!tcp.mayChallenge()) return;
  tcp.extended.TCPChallengeACK++;
  sendAck(c);
}

// ---- States that an acknowledgement leads to ----

// False: the segment is done with.
function acknowledgedState(c: Connection, segment: Segment): boolean {
  switch (c.state) {
    case S.TCP_SYN_RECV:
      c.sndWnd = segment.window << c.sndWscale;
      c.sndWl1 = segment.seq;
      setState(c, S.TCP_ESTABLISHED);
      established(c);
      return true;
    case S.TCP_FIN_WAIT1:
      if (c.sndUna !== c.writeSeq) return true;
      setState(c, S.TCP_FIN_WAIT2);
      if (!c.isOrphan) {
        c.notices |= NOTICE_READABLE;
        return true;
      }
      return orphanInFinWait2(c, segment);
    case S.TCP_CLOSING:
      if (c.sndUna !== c.writeSeq) return true;
      enterTimeWait(c, S.TCP_TIME_WAIT, 0);
      return false;
    case S.TCP_LAST_ACK:
      if (c.sndUna !== c.writeSeq) return true;
      finish(c);
      return false;
  }
  return true;
}

function orphanInFinWait2(c: Connection, segment: Segment): boolean {
  if (c.endpoint.options.finTimeoutUs < 0) {
    c.tcp.extended.TCPAbortOnData++;
    finish(c);
    return false;
  }
  // Its FIN may be in this very segment; data is refused in what follows.
  if (segment.length > 0 || segment.isFin) return true;
  waitForFin(c);
  return false;
}

// ---- What it brings ----

// False: bytes came that nobody will read; the peer is to hear it.
function takesData(c: Connection, segment: Segment): boolean {
  if (segment.end === segment.seq || c.state === S.TCP_CLOSE) return true;
  if (S.isIn(c.state, HALF_SHUT) && !before(segment.seq, c.rcvNxt)) return true;
  if (S.isIn(c.state, FIN_WAITS | HALF_SHUT) && c.endpoint.hasShutRead) {
    const end = (segment.end - (segment.isFin ? 1 : 0)) | 0;
    if (after(end, c.rcvNxt)) {
      c.tcp.extended.TCPAbortOnData++;
      resetCame(c);
      return false;
    }
  }
  measureReceiverRtt(c, echoedUs(c), segment.length);
  ecnCame(c, segment);
  takeData(c, segment);
  if ((c.state as number) !== S.TCP_CLOSE && segment.length > 0) dataCame(c, segment);
  return true;
}

// The time since what the segment echoes was sent; -1: it is not known.
function echoedUs(c: Connection): number {
  if (!c.tsOk || c.echoedTs === 0) return -1;
  const ms = (c.timestamp - c.echoedTs) | 0;
  return ms < 0 ? -1 : ms * 1000;
}

// ---- The answer to a SYN ----

function synSentInput(c: Connection, segment: Segment): boolean {
  if (segment.hasAck) {
    if (segment.ack !== ((c.iss + 1) | 0)) return !segment.isRst;
    if (segment.hasTimestamp && c.tsOk && segment.tsEcho !== 0) {
      const age = (c.timestamp - segment.tsEcho) | 0;
      const isOurs = age >= 0 && age * 1000 <= c.nowUs - c.synSentUs + 1000;
      if (!isOurs) {
        c.tcp.extended.PAWSActive++;
        return !segment.isRst;
      }
    }
    if (segment.isRst) {
      resetCame(c);
      return false;
    }
    if (!segment.isSyn) return false;
    synAcked(c, segment);
    return false;
  }
  if (segment.isRst) return false;
  if (segment.isSyn) simultaneous(c, segment);
  return false;
}

function receiveSyn(c: Connection, segment: Segment): void {
  beginReceiving(c, segment.seq);
  c.sndWnd = segment.window;
  c.sndWl1 = segment.seq;
  c.maxWindow = Math.max(c.maxWindow, segment.window);
  negotiate(c, segment);
  initializeReceiveMss(c);
}

function synAcked(c: Connection, segment: Segment): void {
  c.ecnOk = c.ecnOk && (segment.flags & (F.ECE | F.CWR)) === F.ECE;
  if (c.totalRetransmits === 0) c.rtt.sample(c.nowUs - c.synSentUs, c.nowUs, c.sndUna, c.sndNxt);
  receiveSyn(c, segment);
  c.sndUna = segment.ack;
  c.bytesAcked = 1;
  c.sndNxt = segment.ack;
  c.retransmits = 0;
  forgetRetransmissions(c);
  c.backoff = 0;
  cancelRetransmit(c);
  setState(c, S.TCP_ESTABLISHED);
  established(c);
  // Whoever has something to say says it with the acknowledgement.
  const { segmentsOut } = c;
  if (c.notSent > 0) pushPending(c);
  if (c.segmentsOut === segmentsOut) sendAck(c);
}

function simultaneous(c: Connection, segment: Segment): void {
  c.ecnOk = c.ecnOk && (segment.flags & (F.ECE | F.CWR)) === (F.ECE | F.CWR);
  receiveSyn(c, segment);
  setState(c, S.TCP_SYN_RECV);
  rememberTimestamp(c, segment);
  sendSyn(c, true);
}
