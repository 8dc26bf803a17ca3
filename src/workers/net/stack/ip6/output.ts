// IPv6 output: the header, the MTU of the path, fragments (RFC 8200 4.5), and the copy that comes back to this host of
// what it sends to groups.

import { EMSGSIZE, ENOBUFS, EPERM } from "../../../../shared/abi/errno.ts";
import { RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { PacketHooks } from "../hooks.ts";
import { PMTUDISC_DO, PMTUDISC_INTERFACE, PMTUDISC_PROBE, pathMtu } from "../mtu_discovery.ts";
import { completeChecksum, handOver } from "../offload/hand_over.ts";
import { CHECKSUM_VALID, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import * as F from "./format.ts";

export class Ip6Output {
  readonly #core: StackCore;

  constructor(core: StackCore) {
    this.#core = core;
  }

  /**
   * Sends a packet the flow's way: its head stands at the transport's header, its protocol, hop limit and traffic class
   * are filled in. 0, -EMSGSIZE or -ENOBUFS; the packet is gone in any case. `loops`: groups that this host is in get it
   * too (IPV6_MULTICAST_LOOP).
   */
  send(packet: Packet, flow: Flow, discovery: number, loops: boolean, flowLabel = 0): number {
    const { ip6 } = this.#core.counters;
    ip6.OutRequests++;
    const mtu = pathMtu(this.#core, flow, discovery);
    packet.isV6 = true;
    packet.transport = packet.head;
    packet.setSource(flow.source0, flow.source1, flow.source2, flow.source3);
    packet.setDestination(flow.destination0, flow.destination1, flow.destination2, flow.destination3);
    packet.setNextHop(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
    packet.device = flow.device;
    if (packet.length > F.PAYLOAD_MAX) {
      packet.release();
      return -EMSGSIZE;
    }
    if (packet.gsoSize === 0 && packet.length + F.HEADER > mtu) {
      if (discovery === PMTUDISC_DO || discovery === PMTUDISC_PROBE || discovery === PMTUDISC_INTERFACE) {
        ip6.FragFails++;
        packet.release();
        return -EMSGSIZE;
      }
      if (this.#core.hooks === null) return this.#fragment(packet, mtu, flow.type, loops, flowLabel);
    }
    packet.push(F.HEADER);
    F.write(packet, packet.protocol, flowLabel);
    const { hooks } = this.#core;
    if (hooks !== null) return this.#sendHooked(hooks, packet, mtu, flow, loops, flowLabel);
    this.#transmit(packet, flow.type, loops);
    return 0;
  }

  /** Sends a packet that has its header, of any length, if the hooks let it go: the way may be another behind them. */
  #sendHooked(
    hooks: PacketHooks,
    packet: Packet,
    mtu: number,
    flow: Flow,
    loops: boolean,
    flowLabel: number,
  ): number {
    const error = hooks.output(packet, flow.type);
    if (error < 0 || !hooks.postrouting(packet)) {
      packet.release();
      return error < 0 ? error : -EPERM;
    }
    const { outType } = hooks;
    const most = packet.device === flow.device ? mtu : packet.device!.mtu;
    if (packet.gsoSize === 0 && packet.length > most) {
      packet.head = packet.transport;
      return this.#fragment(packet, most, outType, loops, flowLabel);
    }
    this.#transmit(packet, outType, loops);
    return 0;
  }

  #fragment(packet: Packet, mtu: number, type: number, loops: boolean, flowLabel: number): number {
    const core = this.#core;
    const { ip6 } = core.counters;
    completeChecksum(packet);
    const id = core.host.random32();
    const piece = (mtu - F.HEADER - F.FRAGMENT_SIZE) & ~7;
    if (piece <= 0) {
      ip6.FragFails++;
      packet.release();
      return -EMSGSIZE;
    }
    const { head, end } = packet;
    for (let at = head; at < end; at += piece) {
      const length = Math.min(piece, end - at);
      const fragment = core.pools.take(length);
      if (fragment === null) {
        ip6.FragFails++;
        packet.release();
        return -ENOBUFS;
      }
      fragment.copyPathFrom(packet);
      fragment.bytes.set(packet.bytes.subarray(at, at + length), fragment.head);
      fragment.end = fragment.head + length;
      const header = fragment.push(F.FRAGMENT_SIZE);
      fragment.view.setUint8(header, packet.protocol);
      fragment.view.setUint8(header + 1, 0);
      fragment.view.setUint16(
        header + F.FRAGMENT_OFFSET,
        (at - head) | (at + length < end ? F.MORE_FRAGMENTS : 0),
      );
      fragment.view.setInt32(header + F.FRAGMENT_ID, id);
      fragment.push(F.HEADER);
      F.write(fragment, F.FRAGMENT, flowLabel);
      ip6.FragCreates++;
      this.#transmit(fragment, type, loops);
    }
    ip6.FragOKs++;
    packet.release();
    return 0;
  }

  #transmit(packet: Packet, type: number, loops: boolean): void {
    const core = this.#core;
    const { ip6 } = core.counters;
    const device = packet.device!;
    ip6.OutTransmits++;
    ip6.OutOctets += packet.length;
    if (type === RTN_MULTICAST) {
      ip6.OutMcastPkts++;
      ip6.OutMcastOctets += packet.length;
      const { destination0, destination1, destination2, destination3 } = packet;
      const isMember = core.memberships.has(
        device.index,
        destination0,
        destination1,
        destination2,
        destination3,
      );
      if (!device.isLoopback && loops && isMember) {
        const copy = core.pools.copy(packet);
        if (copy !== null) {
          copy.checksum = CHECKSUM_VALID;
          core.receive(copy, device);
        }
      }
      // What has no hops left, or is the host's own business (ff01::/16), stays on it.
      if (!device.isLoopback && (packet.hopLimit === 0 || ((destination0 >>> 16) & 0xf) <= 1)) {
        packet.release();
        return;
      }
    }
    handOver(packet, device, core.pools);
  }
}
