// When what came is acknowledged (RFC 5681 4.2, RFC 1122 4.2.3.2): every other full segment at once, what else after a
// delay, unless the peer needs to hear it soon: at the beginning, after a pause, when something is missing (Linux's quick
// acknowledgements), or the user asks.

import { type Connection, ConnectionTimer, DELAYED_ACK } from "./connection.ts";
import * as F from "./format.ts";
import type { Segment } from "./segment.ts";
import * as S from "./states.ts";
import { ATO_MIN_US, acceptableSeq, sendBare } from "./transmit.ts";
import { freeWindow, growWindow, measureShare } from "./window.ts";

/** TCP_DELACK_MIN, TCP_DELACK_MAX, and the longest of all. */
const DELAY_MIN_US = 40_000;
const DELAY_MAX_US = 200_000;
const DELAY_LIMIT_US = 500_000;
const QUICK_ACKS_MAX = 16;
/** TCP_MIN_MSS */
const MSS_LEAST = 88;
/** Segments with these say nothing of how long others may be (TCP_REMNANT). */
const REMNANT = F.FIN | F.URG | F.SYN | F.PSH;
const GROWING_LENGTH = 128;

/** So many acknowledgements go at once: as many as the window holds pairs of segments. */
export function enterQuickAck(c: Connection, max = QUICK_ACKS_MAX): void {
  raiseQuickAcks(c, max);
  c.isPingPong = false;
  c.atoUs = ATO_MIN_US;
}

function raiseQuickAcks(c: Connection, max: number): void {
  const window = c.receiveMss === 0 ? 2 : Math.floor(c.rcvWnd / (2 * c.receiveMss)) || 2;
  c.quickAcks = Math.max(c.quickAcks, Math.min(window, max));
}

/** Bytes came: how soon, what they say of the peer's segments (tcp_event_data_recv). */
export function dataCame(c: Connection, segment: Segment): void {
  const { nowUs } = c;
  c.ackScheduled = true;
  measureMss(c, segment);
  if (c.atoUs === 0) {
    raiseQuickAcks(c, QUICK_ACKS_MAX);
    c.atoUs = ATO_MIN_US;
  } else {
    const since = nowUs - c.lastReceivedUs;
    if (since <= ATO_MIN_US / 2) c.atoUs = c.atoUs / 2 + ATO_MIN_US / 2;
    else if (since < c.atoUs) c.atoUs = Math.min(c.atoUs / 2 + since, c.rtoUs);
    else if (since > c.rtoUs) raiseQuickAcks(c, QUICK_ACKS_MAX);
  }
  c.lastReceivedUs = nowUs;
  if (segment.length >= GROWING_LENGTH) growWindow(c);
}

// The peer's segment size, as far as it shows (tcp_measure_rcv_mss).
function measureMss(c: Connection, segment: Segment): void {
  // Of one that stands for many, each.
  const length = segment.packet!.gsoSize || segment.length;
  const last = c.lastSegmentSize;
  c.lastSegmentSize = 0;
  if (length >= c.receiveMss) {
    if (length !== c.receiveMss) measureShare(c, segment.length);
    c.receiveMss = Math.min(length, c.advertisedMss);
    // The end of what was written, as it seems: its writer may wait for room.
    if ((segment.flags & F.PSH) !== 0) c.ackPushed = true;
    return;
  }
  const isRemnant = (segment.flags & REMNANT) !== 0;
  if (length >= F.MSS_DEFAULT || (length >= MSS_LEAST && !isRemnant)) {
    c.lastSegmentSize = length;
    // Twice the same: it has become smaller.
    if (length === last) {
      c.receiveMss = length;
      return;
    }
  }
  if (c.ackPushed) c.ackPushed2 = true;
  c.ackPushed = true;
}

