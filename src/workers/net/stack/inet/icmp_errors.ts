// What ICMP errors are to endpoints of all protocols: which of them tell of a path's MTU, and the record of one.

import type { IcmpError } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import { IpAddress } from "../ip_address.ts";
import type { Packet } from "../packet.ts";
import { type ErrorRecord, ORIGIN_ICMP, ORIGIN_ICMP6 } from "./endpoint.ts";

export function isTooBig({ isV6 }: Packet, { type, code }: IcmpError): boolean {
  return isV6
    ? type === Icmp.PACKET_TOO_BIG
    : type === Icmp.DESTINATION_UNREACHABLE && code === Icmp.FRAGMENTATION_NEEDED;
}

/** `port`: whom the quoted packet was for; `payloadAt`: where in the message what the endpoint had sent stands. */
export function recordOf(
  packet: Packet,
  { type, code, info }: IcmpError,
  errno: number,
  port: number,
  payloadAt: number,
): ErrorRecord {
  return {
    errno,
    origin: packet.isV6 ? ORIGIN_ICMP6 : ORIGIN_ICMP,
    type,
    code,
    info,
    data: 0,
    offender: IpAddress.fromWords(packet.nextHop0, packet.nextHop1, packet.nextHop2, packet.nextHop3),
    destination: packet.destinationAddress,
    port,
    payload: packet.bytes.slice(Math.min(payloadAt, packet.end), packet.end),
  };
}
