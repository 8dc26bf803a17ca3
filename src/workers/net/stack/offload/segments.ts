// Segments of a packet that stands for many (generic segmentation offload): of TCP, and of UDP with UDP_SEGMENT. A device
// that does not take such packets gets their segments, whole with headers and checksums, as Linux's skb_segment makes them.

import { IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import * as Ip4 from "../ip4/format.ts";
import * as Ip6 from "../ip6/format.ts";
import { CHECKSUM_VALID, type Packet, type PacketPools } from "../packet.ts";
import * as Tcp from "../tcp/format.ts";
import * as Udp from "../udp/format.ts";

/** VIRTIO_NET_HDR_GSO_*: what a packet's gsoType says. */
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
/** The first segment alone may say that the window was reduced. */
export const GSO_ECN = 0x80;

/** Bytes of the transport's header, which stands at the packet's; 0: it is none that is cut into segments. */
export function transportSize({ view, transport, end, gsoType, protocol }: Packet): number {
  const isUdp = (gsoType & ~GSO_ECN) === GSO_UDP_L4;
  if (protocol !== (isUdp ? IPPROTO_UDP : IPPROTO_TCP)) return 0;
  if (end - transport < (isUdp ? Udp.HEADER : Tcp.HEADER_MIN)) return 0;
  const size = isUdp ? Udp.HEADER : (view.getUint8(transport + Tcp.DATA_OFFSET) >> 4) * 4;
  return size < Udp.HEADER || size > end - transport ? 0 : size;
}

/**
 * Makes the segments of a packet, from its IP header at the head on, and hands each to `send`, which owns it then. False:
 * there were no buffers for all of them. The packet stays its owner's.
 */
export function segment(packet: Packet, pools: PacketPools, send: (segment: Packet) => void): boolean {
  packet.own();
  const { head, transport, end, gsoSize } = packet;
  const size = transportSize(packet);
  if (size === 0) return false;
  const headers = transport + size - head;
  let number = 0;
  for (let at = transport + size; at < end; at += gsoSize) {
    const length = Math.min(gsoSize, end - at);
    const piece = pools.takePart(packet, headers, at, length);
    if (piece === null) return false;
    piece.transport = piece.head + transport - head;
    finish(piece, number++, at - transport - size, at + length >= end);
    send(piece);
  }
  return true;
}

function finish(piece: Packet, number: number, offset: number, isLast: boolean): void {
  const { view, network, transport, end, isV6 } = piece;
  if (isV6) view.setUint16(network + Ip6.PAYLOAD_LENGTH, end - network - Ip6.HEADER);
  else {
    view.setUint16(network + Ip4.TOTAL_LENGTH, end - network);
    view.setUint16(network + Ip4.ID, view.getUint16(network + Ip4.ID) + number);
    Ip4.writeChecksum(view, network, transport - network);
  }
  let field = Tcp.CHECKSUM;
  if (piece.protocol === IPPROTO_UDP) {
    view.setUint16(transport + Udp.LENGTH, end - transport);
    field = Udp.CHECKSUM;
  } else {
    view.setUint32(transport + Tcp.SEQUENCE, (view.getUint32(transport + Tcp.SEQUENCE) + offset) >>> 0);
    let flags = view.getUint8(transport + Tcp.FLAGS);
    if (!isLast) flags &= ~(Tcp.FIN | Tcp.PSH);
    if (number > 0) flags &= ~Tcp.CWR;
    view.setUint8(transport + Tcp.FLAGS, flags);
  }
  view.setUint16(transport + field, 0);
  const pseudo = pseudoSum(piece, piece.protocol, end - transport);
  const sum = ~sumOf(view, transport, end - transport, pseudo) & 0xffff;
  view.setUint16(transport + field, sum === 0 ? 0xffff : sum);
  piece.checksum = CHECKSUM_VALID;
}