/** The first guess of the peer's segment size. */
export function initializeReceiveMss(c: Connection): void {
  const hint = Math.min(c.advertisedMss, c.mss, c.rcvWnd >> 1);
  c.receiveMss = Math.max(Math.min(hint, F.MSS_DEFAULT), MSS_LEAST);
}

function isQuick(c: Connection): boolean {
  return c.quickAcks > 0 && !c.isPingPong;
}

/** A segment was taken: whether it is acknowledged now, or later, if nothing else is sent. */
export function checkAck(c: Connection, hasHoles: boolean): void {
  if (!c.ackScheduled && !c.ackNow) return;
  const unacked = (c.rcvNxt - c.rcvWup) | 0;
  const isFullSegment =
    unacked > c.receiveMss &&
    (((c.rcvNxt - c.copiedSeq) | 0) < c.endpoint.options.receiveLowat || freeWindow(c) >= c.rcvWnd);
  if (isFullSegment || isQuick(c) || c.ackNow || hasHoles) sendAck(c);
  else delayAck(c);
}

function delayAck(c: Connection): void {
  const { nowUs } = c;
  let delay = c.atoUs;
  if (delay > DELAY_MIN_US) {
    let max = DELAY_LIMIT_US;
    if (c.isPingPong || c.ackPushed) max = DELAY_MAX_US;
    if (c.srttUs > 0) max = Math.min(max, Math.max(c.srttUs, DELAY_MIN_US));
    delay = Math.min(delay, max);
  }
  delay = Math.min(delay, DELAY_MAX_US);
  c.ackTimer ??= new ConnectionTimer(c, DELAYED_ACK);
  const timer = c.ackTimer;
  let deadline = nowUs + delay;
  if (timer.isArmed) {
    if (timer.deadlineUs <= nowUs + delay / 4) {
      sendAck(c);
      return;
    }
    deadline = Math.min(deadline, timer.deadlineUs);
  }
  c.ackScheduled = true;
  c.tcp.core.timers.schedule(timer, deadline);
}

/** Acknowledges what came, now. */
export function sendAck(c: Connection): void {
  if (S.isIn(c.state, S.UNESTABLISHED)) return;
  if (sendBare(c, acceptableSeq(c), F.ACK)) return;
  // There are no buffers: when there are some.
  c.ackScheduled = true;
  c.tcp.waitForBuffers(c);
}

/** The time of a delayed acknowledgement is over. */
export function ackTimerExpired(c: Connection): void {
  if (!c.ackScheduled || S.isIn(c.state, S.UNESTABLISHED)) return;
  if (c.isPingPong) {
    c.isPingPong = false;
    c.atoUs = ATO_MIN_US;
  } else {
    c.atoUs = Math.min(c.atoUs * 2, c.rtoUs);
  }
  sendAck(c);
  c.tcp.extended.DelayedACKs++;
}

/** Bytes were read: the window may have opened, or what was held back is due now (tcp_cleanup_rbuf). */
export function bytesWereRead(c: Connection, copied: number): void {
  let isDue = false;
  if (c.ackScheduled) {
    const isDrained = c.available === 0;
    isDue =
      ((c.rcvNxt - c.rcvWup) | 0) > c.receiveMss ||
      (copied > 0 && (c.ackPushed2 || (c.ackPushed && !c.isPingPong)) && isDrained);
  }
  if (copied > 0 && !isDue && !c.endpoint.hasShutRead && c.state !== S.TCP_CLOSE) {
    const window = c.receiveWindow;
    if (2 * window <= c.windowClamp) {
      const free = freeWindow(c);
      isDue = free > 0 && free >= 2 * window;
    }
  }
  if (isDue) sendAck(c);
}

/** TCP_QUICKACK. */
export function setQuickAck(c: Connection, isOn: boolean): void {
  if (!isOn) {
    c.isPingPong = true;
    return;
  }
  c.isPingPong = false;
  if (c.state !== S.TCP_ESTABLISHED || !c.ackScheduled) return;
  c.ackPushed = true;
  bytesWereRead(c, 1);
}
