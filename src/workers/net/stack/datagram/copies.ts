// How many endpoints get a copy of one packet that is for many: so many that a turn has time for it.

import { COPIED_BYTES_MAX, COPIES_MAX } from "../limits.ts";
import type { Packet } from "../packet.ts";

/** So many endpoints that are looked at are as much work as a packet: 16. */
const LOOKED_AT_SHIFT = 4;

export function copiesOf({ length }: Packet): number {
  return Math.min(COPIES_MAX, Math.floor(COPIED_BYTES_MAX / Math.max(1, length)));
}

/** What they were of work, in packets. */
export function workOf(lookedAt: number, copies: number): number {
  return (lookedAt >> LOOKED_AT_SHIFT) + copies;
}
