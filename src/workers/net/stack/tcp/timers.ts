// A connection's timers: retransmission (RFC 6298, with what shares its timer: window probes, loss probes, the time for
// reordering), delayed acknowledgements, and keepalive, which is the end of FIN_WAIT2 too.

import {
  armKeepalive,
  armTimer,
  armWindowProbe,
  finTimeoutOf,
  keepaliveIdleUs,
  probeDelay,
  silenceUs,
  TIME_WAIT_US,
  US_PER_S,
  withinUserTimeout,
} from "./arm.ts";
import { abandon, enterTimeWait, finish, sendActiveReset } from "./close.ts";
import {
  type Connection,
  TIMER_LOSS_PROBE,
  TIMER_NONE,
  TIMER_PROBE_WINDOW,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
} from "./connection.ts";
import { sendProbe } from "./output.ts";
import { enterLoss } from "./recovery.ts";
import { retransmit } from "./retransmit.ts";
import { RTO_INITIAL_US, RTO_MAX_US, RTO_MIN_US } from "./rtt.ts";
import * as S from "./states.ts";
import { reorderTimeout, sendLossProbe } from "./tail_loss.ts";
import { sendSyn } from "./transmit.ts";

/** When there were no buffers: TCP_RESOURCE_PROBE_INTERVAL. */
const RESOURCE_US = 500_000;
/** What an orphan's retries are if the sysctl says nothing. */
const ORPHAN_RETRIES = 8;

// ---- The retransmission timer ----

export function retransmitTimerExpired(c: Connection): void {
  const pending = c.pendingTimer;
  switch (pending) {
    case TIMER_REORDER:
      c.pendingTimer = TIMER_NONE;
      reorderTimeout(c);
      break;
    case TIMER_LOSS_PROBE:
      sendLossProbe(c);
      break;
    case TIMER_RETRANSMIT:
      c.pendingTimer = TIMER_NONE;
      retransmitTimeout(c);
      break;
    case TIMER_PROBE_WINDOW:
      c.pendingTimer = TIMER_NONE;
      windowProbeTimeout(c);
      break;
  }
  c.tcp.notify(c);
}

/** How long so many retransmissions take, one after the other (tcp_model_timeout). */
function modelTimeout(boundary: number, first: number): number {
  const linear = Math.floor(Math.log2(RTO_MAX_US / first));
  if (boundary <= linear) return (2 ** (boundary + 1) - 1) * first;
  return (2 ** (linear + 1) - 1) * first + (boundary - linear) * RTO_MAX_US;
}

function isTimedOut(c: Connection, boundary: number, timeoutUs: number): boolean {
  if (c.retransmits === 0) return false;
  const first = S.isIn(c.state, S.OPENING) ? RTO_INITIAL_US : RTO_MIN_US;
  const limit = timeoutUs > 0 ? timeoutUs : modelTimeout(boundary, first);
  return c.nowUs - c.losses.retransStampUs >= limit;
}

function orphanRetries(c: Connection, isAlive: boolean): number {
  const retries = c.tcp.settings.orphanRetries;
  if (c.softError !== 0 && !isAlive) return 0;
  return retries === 0 && isAlive ? ORPHAN_RETRIES : retries;
}

// Whether it is given up; it is then.
function hasGivenUp(c: Connection): boolean {
  const { settings } = c.tcp;
  const { options } = c.endpoint;
  const { userTimeoutUs } = options;
  let isExpired: boolean;
  if (S.isIn(c.state, S.OPENING)) {
    const retries = options.synRetries || settings.synRetries;
    const most = c.state === S.TCP_SYN_SENT ? retries + settings.synLinearTimeouts : retries;
    isExpired = c.retransmits >= most || (userTimeoutUs > 0 && isTimedOut(c, retries, userTimeoutUs));
  } else {
    const retries = c.isOrphan ? orphanRetries(c, c.rtoUs < RTO_MAX_US) : settings.retries2;
    isExpired = isTimedOut(c, retries, userTimeoutUs);
  }
  if (!isExpired) return false;
  abandon(c);
  return true;
}

