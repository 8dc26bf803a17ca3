// IPv4 packets for others, where this host is a router (net.ipv4.ip_forward; RFC 1812 5.2): one hop less, the way that
// the tables show, fragments where the sender allows them, and a word to a sender who has a better way.

import { RTN_LOCAL } from "../../../../shared/abi/netlink.ts";
import { updated } from "../checksum.ts";
import type { StackCore } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import { MAPPED } from "../ip_address.ts";
import { PMTUDISC_WANT, pathMtu } from "../mtu_discovery.ts";
import { completeChecksum, handOver } from "../offload/hand_over.ts";
import type { Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import * as F from "./format.ts";

/** Passes a packet on whose way the flow shows; it is not the caller's any more. */
export function forward4(core: StackCore, icmp: Icmp4, packet: Packet, flow: Flow): void {
  const { ip } = core.counters;
  const { view, network } = packet;
  const device = flow.device!;
  const arrival = packet.device!;
  packet.head = network;
  if (packet.hopLimit <= 1) {
    ip.InHdrErrors++;
    icmp.sendError(packet, Icmp.TIME_EXCEEDED, Icmp.HOPS_EXCEEDED, 0);
    packet.release();
    return;
  }
  const gateway = flow.route?.gateway ?? null;
  flow.nextHopIsDestination();
  if (gateway !== null) flow.nextHop3 = gateway.w3;
  const { nextHop3 } = flow;
  const mtu = pathMtu(core, flow, PMTUDISC_WANT);
  const field = view.getUint16(network + F.FRAGMENT);
  const isTooLong = packet.gsoSize === 0 && packet.length > mtu;
  if (isTooLong && (field & F.DONT_FRAGMENT) !== 0) {
    ip.FragFails++;
    icmp.sendError(packet, Icmp.DESTINATION_UNREACHABLE, Icmp.FRAGMENTATION_NEEDED, mtu);
    packet.release();
    return;
  }
  // Its sender is a neighbour of the next hop: it need not come this way.
  if (device === arrival && isNeighbour(packet, nextHop3)) icmp.sendError(packet, Icmp.REDIRECT, 1, nextHop3);
  ip.ForwDatagrams++;
  const word = view.getUint16(network + F.TTL);
  view.setUint16(network + F.TTL, word - 0x100);
  view.setUint16(network + F.CHECKSUM, updated(view.getUint16(network + F.CHECKSUM), word, word - 0x100));
  packet.hopLimit--;
  packet.device = device;
  packet.setNextHop(0, 0, MAPPED, nextHop3);
  const { hooks } = core;
  if (hooks !== null && !(hooks.forward(packet, arrival) && hooks.postrouting(packet))) {
    packet.release();
    return;
  }
  if (isTooLong) fragment(core, packet, mtu);
  else {
    ip.OutTransmits++;
    handOver(packet, device, core.pools);
  }
}

function isNeighbour(packet: Packet, nextHop: number): boolean {
  for (const { address, prefix } of packet.device!.addresses)
    if (
      address.isV4 &&
      prefix.hasWords(0, 0, MAPPED, packet.source3) &&
      prefix.hasWords(0, 0, MAPPED, nextHop)
    )
      return true;
  return false;
}

/** Whether a packet may leave this link: RFC 1812 5.3.7, and what this host sends to itself. */
export function mayForward4(core: StackCore, packet: Packet): boolean {
  const { source3, device } = packet;
  if (device!.isLoopback || source3 >>> 24 === 127 || source3 >>> 24 === 0) return false;
  return core.tables.addressType(0, 0, MAPPED, source3) !== RTN_LOCAL;
}

function fragment(core: StackCore, packet: Packet, mtu: number): void {
  const { ip } = core.counters;
  const { view, network, head } = packet;
  completeChecksum(packet);
  const header = F.headerLength(packet);
  const piece = (mtu - header) & ~7;
  const field = view.getUint16(network + F.FRAGMENT);
  const start = head + header;
  for (let at = start; piece > 0 && at < packet.end; at += piece) {
    const length = Math.min(piece, packet.end - at);
    const part = core.pools.takePart(packet, header, at, length);
    if (part === null) break;
    const isLast = at + length >= packet.end;
    const place = (field & F.FRAGMENT_OFFSET) + ((at - start) >> 3);
    const more = isLast ? field & F.MORE_FRAGMENTS : F.MORE_FRAGMENTS;
    part.view.setUint16(part.head + F.FRAGMENT, place | more);
    part.view.setUint16(part.head + F.TOTAL_LENGTH, part.length);
    F.writeChecksum(part.view, part.head, header);
    ip.FragCreates++;
    ip.OutTransmits++;
    packet.device!.output(part);
  }
  ip.FragOKs++;
  packet.release();
}
