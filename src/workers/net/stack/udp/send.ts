// UDP output, as Linux's udp_sendmsg and udpv6_sendmsg: bounds, the order of errors, the header.

import * as E from "../../../../shared/abi/errno.ts";
import { UDP_SEGMENTS_MAX } from "../../../../shared/abi/inet.ts";
import { IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { pseudoSum } from "../checksum.ts";
import { Message } from "../datagram/message.ts";
import { output, sendError, tooLong, wayOf } from "../datagram/way.ts";
import * as Ip4 from "../ip4/format.ts";
import * as Ip6 from "../ip6/format.ts";
import { pathMtu } from "../mtu_discovery.ts";
import { GSO_UDP_L4 } from "../offload/segments.ts";
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import type { UdpEndpoint } from "./endpoint.ts";
import * as F from "./format.ts";

export { Message as UdpMessage };

/** See UdpEndpoint.send. */
export function sendDatagram(endpoint: UdpEndpoint, data: Uint8Array, message: Message): number {
  const { core } = endpoint.shared;
  if (data.length > 0xffff) return -E.EMSGSIZE;
  const { destination } = message;
  if (destination === null && endpoint.remote === null) return -E.EDESTADDRREQ;
  const port = destination === null ? endpoint.remotePort : message.port;
  // One may be connected to port 0, and send there.
  if (port === 0 && destination !== null) return -E.EINVAL;
  const bound = endpoint.autobind();
  if (bound < 0) return bound;
  const flow = wayOf(endpoint, message);
  if (typeof flow === "number") return flow;
  const max = flow.isV6 ? F.PAYLOAD_MAX6 : F.PAYLOAD_MAX4;
  if (data.length > max) return tooLong(endpoint, flow, port, data, max);
  const unready = sendError(endpoint);
  if (unready !== 0) return unready;
  const { segmentSize } = message;
  if (segmentSize > 0) {
    const error = cutError(endpoint, flow, port, data, segmentSize);
    if (error < 0) return error;
  }
  const packet = core.pools.take(data.length + F.HEADER);
  const counters = flow.isV6 ? core.counters.udp6 : core.counters.udp;
  if (packet === null) {
    counters.SndbufErrors++;
    return -E.ENOBUFS;
  }
  packet.bytes.set(data, packet.head);
  packet.end = packet.head + data.length;
  writeHeader(packet, endpoint, flow, port);
  if (segmentSize > 0 && data.length > segmentSize) {
    packet.gsoSize = segmentSize;
    packet.gsoType = GSO_UDP_L4;
  }
  const error = output(endpoint, packet, flow, message, port, data);
  if (error === -E.EMSGSIZE) return error;
  if (error < 0) {
    counters.SndbufErrors++;
    return error;
  }
  counters.OutDatagrams++;
  return data.length;
}

/** Whether bytes may be cut into datagrams of a size: each must fit the way as it is, and have a checksum. */
function cutError(endpoint: UdpEndpoint, flow: Flow, port: number, data: Uint8Array, size: number): number {
  const { core } = endpoint.shared;
  const mtu = pathMtu(core, flow, flow.isV6 ? endpoint.discovery6 : endpoint.discovery4);
  const headers = F.HEADER + (flow.isV6 ? Ip6.HEADER : Ip4.HEADER_MIN);
  if (Math.min(size, data.length) + headers > mtu) return tooLong(endpoint, flow, port, data, mtu - headers);
  if (data.length > size * UDP_SEGMENTS_MAX) return -E.EINVAL;
  return endpoint.sendsNoChecksum && !flow.isV6 ? -E.EINVAL : 0;
}

function writeHeader(packet: Packet, endpoint: UdpEndpoint, flow: Flow, port: number): void {
  const head = packet.push(F.HEADER);
  const { view, length } = packet;
  view.setUint16(head + F.SOURCE_PORT, endpoint.localPort);
  view.setUint16(head + F.DESTINATION_PORT, port);
  view.setUint16(head + F.LENGTH, length);
  if (endpoint.sendsNoChecksum && !flow.isV6) {
    view.setUint16(head + F.CHECKSUM, 0);
    packet.checksum = CHECKSUM_VALID;
    return;
  }
  view.setUint16(head + F.CHECKSUM, pseudoSum(flow, IPPROTO_UDP, length));
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = head;
  packet.checksumOffset = F.CHECKSUM;
}
