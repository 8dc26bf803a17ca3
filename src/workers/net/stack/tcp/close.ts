// How a connection ends: by FINs in either order (RFC 9293 3.6), by a reset, by silence; and what is left of it then.

import { ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT } from "../../../../shared/abi/errno.ts";
import { sendAck } from "./acknowledge.ts";
import { armKeepalive, finTimeoutOf, removeTimers, TIME_WAIT_US } from "./arm.ts";
import { type Connection, NOTICE_FAILED, NOTICE_READABLE, NOTICE_WRITABLE } from "./connection.ts";
import * as F from "./format.ts";
import { NAGLE_OFF, nagleOf, pushPending } from "./output.ts";
import { dropReceived, forgetRanges } from "./sacks.ts";
import * as S from "./states.ts";
import { TimeWait } from "./time_wait.ts";
import { acceptableSeq, sendBare } from "./transmit.ts";

const WAS_ESTABLISHED = S.states(S.TCP_ESTABLISHED, S.TCP_CLOSE_WAIT);

/** Another state; the gauges and counters of /proc/net/snmp follow. */
export function setState(c: Connection, state: number): void {
  const { counters } = c.tcp;
  if (state === S.TCP_ESTABLISHED && c.state !== S.TCP_ESTABLISHED) counters.CurrEstab++;
  else if (S.isIn(c.state, WAS_ESTABLISHED) && !S.isIn(state, WAS_ESTABLISHED)) {
    counters.CurrEstab--;
    if (state === S.TCP_CLOSE) counters.EstabResets++;
  }
  c.state = state;
}

// ---- FINs ----

/** The peer's FIN has come, and all before it (tcp_fin). */
export function finCame(c: Connection): void {
  c.rcvNxt = (c.rcvNxt + 1) | 0;
  c.finReceived = true;
  if (c.disorder.hasEarlyFin) c.ownDisorder.hasEarlyFin = false;
  c.ackScheduled = true;
  c.endpoint.hasShutRead = true;
  forgetRanges(c);
  c.notices |= NOTICE_READABLE;
  switch (c.state) {
    case S.TCP_SYN_RECV:
    case S.TCP_ESTABLISHED:
      setState(c, S.TCP_CLOSE_WAIT);
      c.isPingPong = true;
      break;
    case S.TCP_FIN_WAIT1:
      sendAck(c);
      setState(c, S.TCP_CLOSING);
      break;
    case S.TCP_FIN_WAIT2:
      sendAck(c);
      enterTimeWait(c, S.TCP_TIME_WAIT, 0);
      break;
  }
}

/** The user sends no more: a FIN goes behind what waits (tcp_send_fin). */
function sendFin(c: Connection): void {
  c.finQueued = true;
  c.writeSeq = (c.writeSeq + 1) | 0;
  pushPending(c, nagleOf(c) | NAGLE_OFF);
}

/** Sending ends: by the state, a FIN goes. */
export function closeSending(c: Connection): void {
  switch (c.state) {
    case S.TCP_ESTABLISHED:
    case S.TCP_SYN_RECV:
      setState(c, S.TCP_FIN_WAIT1);
      sendFin(c);
      break;
    case S.TCP_CLOSE_WAIT:
      setState(c, S.TCP_LAST_ACK);
      sendFin(c);
      break;
    case S.TCP_SYN_SENT:
      finish(c);
      break;
  }
}

// ---- Resets ----

/** Tells the peer that the connection is no more. */
export function sendActiveReset(c: Connection): void {
  sendBare(c, acceptableSeq(c), F.RST | F.ACK);
}

/** The peer's reset is believed (tcp_reset). */
export function resetCame(c: Connection): void {
  let errno = ECONNRESET;
  if (c.state === S.TCP_SYN_SENT) errno = ECONNREFUSED;
  else if (c.state === S.TCP_CLOSE_WAIT) errno = EPIPE;
  else if (c.state === S.TCP_CLOSE) return;
  fail(c, errno);
}

