// Addresses and ports of a packet, or of one that an ICMP message quotes, changed in place with the checksums that cover
// them (RFC 1624): of a checksum that a device completes the pseudo header's part alone.

import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { fold, pseudoSum, sumOf, sumOfAddress, updated } from "../checksum.ts";
import * as Icmp from "../icmp/format.ts";
import * as Ip4 from "../ip4/format.ts";
import * as Ip6 from "../ip6/format.ts";
import { CHECKSUM_PARTIAL, type Packet } from "../packet.ts";
import * as Tcp from "../tcp/format.ts";
import * as Udp from "../udp/format.ts";
import type { PacketParts } from "./packet_parts.ts";
import { hasPorts, isIcmp, type Tuple } from "./tuple.ts";

const [HIDDEN, NO_SUM] = [-1, 0];

/** Where a transport's checksum stands; HIDDEN: it has none, or it is cut off. */
function checksumAt({ protocol, at, end }: PacketParts): number {
  const offset =
    protocol === IPPROTO_TCP
      ? Tcp.CHECKSUM
      : protocol === IPPROTO_UDP
        ? Udp.CHECKSUM
        : isIcmp(protocol)
          ? Icmp.CHECKSUM
          : HIDDEN;
  return offset === HIDDEN || at + offset + 2 > end ? HIDDEN : at + offset;
}

/** A change of what a transport's checksum covers: of the pseudo header, or of the transport itself. */
function patch(packet: Packet, parts: PacketParts, before: number, after: number, isOfPseudo: boolean): void {
  const field = checksumAt(parts);
  if (field === HIDDEN) return;
  // ICMP's has no pseudo header in IPv4.
  if (isOfPseudo && parts.protocol === IPPROTO_ICMP) return;
  const { view } = packet;
  const sum = view.getUint16(field);
  const isPartial = packet.checksum === CHECKSUM_PARTIAL && packet.checksumStart === parts.at;
  if (isPartial) {
    if (isOfPseudo) view.setUint16(field, fold(sum + (~before & 0xffff) + after));
    return;
  }
  if (sum === NO_SUM && parts.protocol === IPPROTO_UDP) return;
  const next = updated(sum, before, after);
  view.setUint16(field, next === 0 && parts.protocol === IPPROTO_UDP ? 0xffff : next);
}

/** Gives the header at `network` the tuple's source, or its destination. `ports`: what stands for ports as well. */
function rewriteHeader(
  packet: Packet,
  parts: PacketParts,
  network: number,
  to: Tuple,
  isSource: boolean,
  ports: boolean,
): void {
  const { view, isV6 } = packet;
  const w0 = isSource ? to.source0 : to.destination0;
  const w1 = isSource ? to.source1 : to.destination1;
  const w2 = isSource ? to.source2 : to.destination2;
  const w3 = isSource ? to.source3 : to.destination3;
  const after = sumOfAddress(w0, w1, w2, w3);
  let before: number;
  if (isV6) {
    const at = network + (isSource ? Ip6.SOURCE : Ip6.DESTINATION);
    before = sumOf(view, at, 16);
    view.setInt32(at, w0);
    view.setInt32(at + 4, w1);
    view.setInt32(at + 8, w2);
    view.setInt32(at + 12, w3);
  } else {
    const at = network + (isSource ? Ip4.SOURCE : Ip4.DESTINATION);
    before = sumOf(view, at, 4);
    view.setInt32(at, w3);
    const header = network + Ip4.CHECKSUM;
    view.setUint16(header, updated(view.getUint16(header), before, after));
  }
  if (!parts.isWhole || parts.fragment !== 0) return;
  patch(packet, parts, before, after, true);
  if (!ports) return;
  if (hasPorts(parts.protocol)) {
    rewriteWord(packet, parts, parts.at + (isSource ? 0 : 2), isSource ? to.sourcePort : to.destinationPort);
  } else if (isIcmp(parts.protocol)) rewriteWord(packet, parts, parts.at + Icmp.ID, to.sourcePort);
}

function rewriteWord(packet: Packet, parts: PacketParts, at: number, value: number): void {
  if (at + 2 > parts.end) return;
  const before = packet.view.getUint16(at);
  if (before === value) return;
  packet.view.setUint16(at, value);
  patch(packet, parts, before, value, false);
}

/** Gives a packet the source, or the destination, of a tuple. `ports`: what stands for ports as well. */
export function rewrite(
  packet: Packet,
  parts: PacketParts,
  to: Tuple,
  isSource: boolean,
  ports: boolean,
): void {
  rewriteHeader(packet, parts, packet.network, to, isSource, ports);
  if (isSource) packet.setSource(to.source0, to.source1, to.source2, to.source3);
  else packet.setDestination(to.destination0, to.destination1, to.destination2, to.destination3);
}

const quoted = (parts: PacketParts): number => parts.at + Icmp.HEADER;

/** Gives what an ICMP message quotes the source, or the destination, of a tuple, and the message its new checksum. */
export function rewriteQuoted(
  packet: Packet,
  parts: PacketParts,
  inner: PacketParts,
  to: Tuple,
  isSource: boolean,
): void {
  const network = quoted(parts);
  inner.read(packet, packet.isV6, network, parts.end);
  if (!inner.isWhole) return;
  const { checksum, view } = packet;
  // What is quoted has its checksum written out.
  rewriteHeader(packet, inner, network, to, isSource, true);
  const { at, end, protocol } = parts;
  if (checksum === CHECKSUM_PARTIAL) return;
  view.setUint16(at + Icmp.CHECKSUM, 0);
  const pseudo = protocol === IPPROTO_ICMPV6 ? pseudoSum(packet, protocol, end - at) : 0;
  view.setUint16(at + Icmp.CHECKSUM, ~sumOf(view, at, end - at, pseudo) & 0xffff);
}
