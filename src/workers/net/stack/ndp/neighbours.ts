// Solicitations and advertisements of neighbours (RFC 4861 7.2) as Linux's ndisc.c takes and sends them: questions for
// this host's addresses are answered, who asks becomes known, and answers that nobody asked for change only what is known.

import { IFA_F_TENTATIVE, NUD_FAILED, NUD_REACHABLE, NUD_STALE } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { LocalAddress, NetDevice } from "../device.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { isHostAddress } from "../eth/format.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import { ANY6, IpAddress, isMulticast } from "../ip_address.ts";
import {
  IS_ROUTER,
  NeighbourCache,
  OVERRIDE,
  SETS_ROUTER,
  type Solicitor,
  WEAK_OVERRIDE,
} from "../neigh/cache.ts";
import type { Neighbour } from "../neigh/neighbour.ts";
import type { Packet } from "../packet.ts";
import { selectSource6 } from "../route/source_address.ts";
import type { Duplicates } from "./duplicates.ts";
import * as F from "./format.ts";
import type { LinkMessages } from "./send.ts";

const ADDRESS_UNREACHABLE = 3;
const ALL_NODES = IpAddress.fromWords(0xff020000, 0, 0, 1);

/** The group of an address's solicitations (RFC 4291 2.7.1). */
export function solicitedNode(w3: number): IpAddress {
  return IpAddress.fromWords(0xff020000, 0, 1, 0xff000000 | (w3 & 0xffffff));
}

function isAny(packet: Packet): boolean {
  return (packet.source0 | packet.source1 | packet.source2 | packet.source3) === 0;
}

function ownAddress(device: NetDevice, w0: number, w1: number, w2: number, w3: number): LocalAddress | null {
  for (let i = 0; i < device.addresses.length; i++) {
    const own = device.addresses[i]!;
    const { address } = own;
    if (address.w3 === w3 && address.w2 === w2 && address.w1 === w1 && address.w0 === w0) return own;
  }
  return null;
}

export class NeighbourDiscovery implements Solicitor {
  readonly #core: StackCore;
  readonly #icmp: Icmp6;
  readonly #messages: LinkMessages;
  readonly #duplicates: Duplicates;
  readonly neighbours: NeighbourCache;
  /** A default router is none any more. */
  routerGone: (device: EthernetDevice, address: IpAddress) => void = () => {};

  constructor(core: StackCore, icmp: Icmp6, messages: LinkMessages, duplicates: Duplicates) {
    this.#core = core;
    this.#icmp = icmp;
    this.#messages = messages;
    this.#duplicates = duplicates;
    this.neighbours = new NeighbourCache(core, 0);
    this.neighbours.solicitor = this;
  }

