// The IPv6 header (RFC 8200) and its extension headers: where their fields are, and the check that comes before any of
// them is read.

import type { Packet } from "../packet.ts";

export const HEADER = 40;
export const VERSION_CLASS_FLOW = 0;
export const PAYLOAD_LENGTH = 4;
export const NEXT_HEADER = 6;
export const HOP_LIMIT = 7;
export const SOURCE = 8;
export const DESTINATION = 24;
export const PAYLOAD_MAX = 65535;

// Next headers
export const HOP_BY_HOP = 0;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const AUTHENTICATION = 51;
export const NO_NEXT = 59;
export const DESTINATION_OPTIONS = 60;

/** Extension headers: next header, length in units of 8 bytes without the first. */
export const EXTENSION_MIN = 8;
export const EXTENSION_LENGTH = 1;
export const ROUTING_SEGMENTS_LEFT = 3;
export const OPTION_PAD1 = 0;
export const OPTION_PADN = 1;
export const OPTION_ROUTER_ALERT = 5;

/** A fragment header. */
export const FRAGMENT_SIZE = 8;
export const FRAGMENT_OFFSET = 2;
export const FRAGMENT_ID = 4;
export const OFFSET_MASK = 0xfff8;
export const MORE_FRAGMENTS = 1;

export const GOOD = 0;
export const BAD_HEADER = 1;
export const TRUNCATED = 2;

/**
 * Whether what came in, from the packet's head on, is an IPv6 packet; what stands behind its payload is cut off, and the
 * packet's fields are filled in. The transport is not known yet: its place is where the first header stands.
 */
export function check(packet: Packet): number {
  const { view, head, length } = packet;
  if (length < HEADER || view.getUint8(head) >> 4 !== 6) return BAD_HEADER;
  const payload = view.getUint16(head + PAYLOAD_LENGTH);
  if (payload > length - HEADER) return TRUNCATED;
  packet.end = head + HEADER + payload;
  packet.network = head;
  packet.transport = head + HEADER;
  packet.isV6 = true;
  packet.trafficClass = (view.getUint16(head) >> 4) & 0xff;
  packet.hopLimit = view.getUint8(head + HOP_LIMIT);
  packet.protocol = view.getUint8(head + NEXT_HEADER);
  packet.setSource(
    view.getInt32(head + SOURCE),
    view.getInt32(head + SOURCE + 4),
    view.getInt32(head + SOURCE + 8),
    view.getInt32(head + SOURCE + 12),
  );
  packet.setDestination(
    view.getInt32(head + DESTINATION),
    view.getInt32(head + DESTINATION + 4),
    view.getInt32(head + DESTINATION + 8),
    view.getInt32(head + DESTINATION + 12),
  );
  return GOOD;
}

/** Writes a header at the packet's head, whose addresses, hop limit and class are the packet's. */
export function write(packet: Packet, nextHeader: number, flowLabel: number): void {
  const { view, head } = packet;
  view.setInt32(head, (6 << 28) | (packet.trafficClass << 20) | (flowLabel & 0xfffff));
  view.setUint16(head + PAYLOAD_LENGTH, packet.length - HEADER);
  view.setUint8(head + NEXT_HEADER, nextHeader);
  view.setUint8(head + HOP_LIMIT, packet.hopLimit);
  view.setInt32(head + SOURCE, packet.source0);
  view.setInt32(head + SOURCE + 4, packet.source1);
  view.setInt32(head + SOURCE + 8, packet.source2);
  view.setInt32(head + SOURCE + 12, packet.source3);
  view.setInt32(head + DESTINATION, packet.destination0);
  view.setInt32(head + DESTINATION + 4, packet.destination1);
  view.setInt32(head + DESTINATION + 8, packet.destination2);
  view.setInt32(head + DESTINATION + 12, packet.destination3);
  packet.network = head;
}