function retransmitTimeout(c: Connection): void {
  const isSyn = S.isIn(c.state, S.OPENING);
  if (!isSyn && c.packetsOut === 0) return;
  const { extended, settings } = c.tcp;
  if (c.sndWnd === 0 && !c.isOrphan && !isSyn) {
    // The peer has shut its window over what was sent: it is probed with that.
    if (
      c.nowUs - c.lastAckReceivedUs > RTO_MAX_US &&
      isTimedOut(c, settings.retries2, c.endpoint.options.userTimeoutUs)
    ) {
      abandon(c);
      return;
    }
    enterLoss(c);
    if (c.retransmits === 0) c.retransmits = 1;
    retransmit(c, 0);
    backOff(c, true);
    return;
  }
  extended.TCPTimeouts++;
  if (hasGivenUp(c)) return;
  if (isSyn) {
    if (c.losses.retransStampUs === 0) c.ownLosses.retransStampUs = c.nowUs;
    c.retransmits++;
    extended.TCPSynRetrans++;
    c.totalRetransmits++;
    c.tcp.counters.RetransSegs++;
    sendSyn(c, c.state === S.TCP_SYN_RECV);
    backOff(c, c.state !== S.TCP_SYN_SENT || c.retransmits > settings.synLinearTimeouts);
    return;
  }
  enterLoss(c);
  c.retransmits++;
  if (retransmit(c, 0) < 0) {
    armTimer(c, TIMER_RETRANSMIT, Math.min(c.rtoUs, RESOURCE_US));
    return;
  }
  backOff(c, true);
}

function backOff(c: Connection, isExponential: boolean): void {
  if (isExponential) {
    c.backoff++;
    c.rtoUs = Math.min(c.rtoUs * 2, RTO_MAX_US);
  }
  armTimer(c, TIMER_RETRANSMIT, withinUserTimeout(c, c.rtoUs, c.losses.retransStampUs));
}

// ---- Probes of a shut window ----

function windowProbeTimeout(c: Connection): void {
  if (c.packetsOut > 0 || c.notSent === 0) {
    c.probesOut = 0;
    c.probesStampUs = 0;
    return;
  }
  const { userTimeoutUs } = c.endpoint.options;
  if (c.probesStampUs === 0) c.probesStampUs = c.nowUs;
  else if (userTimeoutUs > 0 && c.nowUs - c.probesStampUs >= userTimeoutUs) {
    abandon(c);
    return;
  }
  let most = c.tcp.settings.retries2;
  if (c.isOrphan) {
    const isAlive = probeDelay(c) < RTO_MAX_US;
    most = orphanRetries(c, isAlive);
    if (!isAlive && c.backoff >= most) {
      abandon(c);
      return;
    }
  }
  if (c.probesOut >= most) {
    abandon(c);
    return;
  }
  sendProbe(c);
  if (c.packetsOut > 0 || c.notSent === 0) {
    c.probesOut = 0;
    c.backoff = 0;
    c.probesStampUs = 0;
    return;
  }
  c.probesOut++;
  if (c.backoff < c.tcp.settings.retries2) c.backoff++;
  armWindowProbe(c);
}

// ---- Keepalive ----

function keepaliveIntervalUs(c: Connection): number {
  return c.endpoint.options.keepaliveIntervalUs || c.tcp.settings.keepaliveInterval * US_PER_S;
}

export function keepaliveExpired(c: Connection): void {
  if (c.state === S.TCP_FIN_WAIT2 && c.isOrphan) {
    const { finTimeoutUs } = c.endpoint.options;
    if (finTimeoutUs >= 0) {
      const left = finTimeoutOf(c) - TIME_WAIT_US;
      if (left > 0) {
        enterTimeWait(c, S.TCP_FIN_WAIT2, left);
        return;
      }
    }
    sendActiveReset(c);
    finish(c);
    return;
  }
  const { options } = c.endpoint;
  if (!options.keepsAlive || S.isIn(c.state, S.UNESTABLISHED)) return;
  const idleUs = keepaliveIdleUs(c);
  if (c.packetsOut > 0 || c.notSent > 0) {
    armKeepalive(c, idleUs);
    return;
  }
  const silentUs = silenceUs(c);
  if (silentUs < idleUs) {
    armKeepalive(c, idleUs - silentUs);
    return;
  }
  const probes = options.keepaliveProbes || c.tcp.settings.keepaliveProbes;
  const isOver =
    options.userTimeoutUs > 0 ? silentUs >= options.userTimeoutUs && c.probesOut > 0 : c.probesOut >= probes;
  if (isOver) {
    sendActiveReset(c);
    abandon(c);
    c.tcp.notify(c);
    return;
  }
  sendProbe(c);
  c.probesOut++;
  c.tcp.extended.TCPKeepAlive++;
  armKeepalive(c, keepaliveIntervalUs(c));
}