  #targetOf(packet: Packet): IpAddress {
    return IpAddress.fromBytes(packet.bytes, packet.head + F.TARGET, 16);
  }

  /** A solicitation that came in, whose hop limit and code were looked at; the packet stays the caller's. */
  solicited(packet: Packet, device: EthernetDevice): void {
    if (packet.length < F.NEIGHBOUR_SIZE) return;
    const options = packet.head + F.NEIGHBOUR_SIZE;
    const target = this.#targetOf(packet);
    const { source0, source1, source2, source3, destination0, destination2, destination3 } = packet;
    if (target.isMulticast || !F.checkOptions(packet, options)) return;
    const mac = F.findMac(packet, options, F.SOURCE_MAC);
    const looksForDuplicates = isAny(packet);
    if (looksForDuplicates) {
      const isToNode = destination2 === 1 && (destination3 & 0xff000000) === (0xff000000 | 0);
      if (destination0 !== (0xff020000 | 0) || !isToNode || mac !== null) return;
    }
    const own = ownAddress(device, target.w0, target.w1, target.w2, target.w3);
    if (own === null) return;
    if ((own.flags & IFA_F_TENTATIVE) !== 0) {
      // Two want the same address: neither gets it.
      if (looksForDuplicates) this.#duplicates.found(device, target);
      return;
    }
    if (looksForDuplicates) {
      this.#advertise(device, target, ALL_NODES, F.OVERRIDES, true);
      return;
    }
    if (mac !== null && !isHostAddress(mac)) return;
    const isToGroup = isMulticast(packet.destination0, packet.destination1, destination2, destination3);
    const isWanted = !isToGroup || mac !== null;
    const asker = isWanted
      ? this.neighbours.learn(
          device,
          source0,
          source1,
          source2,
          source3,
          mac,
          NUD_STALE,
          WEAK_OVERRIDE | OVERRIDE,
        )
      : this.neighbours.find(device, source0, source1, source2, source3);
    if (asker === null) return;
    const flags = F.IS_SOLICITED | (isToGroup ? F.OVERRIDES : 0);
    this.#advertise(device, target, packet.sourceAddress, flags, isToGroup);
  }

  /** An advertisement that came in, whose hop limit and code were looked at; the packet stays the caller's. */
  advertised(packet: Packet, device: EthernetDevice): void {
    if (packet.length < F.NEIGHBOUR_SIZE) return;
    const options = packet.head + F.NEIGHBOUR_SIZE;
    const target = this.#targetOf(packet);
    const flags = packet.view.getUint8(packet.head + F.FLAGS);
    const isSolicited = (flags & F.IS_SOLICITED) !== 0;
    const { destination0, destination1, destination2, destination3 } = packet;
    if (target.isMulticast || !F.checkOptions(packet, options)) return;
    if (isSolicited && isMulticast(destination0, destination1, destination2, destination3)) return;
    const mac = F.findMac(packet, options, F.TARGET_MAC);
    if (mac !== null && !isHostAddress(mac)) return;
    const own = ownAddress(device, target.w0, target.w1, target.w2, target.w3);
    if (own !== null) {
      if ((own.flags & IFA_F_TENTATIVE) !== 0) this.#duplicates.found(device, target);
      return;
    }
    const known = this.neighbours.find(device, target.w0, target.w1, target.w2, target.w3);
    if (known === null || (known.state & NUD_FAILED) !== 0) return;
    const wasRouter = known.isRouter;
    const how =
      WEAK_OVERRIDE |
      SETS_ROUTER |
      ((flags & F.OVERRIDES) !== 0 ? OVERRIDE : 0) |
      ((flags & F.IS_ROUTER) !== 0 ? IS_ROUTER : 0);
    this.neighbours.update(known, mac, isSolicited ? NUD_REACHABLE : NUD_STALE, how);
    if (wasRouter && !known.isRouter) this.routerGone(device, target);
  }

  #advertise(
    device: EthernetDevice,
    target: IpAddress,
    to: IpAddress,
    flags: number,
    withMac: boolean,
  ): void {
    const packet = this.#messages.begin(Icmp.NEIGHBOUR_ADVERTISEMENT, F.NEIGHBOUR_SIZE, 64);
    if (packet === null) return;
    packet.view.setUint8(packet.head + F.FLAGS, flags | (this.#core.settings.forwards6 ? F.IS_ROUTER : 0));
    packet.bytes.set(target.toMappedBytes(), packet.head + F.TARGET);
    if (withMac) F.addMac(packet, F.TARGET_MAC, device.mac);
    this.#messages.send(packet, device, target, to, F.HOP_LIMIT);
  }

  /** Asks for the owner of an address; from nobody's address, whether there is one at all. */
  ask(device: EthernetDevice, target: IpAddress, source: IpAddress, to: IpAddress): void {
    const packet = this.#messages.begin(Icmp.NEIGHBOUR_SOLICITATION, F.NEIGHBOUR_SIZE, 64);
    if (packet === null) return;
    packet.bytes.set(target.toMappedBytes(), packet.head + F.TARGET);
    if (!source.isAny) F.addMac(packet, F.SOURCE_MAC, device.mac);
    this.#messages.send(packet, device, source, to, F.HOP_LIMIT);
  }

  solicit(neighbour: Neighbour, isToItself: boolean): void {
    const { device, address } = neighbour;
    const waiting = neighbour.pending.head;
    const { w0, w1, w2, w3 } = address;
    let source: IpAddress | null = null;
    if (waiting !== null)
      source =
        ownAddress(device, waiting.source0, waiting.source1, waiting.source2, waiting.source3)?.address ??
        null;
    source ??= selectSource6(this.#core.devices.all, device, w0, w1, w2, w3);
    if (source === null || source.equals(ANY6)) return;
    this.ask(device, address, source, isToItself ? address : solicitedNode(w3));
  }

  unreachable(packet: Packet): void {
    this.#icmp.sendError(packet, Icmp.UNREACHABLE6, ADDRESS_UNREACHABLE, 0);
  }
}
