// ARP packets of IPv4 on Ethernet (RFC 826): where the fields are, and the check that comes before any of them is read.

import type { Packet } from "../packet.ts";

export const SIZE = 28;
export const HARDWARE_TYPE = 0;
export const PROTOCOL_TYPE = 2;
export const HARDWARE_LENGTH = 4;
export const PROTOCOL_LENGTH = 5;
export const OPERATION = 6;
export const SENDER_MAC = 8;
export const SENDER = 14;
export const TARGET_MAC = 18;
export const TARGET = 24;

export const REQUEST = 1;
export const REPLY = 2;

const ETHER = 1;
const IP = 0x0800;
const LENGTHS = 0x0604;

/** Whether what stands at the packet's head is a question or an answer about IPv4 addresses on Ethernet. */
export function check({ view, head, length }: Packet): boolean {
  if (length < SIZE) return false;
  const operation = view.getUint16(head + OPERATION);
  return (
    view.getUint16(head + HARDWARE_TYPE) === ETHER &&
    view.getUint16(head + PROTOCOL_TYPE) === IP &&
    view.getUint16(head + HARDWARE_LENGTH) === LENGTHS &&
    (operation === REQUEST || operation === REPLY)
  );
}

/** Writes one at the packet's head. `targetMac` null: it is not known. */
export function write(
  packet: Packet,
  operation: number,
  mac: Uint8Array,
  sender: number,
  targetMac: Uint8Array | null,
  target: number,
): void {
  const { view, bytes, head } = packet;
  packet.end = head + SIZE;
  view.setUint16(head + HARDWARE_TYPE, ETHER);
  view.setUint16(head + PROTOCOL_TYPE, IP);
  view.setUint16(head + HARDWARE_LENGTH, LENGTHS);
  view.setUint16(head + OPERATION, operation);
  bytes.set(mac, head + SENDER_MAC);
  view.setInt32(head + SENDER, sender);
  if (targetMac === null) bytes.fill(0, head + TARGET_MAC, head + TARGET);
  else bytes.set(targetMac, head + TARGET_MAC);
  view.setInt32(head + TARGET, target);
}
