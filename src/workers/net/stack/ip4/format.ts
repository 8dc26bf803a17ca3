// The IPv4 header (RFC 791): where its fields are, and the one check that comes before any of them is read.

import { sumOf } from "../checksum.ts";
import { MAPPED } from "../ip_address.ts";
import type { Packet } from "../packet.ts";

export const HEADER_MIN = 20;
export const VERSION_IHL = 0;
export const TOS = 1;
export const TOTAL_LENGTH = 2;
export const ID = 4;
export const FRAGMENT = 6;
export const TTL = 8;
export const PROTOCOL = 9;
export const CHECKSUM = 10;
export const SOURCE = 12;
export const DESTINATION = 16;
export const OPTIONS = 20;

export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET = 0x1fff;
export const LENGTH_MAX = 65535;

// Options: type, length, data
export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_LOOSE_ROUTE = 131;
export const OPTION_STRICT_ROUTE = 137;

/** What check() says. */
export const GOOD = 0;
export const BAD_HEADER = 1;
export const BAD_CHECKSUM = 2;
export const TRUNCATED = 3;

export function headerLength(packet: Packet): number {
  return (packet.view.getUint8(packet.network + VERSION_IHL) & 0xf) * 4;
}

/**
 * Whether what came in, from the packet's head on, is an IPv4 packet; what stands behind its total length is cut off, and
 * the packet's fields are filled in.
 */
export function check(packet: Packet): number {
  const { view, head, length } = packet;
  if (length < HEADER_MIN) return BAD_HEADER;
  const versionIhl = view.getUint8(head + VERSION_IHL);
  const header = (versionIhl & 0xf) * 4;
  if (versionIhl >> 4 !== 4 || header < HEADER_MIN || header > length) return BAD_HEADER;
  if (sumOf(view, head, header) !== 0xffff) return BAD_CHECKSUM;
  const total = view.getUint16(head + TOTAL_LENGTH);
  if (total > length) return TRUNCATED;
  if (total < header) return BAD_HEADER;
  packet.end = head + total;
  packet.network = head;
  packet.transport = head + header;
  packet.isV6 = false;
  packet.trafficClass = view.getUint8(head + TOS);
  packet.hopLimit = view.getUint8(head + TTL);
  packet.protocol = view.getUint8(head + PROTOCOL);
  packet.setSource(0, 0, MAPPED, view.getInt32(head + SOURCE));
  packet.setDestination(0, 0, MAPPED, view.getInt32(head + DESTINATION));
  return GOOD;
}

/** Writes a header without options at the packet's head, whose addresses and hop limit are the packet's. */
export function write(packet: Packet, id: number, fragment: number): void {
  const { view, head } = packet;
  view.setUint8(head + VERSION_IHL, 0x45);
  view.setUint8(head + TOS, packet.trafficClass);
  view.setUint16(head + TOTAL_LENGTH, packet.length);
  view.setUint16(head + ID, id);
  view.setUint16(head + FRAGMENT, fragment);
  view.setUint8(head + TTL, packet.hopLimit);
  view.setUint8(head + PROTOCOL, packet.protocol);
  view.setInt32(head + SOURCE, packet.source3);
  view.setInt32(head + DESTINATION, packet.destination3);
  writeChecksum(view, head, HEADER_MIN);
  packet.network = head;
}

/** The checksum of a header of so many bytes, in which all else stands. */
export function writeChecksum(view: DataView, head: number, size: number): void {
  view.setUint16(head + CHECKSUM, 0);
  view.setUint16(head + CHECKSUM, ~sumOf(view, head, size) & 0xffff);
}
