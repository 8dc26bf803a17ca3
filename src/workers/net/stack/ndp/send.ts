// Sending the ICMPv6 messages that concern a link alone: past the routing tables, from an address of that device.

import { RTN_MULTICAST, RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import { IPPROTO_ICMPV6 } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import type { StackCore } from "../core.ts";
import type { NetDevice } from "../device.ts";
import * as Icmp from "../icmp/format.ts";
import { type IpAddress, isMulticast } from "../ip_address.ts";
import * as Ip6 from "../ip6/format.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { PMTUDISC_INTERFACE } from "../mtu_discovery.ts";
import { CHECKSUM_VALID, type Packet } from "../packet.ts";
import { Flow } from "../route/flow.ts";

const IFA_F_UNUSABLE = 0x48;
const HOP_BY_HOP_SIZE = 8;

/** The device's link-local address, if it may be used. */
export function linkLocalOf(device: NetDevice): IpAddress | null {
  for (let i = 0; i < device.addresses.length; i++) {
    const { address, flags } = device.addresses[i]!;
    if (!address.isV4 && address.isLinkLocal && (flags & IFA_F_UNUSABLE) === 0) return address;
  }
  return null;
}

export class LinkMessages {
  readonly #core: StackCore;
  readonly #output: Ip6Output;
  readonly #flow = new Flow();

  constructor(core: StackCore, output: Ip6Output) {
    this.#core = core;
    this.#output = output;
  }

  /** An empty message of a type, of so many bytes so far, of which those behind the code are 0; null: no buffers. */
  begin(type: number, size: number, room = size): Packet | null {
    const packet = this.#core.pools.take(room);
    if (packet === null) return null;
    packet.end = packet.head + size;
    packet.bytes.fill(0, packet.head, packet.end);
    packet.view.setUint8(packet.head + Icmp.TYPE, type);
    return packet;
  }

  /** Sends a message; `alerts`: routers are to look at it (RFC 2711), as MLD wants. The packet is gone. */
  send(
    packet: Packet,
    device: NetDevice,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    alerts = false,
  ): void {
    const { view, head, length } = packet;
    const { icmp6 } = this.#core.counters;
    const { w0, w1, w2, w3 } = destination;
    icmp6.OutMsgs++;
    icmp6.outTypes[view.getUint8(head + Icmp.TYPE)]!++;
    const flow = this.#flow;
    flow.reset(true);
    flow.setSource(source.w0, source.w1, source.w2, source.w3);
    flow.setDestination(w0, w1, w2, w3);
    flow.nextHopIsDestination();
    flow.device = device;
    flow.type = isMulticast(w0, w1, w2, w3) ? RTN_MULTICAST : RTN_UNICAST;
    const pseudo = pseudoSum(flow, IPPROTO_ICMPV6, length);
    view.setUint16(head + Icmp.CHECKSUM, ~sumOf(view, head, length, pseudo) & 0xffff);
    packet.checksum = CHECKSUM_VALID;
    packet.hopLimit = hopLimit;
    packet.trafficClass = 0;
    packet.protocol = IPPROTO_ICMPV6;
    if (alerts) {
      const at = packet.push(HOP_BY_HOP_SIZE);
      view.setUint8(at, IPPROTO_ICMPV6);
      view.setUint8(at + 1, 0);
      view.setUint32(at + 2, (Ip6.OPTION_ROUTER_ALERT << 24) | (2 << 16));
      view.setUint16(at + 6, Ip6.OPTION_PADN << 8);
      packet.protocol = Ip6.HOP_BY_HOP;
    }
    this.#output.send(packet, flow, PMTUDISC_INTERFACE, false);
  }
}
