// Messages of neighbour discovery (RFC 4861 4): where the fields are behind the ICMPv6 header's first four bytes, and the
// options that follow, which are all checked before any is read.

import type { Packet } from "../packet.ts";

/** Only what no router has passed on is believed. */
export const HOP_LIMIT = 255;

/** Of solicitations, advertisements and redirects of neighbours. */
export const TARGET = 8;
export const NEIGHBOUR_SIZE = 24;
export const SOLICITATION_SIZE = 8;

/** Flags of a neighbour advertisement, at 4. */
export const FLAGS = 4;
export const IS_ROUTER = 0x80;
export const IS_SOLICITED = 0x40;
export const OVERRIDES = 0x20;

export const REDIRECT_DESTINATION = 24;
export const REDIRECT_SIZE = 40;

// Of a router advertisement
export const RA_HOP_LIMIT = 4;
export const RA_FLAGS = 5;
export const RA_LIFETIME = 6;
export const RA_REACHABLE_MS = 8;
export const RA_RETRANSMIT_MS = 12;
export const RA_SIZE = 16;

// Options: type, length in units of 8 bytes, data
export const SOURCE_MAC = 1;
export const TARGET_MAC = 2;
export const PREFIX = 3;
export const MTU = 5;
export const MAC_OPTION_SIZE = 8;
const MAC_AT = 2;
const MAC_LENGTH = 6;

// Of a prefix option
export const PREFIX_LENGTH = 2;
export const PREFIX_FLAGS = 3;
export const PREFIX_VALID = 4;
export const PREFIX_PREFERRED = 8;
export const PREFIX_BYTES = 16;
export const PREFIX_OPTION_SIZE = 32;
export const ON_LINK = 0x80;
export const AUTONOMOUS = 0x40;
export const MTU_VALUE = 4;
export const MTU_OPTION_SIZE = 8;

/** Whether the options from `at` to the packet's end are well-formed. */
export function checkOptions({ view, end }: Packet, at: number): boolean {
  while (at < end) {
    if (end - at < 8) return false;
    const size = view.getUint8(at + 1) * 8;
    if (size === 0 || size > end - at) return false;
    at += size;
  }
  return true;
}

/** Where the first option of a type stands from `at` on, of at least that size; -1: there is none. */
export function findOption({ view, end }: Packet, at: number, type: number, size: number): number {
  for (; at < end; at += view.getUint8(at + 1) * 8)
    if (view.getUint8(at) === type && view.getUint8(at + 1) * 8 >= size) return at;
  return -1;
}

/** The link address that an option gives, as a part of the packet; null: there is none. */
export function findMac(packet: Packet, at: number, type: number): Uint8Array | null {
  const option = findOption(packet, at, type, MAC_OPTION_SIZE);
  if (option < 0) return null;
  return packet.bytes.subarray(option + MAC_AT, option + MAC_AT + MAC_LENGTH);
}

/** Writes an option with a link address behind the packet. */
export function addMac(packet: Packet, type: number, mac: Uint8Array): void {
  const at = packet.end;
  packet.view.setUint8(at, type);
  packet.view.setUint8(at + 1, 1);
  packet.bytes.set(mac, at + MAC_AT);
  packet.end = at + MAC_OPTION_SIZE;
}
