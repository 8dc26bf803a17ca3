// Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them, the receiver says so until the
// sender says that it has slowed down.

import type { Packet } from "../packet.ts";
import type { Connection } from "./connection.ts";
import * as F from "./format.ts";
import type { Header } from "./header.ts";
import type { Segment } from "./segment.ts";

const ECT0 = 2;

/** What a segment that goes out says; `isNew`: it has bytes that were never sent. */
export function leaveEcnOn(c: Connection, packet: Packet, header: Header, isNew: boolean): void {
  if (isNew) {
    packet.trafficClass |= ECT0;
    if (c.losses.ecnQueuesCwr) {
      c.ownLosses.ecnQueuesCwr = false;
      header.flags |= F.CWR;
    }
  }
  if (c.losses.ecnDemandsCwr) header.flags |= F.ECE;
}

/** A segment with bytes came. */
export function ecnCame(c: Connection, segment: Segment): void {
  if (!c.ecnOk) return;
  if (segment.isMarked) {
    // It is told at once.
    if (!c.losses.ecnDemandsCwr) c.quickAcks = Math.max(c.quickAcks, 2);
    c.ownLosses.ecnDemandsCwr = true;
    c.ackNow = true;
  }
  if ((segment.flags & F.CWR) !== 0 && !segment.isMarked) c.ownLosses.ecnDemandsCwr = false;
}