/** Nobody answers any more (tcp_write_err). */
export function abandon(c: Connection): void {
  c.tcp.extended.TCPAbortOnTimeout++;
  fail(c, c.softError === 0 ? ETIMEDOUT : c.softError);
}

/** It is over, with an error for whoever uses it. */
export function fail(c: Connection, errno: number): void {
  c.endpoint.pendingError = errno;
  c.notices |= NOTICE_FAILED;
  finish(c);
}

// ---- The end ----

/** The connection is no more; its endpoint may still read what had come (tcp_done). */
export function finish(c: Connection): void {
  if (S.isIn(c.state, S.OPENING)) c.tcp.counters.AttemptFails++;
  setState(c, S.TCP_CLOSE);
  removeTimers(c);
  c.tcp.table.remove(c);
  c.tcp.stopWaiting(c);
  c.sendBuffer.releaseAll();
  c.board.clear();
  c.giveBoardBack();
  c.sndUna = c.writeSeq;
  c.sndNxt = c.writeSeq;
  c.noSpace = false;
  const { endpoint } = c;
  endpoint.hasShutRead = true;
  endpoint.hasShutWrite = true;
  c.notices |= NOTICE_READABLE | NOTICE_WRITABLE;
  if (c.isOrphan) destroy(c);
  else endpoint.connectionEnded();
}

// What an orphan held.
function destroy(c: Connection): void {
  dropReceived(c);
  c.tcp.orphans--;
  c.endpoint.orphanEnded();
}

/** A record keeps the ends for a while, in case of late segments; the connection is done (tcp_time_wait). */
export function enterTimeWait(c: Connection, substate: number, timeoutUs: number): void {
  const { tcp } = c;
  const least = c.rtoUs * 4 - c.rtoUs / 2;
  const time = substate === S.TCP_TIME_WAIT ? TIME_WAIT_US : Math.max(timeoutUs, least);
  tcp.table.remove(c);
  if (tcp.timeWaits < tcp.settings.timeWaitMax) new TimeWait(c, substate).begin(time);
  else tcp.extended.TCPTimeWaitOverflow++;
  // It counts as ended in order, not as reset.
  setState(c, substate);
  finish(c);
}

/**
 * close(2), as far as the connection goes: unread data or no lingering end it at once, else a FIN goes and it ends by itself,
 * which the endpoint may wait for (SO_LINGER).
 */
export function closeConnection(c: Connection): void {
  const { endpoint, tcp } = c;
  endpoint.hasShutRead = true;
  endpoint.hasShutWrite = true;
  if (c.state === S.TCP_CLOSE) return;
  if (c.available > 0) {
    tcp.extended.TCPAbortOnClose++;
    sendActiveReset(c);
    finish(c);
  } else if (endpoint.options.lingerUs === 0) {
    tcp.extended.TCPAbortOnData++;
    if (c.state !== S.TCP_SYN_SENT) sendActiveReset(c);
    finish(c);
  } else closeSending(c);
}

/** Nobody is behind the connection any more. */
export function orphan(c: Connection): void {
  const { tcp, endpoint } = c;
  c.isOrphan = true;
  tcp.orphans++;
  if (c.state === S.TCP_CLOSE) {
    destroy(c);
    return;
  }
  // What came in order is of no use to anybody.
  c.copiedSeq = c.readableEnd;
  if (c.state === S.TCP_FIN_WAIT2) {
    if (endpoint.options.finTimeoutUs < 0) {
      tcp.extended.TCPAbortOnLinger++;
      sendActiveReset(c);
      finish(c);
      return;
    }
    waitForFin(c);
  } else if (tcp.orphans > tcp.settings.orphansMax || tcp.blocks.used >= tcp.blocks.max) {
    tcp.extended.TCPAbortOnMemory++;
    sendActiveReset(c);
    finish(c);
  }
}

/** An orphan waits for the peer's FIN, as a record if that is not long. */
export function waitForFin(c: Connection): void {
  const time = finTimeoutOf(c);
  if (time > TIME_WAIT_US) armKeepalive(c, time - TIME_WAIT_US);
  else enterTimeWait(c, S.TCP_FIN_WAIT2, time);
}
