// What an ICMP error does to the endpoint whose packet it quotes, as Linux's udp_err, raw_err and ping_err.

import { EMSGSIZE } from "../../../../shared/abi/errno.ts";
import type { IcmpError } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import { ORIGIN_ICMP, ORIGIN_ICMP6 } from "../inet/endpoint.ts";
import { IpAddress } from "../ip_address.ts";
import { learnPathMtu, PMTUDISC_DONT } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import type { DatagramEndpoint } from "./endpoint.ts";

/** `payloadAt`: where in the message what the endpoint had sent stands. */
export function errorCame(
  endpoint: DatagramEndpoint,
  packet: Packet,
  error: IcmpError,
  remotePort: number,
  payloadAt: number,
): void {
  const { core } = endpoint;
  const { isV6 } = packet;
  let { errno, isHard } = error;
  const isTooBig = isV6
    ? error.type === Icmp.PACKET_TOO_BIG
    : error.type === Icmp.DESTINATION_UNREACHABLE && error.code === Icmp.FRAGMENTATION_NEEDED;
  if (isTooBig) {
    // Of a packet that was sent, the path's MTU is believed.
    if (error.info > 0) learnPathMtu(core, packet, error.info);
    if ((isV6 ? endpoint.discovery6 : endpoint.discovery4) === PMTUDISC_DONT) return;
    errno = EMSGSIZE;
    isHard = true;
  }
  const isWanted = isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  if (!isWanted && !(isHard && endpoint.remote !== null)) return;
  const record = {
    errno,
    origin: isV6 ? ORIGIN_ICMP6 : ORIGIN_ICMP,
    type: error.type,
    code: error.code,
    info: error.info,
    offender: IpAddress.fromWords(packet.nextHop0, packet.nextHop1, packet.nextHop2, packet.nextHop3),
    destination: packet.destinationAddress,
    port: remotePort,
    payload: packet.bytes.slice(Math.min(payloadAt, packet.end), packet.end),
  };
  endpoint.fail(errno, isWanted ? record : null);
}
