// Extension headers (RFC 8200 4): those of what came in are gone through one by one, so many at most, up to the transport
// or a fragment header.

import { EXTENSION_HEADERS_MAX, EXTENSION_OPTIONS_MAX } from "../limits.ts";
import type { Packet } from "../packet.ts";
import * as F from "./format.ts";

export function isExtension(header: number): boolean {
  return (
    header === F.HOP_BY_HOP ||
    header === F.ROUTING ||
    header === F.FRAGMENT ||
    header === F.AUTHENTICATION ||
    header === F.DESTINATION_OPTIONS
  );
}

/** Bytes of the extension header at the packet's head; 0: it is not all there. */
export function extensionSize({ view, head, length, protocol }: Packet): number {
  return extensionLength(view, protocol, head, length);
}

/** Bytes of an extension header of that kind, of which there are at most `length`; 0: it is not all there. */
export function extensionLength(view: DataView, kind: number, at: number, length: number): number {
  if (length < F.EXTENSION_MIN) return 0;
  const units = view.getUint8(at + F.EXTENSION_LENGTH);
  const size =
    kind === F.FRAGMENT ? F.FRAGMENT_SIZE : kind === F.AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
  return size > length ? 0 : size;
}

/**
 * Moves the head of a quoted packet behind its extension headers, and makes its protocol that of the transport. False:
 * there is no transport header (a later fragment, too many headers, a truncated one).
 */
export function skipExtensions(packet: Packet): boolean {
  for (let i = 0; i < EXTENSION_HEADERS_MAX; i++) {
    if (!isExtension(packet.protocol)) return true;
    const size = extensionSize(packet);
    if (size === 0) return false;
    const { view, head } = packet;
    if (packet.protocol === F.FRAGMENT && (view.getUint16(head + F.FRAGMENT_OFFSET) & F.OFFSET_MASK) !== 0)
      return false;
    packet.protocol = view.getUint8(head);
    packet.head = head + size;
  }
  return false;
}

/**
 * Moves the head of a packet from its IP header to its fragment header, and makes its protocol that. False: it is all of
 * its datagram, and as it was.
 */
export function findFragment(packet: Packet): boolean {
  const { view, end, protocol } = packet;
  let kind = view.getUint8(packet.network + F.NEXT_HEADER);
  let at = packet.network + F.HEADER;
  for (let i = 0; i < EXTENSION_HEADERS_MAX && isExtension(kind); i++) {
    const size = extensionLength(view, kind, at, end - at);
    if (size === 0) break;
    if (kind === F.FRAGMENT) {
      if ((view.getUint16(at + F.FRAGMENT_OFFSET) & (F.OFFSET_MASK | F.MORE_FRAGMENTS)) === 0) break;
      packet.head = at;
      packet.protocol = kind;
      return true;
    }
    kind = view.getUint8(at);
    at += size;
  }
  packet.protocol = protocol;
  return false;
}

// What options say: nothing wrong, drop, or drop and tell where the option stands.
export const OPTIONS_GOOD = -1;
export const OPTIONS_DROP = -2;

/**
 * The options of the header at the packet's head, which is all there: OPTIONS_GOOD, OPTIONS_DROP, or where in the packet
 * one stands whose sender is to be told.
 */
export function checkOptions(packet: Packet, size: number): number {
  const { view, head } = packet;
  const end = head + size;
  let count = 0;
  for (let at = head + 2; at < end; ) {
    const type = view.getUint8(at);
    if (type === F.OPTION_PAD1) {
      at++;
      continue;
    }
    if (at + 1 >= end) return OPTIONS_DROP;
    const length = view.getUint8(at + 1) + 2;
    if (at + length > end) return OPTIONS_DROP;
    if (type !== F.OPTION_PADN) {
      if (++count > EXTENSION_OPTIONS_MAX) return OPTIONS_DROP;
      const isKnown = type === F.OPTION_ROUTER_ALERT && packet.protocol === F.HOP_BY_HOP;
      // The two highest bits say what to do about an unknown one (RFC 8200 4.2).
      if (!isKnown && type >> 6 === 1) return OPTIONS_DROP;
      if (!isKnown && type >> 6 === 2) return at - packet.network;
      if (!isKnown && type >> 6 === 3) return packet.delivery === 0 ? at - packet.network : OPTIONS_DROP;
    }
    at += length;
  }
  return OPTIONS_GOOD;
}
