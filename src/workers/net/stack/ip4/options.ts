// Options of an IPv4 header that came in: whether they are well-formed, and none that this host refuses.

import type { Packet } from "../packet.ts";
import * as F from "./format.ts";

const GOOD = -1;
/** The packet is dropped without a word. */
export const REFUSED = -2;

/**
 * GOOD (-1), REFUSED, or where in the header what is wrong stands. Source routes are refused, as Linux does unless
 * accept_source_route is set.
 */
export function checkOptions(packet: Packet): number {
  const { view, network } = packet;
  const end = network + F.headerLength(packet);
  for (let at = network + F.OPTIONS; at < end; ) {
    const type = view.getUint8(at);
    if (type === F.OPTION_END) return GOOD;
    if (type === F.OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return at - network;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return at - network;
    if (type === F.OPTION_LOOSE_ROUTE || type === F.OPTION_STRICT_ROUTE) return REFUSED;
    at += length;
  }
  return GOOD;
}
