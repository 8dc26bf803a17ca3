// Names of AF_PACKET sockets (packet(7)): struct sockaddr_ll, and struct sockaddr_pkt of the old SOCK_PACKET ones.

import { AF_PACKET } from "../../../shared/abi/socket.ts";
import type { Address } from "../socket.ts";

/** struct sockaddr_ll, and where its address begins. */
export const NAME_SIZE = 20;
export const ADDRESS_AT = 12;
/** struct sockaddr_pkt: a family, a device's name, a protocol. */
const OLD_SIZE = 18;
const OLD_NAME = 14;
/** struct sockaddr: what one is bound by. */
export const OLD_BIND_SIZE = 16;

export interface PacketName {
  readonly family: number;
  /** ETH_P_* */
  readonly protocol: number;
  readonly index: number;
  /** Of its link address, as it says itself. */
  readonly length: number;
  /** Room for the longest. */
  readonly address: Uint8Array;
}

/** Null: it is too short for one. */
export function nameIn(address: Address): PacketName | null {
  const bytes = Buffer.from(address, "latin1");
  if (bytes.length < NAME_SIZE) return null;
  return {
    family: bytes.readUInt16LE(0),
    protocol: bytes.readUInt16BE(2),
    index: bytes.readInt32LE(4),
    length: bytes[11]!,
    address: bytes.subarray(ADDRESS_AT, NAME_SIZE),
  };
}

/** As bytes: with the link address and nothing behind it, or of the structure's full size. */
export function nameOf(
  protocol: number,
  index: number,
  type: number,
  delivery: number,
  address: Uint8Array,
  isFull: boolean,
): Address {
  const bytes = Buffer.alloc(isFull ? NAME_SIZE : ADDRESS_AT + address.length);
  bytes.writeUInt16LE(AF_PACKET, 0);
  bytes.writeUInt16BE(protocol, 2);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt16LE(type, 8);
  bytes[10] = delivery;
  bytes[11] = address.length;
  bytes.set(address, ADDRESS_AT);
  return bytes.toString("latin1");
}

/** Of a SOCK_PACKET socket: the device's name, and the protocol, which may be missing. */
export function oldNameIn(address: Address): { readonly device: string; readonly protocol: number } {
  const bytes = Buffer.from(address, "latin1");
  return {
    device: bytes.toString("latin1", 2, 2 + OLD_NAME - 1).split("\0")[0]!,
    protocol: bytes.length >= OLD_SIZE ? bytes.readUInt16BE(OLD_SIZE - 2) : 0,
  };
}

/** What such a socket is told of a frame: in the family's place stands the type of its device. */
export function oldNameOf(type: number, device: string, protocol: number): Address {
  const bytes = Buffer.alloc(OLD_SIZE);
  bytes.writeUInt16LE(type, 0);
  bytes.write(device.slice(0, OLD_NAME - 1), 2, "latin1");
  bytes.writeUInt16BE(protocol, OLD_SIZE - 2);
  return bytes.toString("latin1");
}

/** Its own name. */
export function oldOwnName(device: string): Address {
  const bytes = Buffer.alloc(2 + OLD_NAME);
  bytes.writeUInt16LE(AF_PACKET, 0);
  bytes.write(device.slice(0, OLD_NAME - 1), 2, "latin1");
  return bytes.toString("latin1");
}
