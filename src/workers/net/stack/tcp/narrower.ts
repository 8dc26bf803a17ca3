// A router says that a connection's path has a smaller MTU (RFC 1191, RFC 8201; Linux's tcp_v4_mtu_reduced): it is believed,
// and what is too long goes again in shorter segments. All that is under way is looked at and cut anew then, so messages
// that come sooner than a round trip after one that was believed wait for its end; of them the smallest MTU counts.

import { learnPathMtu, PMTUDISC_DONT } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import type { Connection } from "./connection.ts";
import { currentMss } from "./output.ts";
import { markLost } from "./rack.ts";
import { countWork, retransmitLost } from "./retransmit.ts";
import { SACKED } from "./scoreboard.ts";
import * as S from "./states.ts";
import { wayOf } from "./transmit.ts";

/** A message, which quotes a segment of the connection. */
export function pathIsNarrower(c: Connection, packet: Packet, mtu: number): void {
  const { endpoint, tcp } = c;
  if (mtu <= 0 || mtu >= c.pathMtu) return;
  if ((c.isV6 ? endpoint.discovery6 : endpoint.discovery4) === PMTUDISC_DONT) return;
  learnPathMtu(tcp.core, packet, mtu);
  if (S.isIn(c.state, S.OPENING)) return;
  if (c.nowUs < c.narrowedUntilUs) {
    c.narrowsAtUs = c.narrowedUntilUs;
    return;
  }
  const before = c.pathMtu;
  wayOf(c);
  if (c.pathMtu < before) sendShorter(c);
}

/** An acknowledgement came: messages that had to wait are believed if their time has come. */
export function believeNarrower(c: Connection): void {
  if (c.narrowsAtUs === 0 || c.nowUs < c.narrowsAtUs) return;
  c.narrowsAtUs = 0;
  wayOf(c);
  sendShorter(c);
}

// What is too long for the path counts as lost, and goes again.
function sendShorter(c: Connection): void {
  const { board } = c;
  const mss = currentMss(c);
  countWork(c);
  let isAny = false;
  for (let index = 0; index < board.count; index++) {
    if ((board.flagsAt(index) & SACKED) !== 0 || board.bytesAt(index) <= mss) continue;
    markLost(c, index);
    isAny = true;
  }
  if (isAny) retransmitLost(c);
}
