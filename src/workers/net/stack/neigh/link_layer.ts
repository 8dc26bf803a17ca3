// All that a stack does for its devices on Ethernets next to IP: neighbours of both families, duplicates, routers, and the
// groups that follow from the devices' addresses. It hands each message to its part.

import { Arp } from "../arp/arp.ts";
import type { StackCore } from "../core.ts";
import type { NetDevice } from "../device.ts";
import { EthernetDevice, type LinkLayer } from "../eth/device.ts";
import { Igmp } from "../groups/igmp.ts";
import { Mld } from "../groups/mld.ts";
import { GroupReports } from "../groups/reports.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import { ANY6, type IpAddress } from "../ip_address.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { Duplicates } from "../ndp/duplicates.ts";
import * as F from "../ndp/format.ts";
import { NeighbourDiscovery, solicitedNode } from "../ndp/neighbours.ts";
import { redirectCame6 } from "../ndp/redirect.ts";
import { type ConfigurationOwner, Routers } from "../ndp/routers.ts";
import { LinkMessages } from "../ndp/send.ts";
import type { Packet } from "../packet.ts";
import type { NeighbourObserver } from "./cache.ts";

/** Who has the configuration of devices with a link, and shows their neighbours. */
export interface LinkOwner extends NeighbourObserver, ConfigurationOwner {
  addressVerified(device: EthernetDevice, address: IpAddress, isDuplicate: boolean): void;
}

export class Links implements LinkLayer {
  readonly #core: StackCore;
  readonly arp: Arp;
  readonly discovery: NeighbourDiscovery;
  readonly duplicates: Duplicates;
  readonly routers: Routers;
  readonly groups4: GroupReports;
  readonly groups6: GroupReports;
  readonly #igmp: Igmp;
  readonly #mld: Mld;
  /** Groups that each device is in because of its addresses (RFC 4291 2.8). */
  readonly #up = new Set<EthernetDevice>();
  readonly #solicited = new Map<EthernetDevice, Map<number, IpAddress>>();

  constructor(core: StackCore, ip4Output: Ip4Output, ip6Output: Ip6Output, icmp4: Icmp4, icmp6: Icmp6) {
    this.#core = core;
    const messages = new LinkMessages(core, ip6Output);
    this.arp = new Arp(core, icmp4);
    this.duplicates = new Duplicates(core);
    this.discovery = new NeighbourDiscovery(core, icmp6, messages, this.duplicates);
    this.routers = new Routers(core, messages, this.discovery.neighbours);
    this.duplicates.ask = (device, address) =>
      this.discovery.ask(device, address, ANY6, solicitedNode(address.w3));
    this.discovery.routerGone = (device, address) => this.routers.routerGone(device, address);
    this.#igmp = new Igmp(core, ip4Output);
    this.#mld = new Mld(messages);
    this.groups4 = new GroupReports(core, this.#igmp);
    this.groups6 = new GroupReports(core, this.#mld);
    core.memberships.observer = (index, group, isJoined) => {
      const device = core.devices.byIndex(index);
      if (!(device instanceof EthernetDevice)) return;
      (group.isV4 ? this.groups4 : this.groups6).changed(device, group, isJoined);
    };
  }

  set owner(owner: LinkOwner) {
    this.arp.neighbours.observer = owner;
    this.discovery.neighbours.observer = owner;
    this.duplicates.owner = owner;
    this.routers.owner = owner;
  }

  resolve(packet: Packet, device: EthernetDevice): Uint8Array | null {
    const { neighbours } = packet.isV6 ? this.discovery : this.arp;
    return neighbours.resolve(packet, device);
  }

  arpCame(packet: Packet, device: EthernetDevice): void {
    this.arp.input(packet, device);
  }

  /** An IGMP message, its head at its header; it stays the caller's. */
  igmpCame(packet: Packet): void {
    if (packet.device instanceof EthernetDevice) this.#igmp.input(packet, packet.device, this.groups4);
  }

  /** An ICMPv6 message of a link, its head at its header; it stays the caller's. */
  icmp6Came(packet: Packet, type: number): void {
    const { device, view, head } = packet;
    if (!(device instanceof EthernetDevice)) return;
    if (type < Icmp.ROUTER_SOLICITATION) {
      this.#mld.input(packet, device, this.groups6);
      return;
    }
    if (packet.hopLimit !== F.HOP_LIMIT || view.getUint8(head + Icmp.CODE) !== 0) return;
    switch (type) {
      case Icmp.ROUTER_ADVERTISEMENT:
        this.routers.advertised(packet, device);
        break;
      case Icmp.NEIGHBOUR_SOLICITATION:
        this.discovery.solicited(packet, device);
        break;
      case Icmp.NEIGHBOUR_ADVERTISEMENT:
        this.discovery.advertised(packet, device);
        break;
      case Icmp.REDIRECT6:
        redirectCame6(this.#core, this.discovery.neighbours, packet, device);
        break;
    }
  }

  changed(device: EthernetDevice): void {
    const wasUp = this.#up.has(device);
    if (device.isUp) this.#up.add(device);
    else this.#up.delete(device);
    this.#followGroups(device);
    if (!device.isUp) {
      this.arp.neighbours.flush(device);
      this.discovery.neighbours.flush(device);
    }
    if (wasUp !== device.isUp) {
      this.groups4.deviceChanged(device);
      this.groups6.deviceChanged(device);
    }
    this.duplicates.changed(device);
    this.routers.changed(device);
  }

  /** The device is gone: nothing of it is kept. */
  removed(device: NetDevice): void {
    if (!(device instanceof EthernetDevice)) return;
    device.flags = 0;
    device.addresses = [];
    this.changed(device);
    this.#solicited.delete(device);
  }

  #followGroups(device: EthernetDevice): void {
    const { memberships } = this.#core;
    const before = this.#solicited.get(device);
    const now = new Map<number, IpAddress>();
    if (device.isUp)
      for (const { address } of device.addresses) {
        const low = address.w3 & 0xffffff;
        if (!address.isV4 && !now.has(low)) now.set(low, before?.get(low) ?? solicitedNode(low));
      }
    for (const [low, group] of now) if (before?.has(low) !== true) memberships.join(device.index, group);
    for (const [low, group] of before ?? []) if (!now.has(low)) memberships.leave(device.index, group);
    if (now.size > 0) this.#solicited.set(device, now);
    else this.#solicited.delete(device);
  }
}
