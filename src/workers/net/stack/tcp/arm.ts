// Arming and ending a connection's timers; what they do when they expire stands in timers.ts.

import { CA_CWR, CA_OPEN } from "./congestion/congestion.ts";
import {
  type Connection,
  ConnectionTimer,
  KEEPALIVE,
  TIMER_LOSS_PROBE,
  TIMER_NONE,
  TIMER_PROBE_WINDOW,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
} from "./connection.ts";
import { RTO_INITIAL_US, RTO_MAX_US, RTO_MIN_US } from "./rtt.ts";
import * as S from "./states.ts";

/** Arms the timer for one of what it stands for. */
export function armTimer(c: Connection, what: number, delayUs: number): void {
  c.pendingTimer = what;
  c.tcp.core.timers.schedule(c, c.nowUs + delayUs);
}

export function armRetransmit(c: Connection): void {
  armTimer(c, TIMER_RETRANSMIT, c.rtoUs);
}

export function cancelRetransmit(c: Connection): void {
  c.pendingTimer = TIMER_NONE;
  c.tcp.core.timers.cancel(c);
}

/** Of the first packet under way, or off if there is none (tcp_rearm_rto). */
export function rearmRetransmit(c: Connection): void {
  if (c.packetsOut === 0) {
    cancelRetransmit(c);
    return;
  }
  let delay = c.rtoUs;
  if (c.pendingTimer === TIMER_REORDER || c.pendingTimer === TIMER_LOSS_PROBE)
    delay = Math.max(c.rtoUs - (c.nowUs - c.board.sentUsAt(0)), 1);
  armTimer(c, TIMER_RETRANSMIT, delay);
}

/** No timer of a connection stands in the wheel any more. */
export function removeTimers(c: Connection): void {
  const { timers } = c.tcp.core;
  c.pendingTimer = TIMER_NONE;
  timers.remove(c);
  if (c.ackTimer !== null) timers.remove(c.ackTimer);
  if (c.keepaliveTimer !== null) timers.remove(c.keepaliveTimer);
}

/** When the next probe goes. */
export function probeDelay(c: Connection): number {
  return Math.min(Math.max(c.rtoUs, RTO_MIN_US) * 2 ** c.backoff, RTO_MAX_US);
}

export function armWindowProbe(c: Connection): void {
  armTimer(c, TIMER_PROBE_WINDOW, withinUserTimeout(c, probeDelay(c), c.probesStampUs));
}

/** A delay that ends no later than TCP_USER_TIMEOUT after something began; 0: it has not. */
export function withinUserTimeout(c: Connection, delayUs: number, begunUs: number): number {
  const { userTimeoutUs } = c.endpoint.options;
  if (userTimeoutUs === 0 || begunUs === 0) return delayUs;
  return Math.min(delayUs, Math.max(userTimeoutUs - (c.nowUs - begunUs), 1000));
}

/** How long nothing has come. */
export function silenceUs(c: Connection): number {
  return c.nowUs - Math.max(c.lastReceivedUs, c.lastAckReceivedUs);
}

export function keepaliveIdleUs(c: Connection): number {
  return c.endpoint.options.keepaliveIdleUs || c.tcp.settings.keepaliveIdle * US_PER_S;
}

export function armKeepalive(c: Connection, delayUs: number): void {
  c.keepaliveTimer ??= new ConnectionTimer(c, KEEPALIVE);
  c.tcp.core.timers.schedule(c.keepaliveTimer, c.nowUs + delayUs);
}

/** SO_KEEPALIVE was set, or its times were. */
export function keepaliveChanged(c: Connection): void {
  if (S.isIn(c.state, S.UNESTABLISHED)) return;
  if (c.endpoint.options.keepsAlive) {
    armKeepalive(c, Math.max(keepaliveIdleUs(c) - silenceUs(c), 0));
  } else if (c.keepaliveTimer !== null) c.tcp.core.timers.cancel(c.keepaliveTimer);
}

/** How long FIN_WAIT2 lasts (tcp_fin_time): TCP_LINGER2 or the sysctl's, and no less than answers take. */
export function finTimeoutOf(c: Connection): number {
  const wanted = c.endpoint.options.finTimeoutUs || c.tcp.settings.finTimeout * US_PER_S;
  return Math.max(wanted, c.rtoUs * 4 - c.rtoUs / 2);
}

/** TCP_TIMEWAIT_LEN */
export const TIME_WAIT_US = 60_000_000;

export const US_PER_S = 1_000_000;

// ---- Loss probes ----

/** Instead of the retransmission timer, an earlier one that probes the end of the flight; false: it is not for this one. */
export function scheduleLossProbe(c: Connection, isAdvancing = false): boolean {
  if (!c.tcp.settings.tailLossProbe || c.packetsOut === 0 || !c.sackOk) return false;
  if (c.caState !== CA_OPEN && c.caState !== CA_CWR) return false;
  if (c.pendingTimer === TIMER_REORDER) return false;
  let timeout = RTO_INITIAL_US;
  if (c.srttUs > 0) timeout = 2 * c.srttUs + (c.packetsOut === 1 ? RTO_MIN_US : TIMEOUT_MIN_US);
  const untilRto = isAdvancing ? c.rtoUs : c.rtoUs - (c.nowUs - c.board.sentUsAt(0));
  if (untilRto > 0) timeout = Math.min(timeout, untilRto);
  armTimer(c, TIMER_LOSS_PROBE, timeout);
  return true;
}

/** The least time that a timer of these is armed for: two jiffies. */
export const TIMEOUT_MIN_US = 2000;
