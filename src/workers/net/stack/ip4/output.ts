// IPv4 output: the header, the MTU of the path, fragments (RFC 791), and the copy that comes back to this host of what it
// sends to groups and broadcast addresses.

import { EMSGSIZE, ENOBUFS, EPERM } from "../../../../shared/abi/errno.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { PacketHooks } from "../hooks.ts";
import { MAPPED } from "../ip_address.ts";
import {
  PMTUDISC_DO,
  PMTUDISC_DONT,
  PMTUDISC_INTERFACE,
  PMTUDISC_OMIT,
  PMTUDISC_PROBE,
  pathMtu,
} from "../mtu_discovery.ts";
import { completeChecksum, handOver } from "../offload/hand_over.ts";
import { CHECKSUM_VALID, type Packet, TO_BROADCAST, TO_HOST } from "../packet.ts";
import { mix } from "../path_mtu.ts";
import type { Flow } from "../route/flow.ts";
import * as F from "./format.ts";

const ID_COUNTERS = 2048;

/** Numbers of datagrams that may be fragmented: a counter for each pair of addresses and protocol, by a keyed hash. */
export class PacketIds {
  readonly #key: number;
  readonly #counters = new Int32Array(ID_COUNTERS);

  constructor(random32: () => number) {
    this.#key = random32();
    for (let i = 0; i < ID_COUNTERS; i++) this.#counters[i] = random32();
  }

