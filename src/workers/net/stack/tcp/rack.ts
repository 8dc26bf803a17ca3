// RACK (RFC 8985), as Linux has it: what was sent some time before something that was delivered is lost, the time being as
// short as the network's reordering lets it be.

import type { DeliveryListener } from "./acknowledged.ts";
import { armTimer, TIMEOUT_MIN_US } from "./arm.ts";
import { CA_RECOVERY } from "./congestion/congestion.ts";
import { type Connection, TIMER_REORDER } from "./connection.ts";
import { NO_LOSSES } from "./losses.ts";
import { UNKNOWN_US } from "./rtt.ts";
import { after, before } from "./sequence.ts";

/** Windows of reordering, in quarters of the least round trip, that D-SACKs make it grow to. */
const STEPS_MAX = 0xff;
/** Recoveries for which it stays so. */
export const PERSIST = 16;

/** A packet was delivered that had been sent at that time. */
function rackAdvance(c: Connection, sentUs: number, end: number, wasRetransmitted: boolean): void {
  const rttUs = c.nowUs - sentUs;
  // It was the first one that came, not what was sent again: that tells nothing.
  if (wasRetransmitted && (rttUs < c.minRttUs || echoesEarlier(c, sentUs))) return;
  c.rackAdvanced = true;
  if (sentUs > c.rackSentUs || (sentUs === c.rackSentUs && after(end, c.rackEnd))) {
    c.rackRttUs = rttUs;
    c.rackSentUs = sentUs;
    c.rackEnd = end;
  }
}

/** The timestamp that came back had been sent before that time (RFC 8985 6.2 step 2). */
export function echoesEarlier(c: Connection, sentUs: number): boolean {
  if (!c.tsOk || c.echoedTs === 0) return false;
  return before((c.echoedTs - c.tsOffset) | 0, Math.floor(sentUs / 1000) | 0);
}

function reorderWindow(c: Connection): number {
  if (!c.losses.reorderSeen) {
    if (c.caState >= CA_RECOVERY) return 0;
    if (c.sackedOut >= c.reordering) return 0;
  }
  const least = c.minRttUs === UNKNOWN_US ? 0 : c.minRttUs;
  return Math.min((least / 4) * c.losses.reoWindowSteps, c.srttUs);
}

/** How long an entry is still waited for; 0 or less: it is lost. */
export function rackTimeLeft(c: Connection, index: number, windowUs: number): number {
  return c.rackRttUs + windowUs - (c.nowUs - c.board.sentUsAt(index));
}

/** Marks what is lost; how long until more may be, 0: nothing waits. */
export function detectLosses(c: Connection): number {
  const { board } = c;
  const windowUs = reorderWindow(c);
  for (let index = board.oldest; index >= 0; index = board.oldest) {
    const sentUs = board.sentUsAt(index);
    const isSentBefore =
      sentUs < c.rackSentUs || (sentUs === c.rackSentUs && before(board.endAt(index), c.rackEnd));
    if (!isSentBefore) break;
    // What was sent later is waited for longer.
    const left = rackTimeLeft(c, index, windowUs);
    if (left > 0) return left;
    markLost(c, index);
  }
  return 0;
}

export function markLost(c: Connection, index: number): void {
  const { lostOut, retransOut } = c.board;
  c.board.markLost(index);
  if (c.board.lostOut > lostOut) c.lost++;
  else if (c.board.retransOut < retransOut) {
    c.lost++;
    c.tcp.extended.TCPLostRetransmit++;
  }
}

/** After an acknowledgement: what it shows to be lost is marked. */
export function rackMarkLost(c: Connection): void {
  if (!c.rackAdvanced) return;
  c.rackAdvanced = false;
  const leftUs = detectLosses(c);
  if (leftUs > 0) armTimer(c, TIMER_REORDER, Math.min(leftUs + TIMEOUT_MIN_US, c.rtoUs));
}

/** D-SACKs say that it was reordering, not loss: the window grows, once a round trip (RFC 8985 6.2 step 4). */
export function updateReorderWindow(c: Connection, deliveredBefore: number): void {
  if (c.losses === NO_LOSSES) return;
  const losses = c.ownLosses;
  if (losses.dsackSeen && deliveredBefore < losses.lastDelivered) losses.dsackSeen = false;
  if (losses.dsackSeen) {
    losses.reoWindowSteps = Math.min(STEPS_MAX, losses.reoWindowSteps + 1);
    losses.dsackSeen = false;
    losses.lastDelivered = c.delivered;
    losses.reoWindowPersist = PERSIST;
  } else if (losses.reoWindowPersist === 0) {
    losses.reoWindowSteps = 1;
  }
}

/** The connection whose acknowledgement is looked at hears what was delivered. */
export class Deliveries implements DeliveryListener {
  connection: Connection | null = null;

  delivered(sentUs: number, end: number, wasRetransmitted: boolean): void {
    rackAdvance(this.connection!, sentUs, end, wasRetransmitted);
  }
}
