// struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)) as addresses of sockets, and back.

import { SOCKADDR_IN_SIZE, SOCKADDR_IN6_MIN, SOCKADDR_IN6_SIZE } from "../../../shared/abi/inet.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Address } from "../socket.ts";
import { IpAddress } from "../stack/ip_address.ts";

const [PORT_AT, ADDRESS4_AT, FLOW_AT, ADDRESS6_AT, SCOPE_AT] = [2, 4, 4, 8, 24];

/** What a name says; of IPv4, no flow and no scope. */
export interface InetName {
  readonly ip: IpAddress;
  readonly port: number;
  /** flowinfo of the IPv6 header, in the host's order. */
  readonly flow: number;
  /** The index of a device; 0: none was given. */
  readonly scope: number;
}

/** The family that a name begins with; -1: it is too short for one. */
export function familyOf(address: Address): number {
  return address.length < 2 ? -1 : address.charCodeAt(0) | (address.charCodeAt(1) << 8);
}

/** Of a struct sockaddr_in; null: it is too short. Its family is not looked at. */
export function name4(address: Address): InetName | null {
  if (address.length < SOCKADDR_IN_SIZE) return null;
  const bytes = Buffer.from(address, "latin1");
  const ip = IpAddress.v4(bytes.readInt32BE(ADDRESS4_AT));
  return { ip, port: bytes.readUInt16BE(PORT_AT), flow: 0, scope: 0 };
}

/** Of a struct sockaddr_in6, with or without a scope; null: it is too short. Its family is not looked at. */
export function name6(address: Address): InetName | null {
  if (address.length < SOCKADDR_IN6_MIN) return null;
  const bytes = Buffer.from(address, "latin1");
  return {
    ip: IpAddress.fromBytes(bytes, ADDRESS6_AT, 16),
    port: bytes.readUInt16BE(PORT_AT),
    flow: bytes.readUInt32BE(FLOW_AT),
    scope: address.length < SOCKADDR_IN6_SIZE ? 0 : bytes.readUInt32LE(SCOPE_AT),
  };
}

/** Whether an IPv6 address means nothing without a device (__ipv6_addr_needs_scope_id). */
export function needsScope({ isV4, isLinkLocal, w0 }: IpAddress): boolean {
  if (isV4) return false;
  const multicastScope = w0 >>> 24 === 0xff ? (w0 >>> 16) & 0xf : 0;
  return isLinkLocal || multicastScope === 1 || multicastScope === 2;
}

export function bytes4(ip: IpAddress, port: number): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN_SIZE);
  bytes.writeUInt16LE(AF_INET);
  bytes.writeUInt16BE(port, PORT_AT);
  bytes.writeInt32BE(ip.w3, ADDRESS4_AT);
  return bytes;
}

/** IPv4 addresses are mapped; a scope is told with addresses that need one. */
export function bytes6(ip: IpAddress, port: number, device: number, flow = 0): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN6_SIZE);
  bytes.writeUInt16LE(AF_INET6);
  bytes.writeUInt16BE(port, PORT_AT);
  bytes.writeUInt32BE(flow >>> 0, FLOW_AT);
  bytes.set(ip.toMappedBytes(), ADDRESS6_AT);
  if (needsScope(ip)) bytes.writeUInt32LE(device, SCOPE_AT);
  return bytes;
}

export function nameOf(isV6: boolean, ip: IpAddress, port: number, device: number, flow = 0): Address {
  const bytes = isV6 ? bytes6(ip, port, device, flow) : bytes4(ip, port);
  return bytes.toString("latin1");
}
