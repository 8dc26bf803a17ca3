// The header that stands before a frame of a packet socket with PACKET_VNET_HDR, or of a TAP device with IFF_VNET_HDR
// (virtio 1.2, 5.1.6): what is left to do of its checksum, and whether it stands for many segments. What comes in is
// checked against the frame before anything is believed.

import { SEGMENTS_MAX } from "../limits.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, CHECKSUM_VALID, type Packet } from "../packet.ts";
import { GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, transportSize } from "./segments.ts";

export const HEADER = 10;
const FLAGS = 0;
const GSO_TYPE = 1;
const HEADERS_LENGTH = 2;
const GSO_SIZE = 4;
const CHECKSUM_START = 6;
const CHECKSUM_OFFSET = 8;
const NEEDS_CHECKSUM = 1;
const DATA_VALID = 2;
/** Of the transports' own: TCP's stands at 16, UDP's at 6. */
const CHECKSUM_OFFSET_MAX = 16;

/**
 * Takes the header at the packet's head off it, which then stands at the frame, and what the header says into its
 * fields. False: it says what cannot be, or what nobody here understands.
 */
export function read(packet: Packet): boolean {
  const { view, head, length } = packet;
  if (length < HEADER) return false;
  const flags = view.getUint8(head + FLAGS);
  const type = view.getUint8(head + GSO_TYPE);
  const start = view.getUint16(head + CHECKSUM_START, true);
  const offset = view.getUint16(head + CHECKSUM_OFFSET, true);
  const size = view.getUint16(head + GSO_SIZE, true);
  packet.head = head + HEADER;
  packet.gsoSize = 0;
  packet.gsoType = GSO_NONE;
  packet.checksum = (flags & DATA_VALID) !== 0 ? CHECKSUM_VALID : CHECKSUM_NONE;
  if ((flags & NEEDS_CHECKSUM) !== 0) {
    if (offset > CHECKSUM_OFFSET_MAX || start + offset + 2 > packet.length) return false;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head + start;
    packet.checksumOffset = offset;
  }
  if (type === GSO_NONE) return true;
  const kind = type & ~GSO_ECN;
  if (kind !== GSO_TCPV4 && kind !== GSO_TCPV6 && kind !== GSO_UDP_L4) return false;
  // Senders choose the size: very many segments are nobody's honest wish.
  if (size * SEGMENTS_MAX < packet.length) return false;
  packet.gsoType = type;
  packet.gsoSize = size;
  return true;
}

/** Puts a header before the frame at the packet's head. */
export function write(packet: Packet): void {
  const frame = packet.head;
  const at = packet.push(HEADER);
  const { view } = packet;
  packet.bytes.fill(0, at, at + HEADER);
  if (packet.checksum === CHECKSUM_PARTIAL) {
    view.setUint8(at + FLAGS, NEEDS_CHECKSUM);
    view.setUint16(at + CHECKSUM_START, packet.checksumStart - frame, true);
    view.setUint16(at + CHECKSUM_OFFSET, packet.checksumOffset, true);
  }
  if (packet.gsoSize === 0) return;
  view.setUint8(at + GSO_TYPE, packet.gsoType);
  view.setUint16(at + GSO_SIZE, packet.gsoSize, true);
  view.setUint16(at + HEADERS_LENGTH, packet.transport - frame + transportSize(packet), true);
}
