// ARP (RFC 826) as Linux's arp.c does it with its default settings: questions for this host's addresses are answered, who
// asks becomes known, and answers that nobody asked for change only what is known already.

import {
  NUD_REACHABLE,
  NUD_STALE,
  RT_SCOPE_LINK,
  RTN_LOCAL,
  RTN_UNICAST,
} from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { BROADCAST, isHostAddress, isSameAddress, TYPE_ARP } from "../eth/format.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import { isLoopback, isMulticast, MAPPED } from "../ip_address.ts";
import { ARP_LOCK_US } from "../limits.ts";
import { NeighbourCache, OVERRIDE, type Solicitor } from "../neigh/cache.ts";
import type { Neighbour } from "../neigh/neighbour.ts";
import type { Packet } from "../packet.ts";
import { selectSource4 } from "../route/source_address.ts";
import * as F from "./format.ts";

export class Arp implements Solicitor {
  readonly #core: StackCore;
  readonly #icmp: Icmp4;
  readonly neighbours: NeighbourCache;

  constructor(core: StackCore, icmp: Icmp4) {
    this.#core = core;
    this.#icmp = icmp;
    this.neighbours = new NeighbourCache(core, ARP_LOCK_US);
    this.neighbours.solicitor = this;
  }

  /** An ARP packet that came in, at the packet's head. */
  input(packet: Packet, device: EthernetDevice): void {
    if (F.check(packet)) this.#process(packet, device);
    else device.rxErrors++;
    packet.release();
  }

  #process({ view, bytes, head }: Packet, device: EthernetDevice): void {
    const sender = view.getInt32(head + F.SENDER);
    const target = view.getInt32(head + F.TARGET);
    const operation = view.getUint16(head + F.OPERATION);
    if (isMulticast(0, 0, MAPPED, target) || isLoopback(0, 0, MAPPED, target)) return;
    // A sender that is a group, or nobody, is not answered: its frames went round the filter of the device.
    const mac = bytes.subarray(head + F.SENDER_MAC, head + F.SENDER);
    if (!isHostAddress(mac)) return;
    const { tables } = this.#core;
    const isForUs = tables.addressType(0, 0, MAPPED, target) === RTN_LOCAL;
    if (sender === 0) {
      // Somebody looks whether the address that he wants is taken (RFC 5227).
      if (operation === F.REQUEST && isForUs) this.#reply(device, target, mac, sender);
      return;
    }
    const isNeighbour = tables.addressType(0, 0, MAPPED, sender) === RTN_UNICAST;
    if (operation === F.REQUEST && isForUs && isNeighbour && !isLoopback(0, 0, MAPPED, sender)) {
      const asker = this.neighbours.learn(device, 0, 0, MAPPED, sender, mac, NUD_STALE, OVERRIDE);
      if (asker !== null) this.#reply(device, target, mac, sender);
      return;
    }
    const known = this.neighbours.find(device, 0, 0, MAPPED, sender);
    if (known === null) return;
    const isReply = operation === F.REPLY;
    const toMac = bytes.subarray(head + F.TARGET_MAC, head + F.TARGET);
    const isGratuitous = sender === target && isNeighbour && (!isReply || isSameAddress(toMac, mac));
    const overrides = isGratuitous || !this.neighbours.isLocked(known);
    // An answer to everybody is none to this host.
    const isToUs = isReply && isSameAddress(device.mac, toMac);
    this.neighbours.update(known, mac, isToUs ? NUD_REACHABLE : NUD_STALE, overrides ? OVERRIDE : 0);
  }

  #reply(device: EthernetDevice, address: number, mac: Uint8Array, to: number): void {
    this.#send(device, F.REPLY, address, mac, mac, to);
  }

  #send(
    device: EthernetDevice,
    operation: number,
    sender: number,
    to: Uint8Array,
    targetMac: Uint8Array | null,
    target: number,
  ): void {
    const packet = this.#core.pools.take(F.SIZE);
    if (packet === null) return;
    F.write(packet, operation, device.mac, sender, targetMac, target);
    device.sendTo(packet, to, TYPE_ARP);
  }

  solicit(neighbour: Neighbour, isToItself: boolean): void {
    const { device, address, mac } = neighbour;
    const sender = this.#senderFor(neighbour);
    if (sender === 0) return;
    this.#send(device, F.REQUEST, sender, isToItself ? mac : BROADCAST, isToItself ? mac : null, address.w3);
  }

  // The source of what is to be sent, if it is this host's (arp_announce 0), else an address on the link.
  #senderFor(neighbour: Neighbour): number {
    const { tables, devices } = this.#core;
    const source = neighbour.pending.head?.source3 ?? 0;
    if (source !== 0 && tables.addressType(0, 0, MAPPED, source) === RTN_LOCAL) return source;
    return selectSource4(devices.all, neighbour.device, neighbour.address.w3, RT_SCOPE_LINK)?.w3 ?? 0;
  }

  unreachable(packet: Packet): void {
    this.#icmp.sendError(packet, Icmp.DESTINATION_UNREACHABLE, Icmp.HOST_UNREACHABLE, 0);
  }
}
