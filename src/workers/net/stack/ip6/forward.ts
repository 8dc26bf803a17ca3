// IPv6 packets for others, where this host is a router (net.ipv6.conf.all.forwarding; RFC 8200 3): one hop less, the way
// that the tables show. What is too long goes back to its sender; redirects are not sent.

import type { StackCore } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import { isLinkLocal } from "../ip_address.ts";
import { PMTUDISC_WANT, pathMtu } from "../mtu_discovery.ts";
import { handOver } from "../offload/hand_over.ts";
import type { Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import * as F from "./format.ts";

/** RFC 4291 2.5.6: what is of this link stays on it, and nobody sends from no address to elsewhere. */
export function mayForward6(packet: Packet): boolean {
  const { device, source0, source1, source2, source3 } = packet;
  return (
    !device!.isLoopback &&
    (source0 | source1 | source2 | source3) !== 0 &&
    !isLinkLocal(source0, source1, source2, source3) &&
    !isLinkLocal(packet.destination0, packet.destination1, packet.destination2, packet.destination3)
  );
}

/** Passes a packet on whose way the flow shows; it is not the caller's any more. */
export function forward6(core: StackCore, icmp: Icmp6, packet: Packet, flow: Flow): void {
  const { ip6 } = core.counters;
  const device = flow.device!;
  const arrival = packet.device!;
  packet.head = packet.network;
  if (packet.hopLimit <= 1) {
    ip6.InHdrErrors++;
    icmp.sendError(packet, Icmp.TIME_EXCEEDED6, Icmp.HOPS_EXCEEDED, 0);
    packet.release();
    return;
  }
  const gateway = flow.route?.gateway ?? null;
  flow.nextHopIsDestination();
  if (gateway !== null) {
    flow.nextHop0 = gateway.w0;
    flow.nextHop1 = gateway.w1;
    flow.nextHop2 = gateway.w2;
    flow.nextHop3 = gateway.w3;
  }
  const mtu = pathMtu(core, flow, PMTUDISC_WANT);
  if (packet.gsoSize === 0 && packet.length > mtu) {
    ip6.InTooBigErrors++;
    ip6.FragFails++;
    icmp.sendError(packet, Icmp.PACKET_TOO_BIG, 0, mtu);
    packet.release();
    return;
  }
  ip6.OutForwDatagrams++;
  ip6.OutTransmits++;
  packet.hopLimit--;
  packet.view.setUint8(packet.network + F.HOP_LIMIT, packet.hopLimit);
  packet.device = device;
  packet.setNextHop(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
  const { hooks } = core;
  if (hooks !== null && !(hooks.forward(packet, arrival) && hooks.postrouting(packet))) {
    packet.release();
    return;
  }
  handOver(packet, device, core.pools);
}