  next(source: number, destination: number, protocol: number): number {
    const place = mix(mix(mix(this.#key, source), destination), protocol) & (ID_COUNTERS - 1);
    this.#counters[place]!++;
    return this.#counters[place]! & 0xffff;
  }
}

export class Ip4Output {
  readonly #core: StackCore;
  readonly #ids: PacketIds;

  constructor(core: StackCore) {
    this.#core = core;
    this.#ids = new PacketIds(() => core.host.random32());
  }

  /**
   * Sends a packet the flow's way: its head stands at the transport's header, its protocol, hop limit and traffic class
   * are filled in. 0, -EMSGSIZE or -ENOBUFS; the packet is gone in any case. `loops`: groups that this host is in get it
   * too (IP_MULTICAST_LOOP).
   */
  send(packet: Packet, flow: Flow, discovery: number, loops: boolean): number {
    const { ip } = this.#core.counters;
    ip.OutRequests++;
    const mtu = pathMtu(this.#core, flow, discovery);
    packet.isV6 = false;
    packet.transport = packet.head;
    packet.setSource(flow.source0, flow.source1, flow.source2, flow.source3);
    packet.setDestination(flow.destination0, flow.destination1, flow.destination2, flow.destination3);
    packet.setNextHop(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
    packet.device = flow.device;
    const fits = packet.gsoSize !== 0 || packet.length + F.HEADER_MIN <= mtu;
    if (
      !fits &&
      (discovery === PMTUDISC_DO || discovery === PMTUDISC_PROBE || discovery === PMTUDISC_INTERFACE)
    ) {
      ip.FragFails++;
      packet.release();
      return -EMSGSIZE;
    }
    const { hooks } = this.#core;
    if (!fits && hooks === null) return this.#fragment(packet, mtu, flow.type, loops);
    packet.push(F.HEADER_MIN);
    const keepsWhole =
      fits && discovery !== PMTUDISC_DONT && discovery !== PMTUDISC_OMIT && discovery !== PMTUDISC_INTERFACE;
    const id = keepsWhole ? 0 : this.#nextId(packet);
    F.write(packet, id, keepsWhole ? F.DONT_FRAGMENT : 0);
    if (hooks !== null) return this.#sendHooked(hooks, packet, mtu, flow, loops);
    this.#transmit(packet, flow.type, loops);
    return 0;
  }

  /** Sends a packet that has its header, of any length, if the hooks let it go: the way may be another behind them. */
  #sendHooked(hooks: PacketHooks, packet: Packet, mtu: number, flow: Flow, loops: boolean): number {
    const error = hooks.output(packet, flow.type);
    if (error < 0 || !hooks.postrouting(packet)) {
      packet.release();
      return error < 0 ? error : -EPERM;
    }
    const { outType } = hooks;
    const most = packet.device === flow.device ? mtu : packet.device!.mtu;
    const isWhole = (packet.view.getUint16(packet.network + F.FRAGMENT) & F.DONT_FRAGMENT) !== 0;
    if (packet.gsoSize === 0 && packet.length > most && !isWhole) {
      packet.head = packet.transport;
      return this.#fragment(packet, most, outType, loops);
    }
    this.#transmit(packet, outType, loops);
    return 0;
  }

  /**
   * Sends a packet that has its header, from its head on (IP_HDRINCL): source and number where they are 0, length and
   * checksum are written. 0 or a negative errno; the packet is gone.
   */
  sendWhole(packet: Packet, flow: Flow, loops: boolean): number {
    const { view, head } = packet;
    this.#core.counters.ip.OutRequests++;
    packet.isV6 = false;
    packet.network = head;
    packet.device = flow.device;
    packet.protocol = view.getUint8(head + F.PROTOCOL);
    packet.hopLimit = view.getUint8(head + F.TTL);
    if (view.getInt32(head + F.SOURCE) === 0) view.setInt32(head + F.SOURCE, flow.source3);
    packet.setSource(0, 0, MAPPED, view.getInt32(head + F.SOURCE));
    packet.setDestination(0, 0, MAPPED, view.getInt32(head + F.DESTINATION));
    packet.setNextHop(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
    if (view.getUint16(head + F.ID) === 0) view.setUint16(head + F.ID, this.#nextId(packet));
    view.setUint16(head + F.TOTAL_LENGTH, packet.length);
    F.writeChecksum(view, head, F.headerLength(packet));
    const { hooks } = this.#core;
    if (hooks !== null) {
      packet.transport = head + F.headerLength(packet);
      packet.trafficClass = view.getUint8(head + F.TOS);
      const error = hooks.output(packet, flow.type);
      if (error < 0 || !hooks.postrouting(packet)) {
        packet.release();
        return error < 0 ? error : -EPERM;
      }
      this.#transmit(packet, hooks.outType, loops);
      return 0;
    }
    this.#transmit(packet, flow.type, loops);
    return 0;
  }

  #nextId(packet: Packet): number {
    return this.#ids.next(packet.source3, packet.destination3, packet.protocol);
  }

  #fragment(packet: Packet, mtu: number, type: number, loops: boolean): number {
    const core = this.#core;
    const { ip } = core.counters;
    completeChecksum(packet);
    const id = this.#nextId(packet);
    const piece = (mtu - F.HEADER_MIN) & ~7;
    if (piece <= 0) {
      ip.FragFails++;
      packet.release();
      return -EMSGSIZE;
    }
    const { head, end } = packet;
    for (let at = head; at < end; at += piece) {
      const length = Math.min(piece, end - at);
      const fragment = core.pools.take(length);
      if (fragment === null) {
        ip.FragFails++;
        packet.release();
        return -ENOBUFS;
      }
      fragment.copyPathFrom(packet);
      fragment.bytes.set(packet.bytes.subarray(at, at + length), fragment.head);
      fragment.end = fragment.head + length;
      fragment.push(F.HEADER_MIN);
      F.write(fragment, id, ((at - head) >> 3) | (at + length < end ? F.MORE_FRAGMENTS : 0));
      ip.FragCreates++;
      this.#transmit(fragment, type, loops);
    }
    ip.FragOKs++;
    packet.release();
    return 0;
  }

  #transmit(packet: Packet, type: number, loops: boolean): void {
    const core = this.#core;
    const { ip, ipExt } = core.counters;
    const device = packet.device!;
    ip.OutTransmits++;
    ipExt.OutOctets += packet.length;
    if (type === RTN_MULTICAST) ipExt.OutMcastPkts++;
    if (type === RTN_BROADCAST) {
      ipExt.OutBcastPkts++;
      // What comes in again by loopback is looked at anew.
      if (!device.isLoopback) packet.delivery = TO_BROADCAST;
    }
    if (!device.isLoopback && (type === RTN_BROADCAST || (type === RTN_MULTICAST && loops))) {
      const { destination0, destination1, destination2, destination3 } = packet;
      if (
        type === RTN_BROADCAST ||
        core.memberships.has(device.index, destination0, destination1, destination2, destination3)
      ) {
        const copy = core.pools.copy(packet);
        if (copy !== null) {
          copy.checksum = CHECKSUM_VALID;
          copy.delivery = TO_HOST;
          core.receive(copy, device);
        }
      }
    }
    // A packet with no hops left stays on this host.
    if (type === RTN_MULTICAST && packet.hopLimit === 0) {
      packet.release();
      return;
    }
    handOver(packet, device, core.pools);
  }
}
