// Whether a packet's transport has the checksum that it should have. Who is told of an error by ICMP, or has a connection
// reset, is told so because of what a packet says: of one that was changed on its way nothing is believed, as by whom it was
// for (Linux's nf_reject_verify_csum, nf_ip_checksum).

import { IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import { CHECKSUM_NONE, type Packet } from "../packet.ts";
import * as Udp from "../udp/format.ts";
import type { PacketParts } from "./packet_parts.ts";
import { hasPorts, isIcmp } from "./tuple.ts";

/** What was looked at already, or is of a protocol that has another, is right. */
export function hasRightChecksum(packet: Packet, parts: PacketParts): boolean {
  const { protocol, at, end } = parts;
  const { view, isV6 } = packet;
  if (packet.checksum !== CHECKSUM_NONE) return true;
  if (!hasPorts(protocol) && !isIcmp(protocol)) return true;
  if (protocol === IPPROTO_UDP && parts.has(Udp.HEADER) && view.getUint16(at + Udp.CHECKSUM) === 0)
    return true;
  const pseudo = isV6 || hasPorts(protocol) ? pseudoSum(packet, protocol, end - at) : 0;
  return sumOf(view, at, end - at, pseudo) === 0xffff;
}
