// Segments that no connection sends: resets for what is nobody's, and what requests and records of ended connections answer.

import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { isLinkLocal } from "../ip_address.ts";
import { PMTUDISC_DO } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import type { TcpContext } from "./context.ts";
import type { Conversation } from "./conversation.ts";
import * as F from "./format.ts";
import type { Ends } from "./isn.ts";
import type { Segment } from "./segment.ts";

/** The way back to whoever is at the other end; null: there is none. */
export function wayBack(
  tcp: TcpContext,
  ends: Ends,
  isV6: boolean,
  device: number,
  mark: number,
): Flow | null {
  const { core } = tcp;
  const flow = core.outputFlow;
  flow.reset(isV6);
  flow.setDestination(ends.remote0, ends.remote1, ends.remote2, ends.remote3);
  flow.setSource(ends.local0, ends.local1, ends.local2, ends.local3);
  flow.mark = mark;
  flow.protocol = IPPROTO_TCP;
  flow.outputDevice = device;
  const route = isV6 ? routeOutput6 : routeOutput4;
  return route(core, flow, true) === 0 ? flow : null;
}

/** The device by which a packet's sender is answered: of a link-local one, that of the link; else 0, any. */
export function deviceBack({ isV6, source0, source1, source2, source3, device }: Packet): number {
  return isV6 && isLinkLocal(source0, source1, source2, source3) ? device!.index : 0;
}

/** Sends the header that tcp.header is filled with, without bytes. */
export function sendHeader(tcp: TcpContext, flow: Flow, tos: number, hopLimit: number): void {
  const { core, header } = tcp;
  const packet = core.isOverworked ? null : core.pools.take(F.HEADER_MAX);
  if (packet === null) return;
  header.write(packet, flow);
  packet.protocol = IPPROTO_TCP;
  packet.trafficClass = tos;
  packet.mark = flow.mark;
  tcp.counters.OutSegs++;
  if (flow.isV6) {
    packet.hopLimit = hopLimit >= 0 ? hopLimit : core.settings.hopLimit6;
    tcp.ip6Output.send(packet, flow, PMTUDISC_DO, false);
  } else {
    packet.hopLimit = hopLimit >= 0 ? hopLimit : core.settings.hopLimit4;
    tcp.ip4Output.send(packet, flow, PMTUDISC_DO, false);
  }
}

/** An acknowledgement that a request or a record sends. */
export function sendPlainAck(
  one: Conversation,
  mark: number,
  seq: number,
  ack: number,
  window: number,
  tos: number,
): void {
  const { tcp } = one;
  const flow = wayBack(tcp, one, one.isV6, one.device, mark);
  if (flow === null) return;
  const { header } = tcp;
  header.reset(one.localPort, one.remotePort, seq, ack, F.ACK);
  header.window = window;
  if (one.tsOk) header.timestamp(one.timestamp, one.tsRecent);
  sendHeader(tcp, flow, tos, -1);
}

/** A reset for a segment that is nobody's (RFC 9293 3.5.2), unless it is one. */
export function sendReset(tcp: TcpContext, segment: Segment): void {
  if (segment.isRst) return;
  const packet = segment.packet!;
  const { header } = tcp;
  const ends = tcp.ends.ofPacket(packet, false);
  const flow = wayBack(tcp, ends, packet.isV6, deviceBack(packet), packet.mark);
  if (flow === null) return;
  if (segment.hasAck) header.reset(ends.localPort, ends.remotePort, segment.ack, 0, F.RST);
  else header.reset(ends.localPort, ends.remotePort, 0, segment.end, F.RST | F.ACK);
  tcp.counters.OutRsts++;
  sendHeader(tcp, flow, 0, -1);
}
