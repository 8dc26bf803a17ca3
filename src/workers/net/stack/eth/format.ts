// The Ethernet II header (IEEE 802.3, RFC 894): where its fields are, addresses, and those of groups.

import type { Packet } from "../packet.ts";

export const HEADER = 14;
export const ADDRESS = 6;
export const DESTINATION = 0;
export const SOURCE = 6;
export const TYPE = 12;

export const TYPE_IP = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_IP6 = 0x86dd;

const GROUP4_HIGH = 0x0100;
const GROUP4_LOW = 0x5e000000;
const GROUP6_HIGH = 0x3333;

export const BROADCAST = new Uint8Array(ADDRESS).fill(0xff);

export function isSameAddress(a: Uint8Array, b: Uint8Array, at = 0): boolean {
  for (let i = 0; i < ADDRESS; i++) if (a[i] !== b[at + i]) return false;
  return true;
}

/** Whether it may be a host's: no group's, and not all zeros. */
export function isHostAddress(bytes: Uint8Array, at = 0): boolean {
  let any = 0;
  for (let i = 0; i < ADDRESS; i++) any |= bytes[at + i]!;
  return (bytes[at]! & 1) === 0 && any !== 0;
}

/** Writes a header before the packet's head. */
export function write(packet: Packet, destination: Uint8Array, source: Uint8Array, type: number): void {
  const at = packet.push(HEADER);
  const { bytes } = packet;
  for (let i = 0; i < ADDRESS; i++) {
    bytes[at + DESTINATION + i] = destination[i]!;
    bytes[at + SOURCE + i] = source[i]!;
  }
  packet.view.setUint16(at + TYPE, type);
}

/** The same to the group whose address is the packet's next hop (RFC 1112 6.4, RFC 2464 7). */
export function writeToGroup(packet: Packet, source: Uint8Array, type: number): void {
  const at = packet.push(HEADER);
  const { bytes, view } = packet;
  groupAddress(packet, at, type);
  for (let i = 0; i < ADDRESS; i++) bytes[at + SOURCE + i] = source[i]!;
  view.setUint16(at + TYPE, type);
}

/** Writes the address of the group that is the packet's next hop. */
export function groupAddress({ view, nextHop3 }: Packet, at: number, type: number): void {
  view.setUint16(at, type === TYPE_IP6 ? GROUP6_HIGH : GROUP4_HIGH);
  view.setInt32(at + 2, type === TYPE_IP6 ? nextHop3 : GROUP4_LOW | (nextHop3 & 0x7fffff));
}

/** Whether the group address at `at` may be that of an internet group of such frames. */
export function isGroupOf(view: DataView, at: number, type: number): boolean {
  const high = view.getUint16(at);
  if (type === TYPE_IP6) return high === GROUP6_HIGH;
  return high === GROUP4_HIGH && (view.getInt32(at + 2) & 0xff800000) === (GROUP4_LOW | 0);
}
