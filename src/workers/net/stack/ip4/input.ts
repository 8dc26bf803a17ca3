// IPv4 input: what is for this host goes to its protocol, whole; what is for others is passed on where
// this host is a router; everything else is counted and dropped.

import { RTN_BROADCAST, RTN_LOCAL, RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import { IPPROTO_RAW } from "../../../../shared/abi/socket.ts";
import { sumOf } from "../checksum.ts";
import type { StackCore } from "../core.ts";
import { type Fragment, Reassembler } from "../frag/reassembly.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import { isLoopback, MAPPED } from "../ip_address.ts";
import { FRAGMENT_TIME4_US } from "../limits.ts";
import { type Packet, TO_BROADCAST, TO_MULTICAST } from "../packet.ts";
import * as F from "./format.ts";
import { forward4, mayForward4 } from "./forward.ts";
import { checkOptions, REFUSED } from "./options.ts";

const ALL_ONES = -1;

/** What becomes of a packet. */
const DROPPED = 0;
const FOR_US = 1;
const FOR_OTHERS = 2;

/** The one that is filled for each fragment. */
class FragmentInHand implements Fragment {
  id = 0;
  protocol = 0;
  readonly deviceIndex = 0;
  offset = 0;
  hasMore = false;
}

/** Raw endpoints, which get a copy of what is for this host; whether there was one for it. */
export type RawInput = (packet: Packet) => boolean;

export class Ip4Input {
  readonly #core: StackCore;
  readonly #icmp: Icmp4;
  readonly #fragment = new FragmentInHand();
  readonly reassembler: Reassembler;
  rawInput: RawInput | null = null;

  constructor(core: StackCore, icmp: Icmp4) {
    this.#core = core;
    this.#icmp = icmp;
    this.reassembler = new Reassembler(
      core.pools,
      core.counters.ip,
      core.host.random32(),
      FRAGMENT_TIME4_US,
      (first) => {
        if (first !== null) icmp.sendError(first, Icmp.TIME_EXCEEDED, Icmp.REASSEMBLY_TIME, 0);
      },
    );
  }

  /** Takes a packet whose head stands at what claims to be an IPv4 header. */
  input(packet: Packet): void {
    const { ip, ipExt } = this.#core.counters;
    ip.InReceives++;
    ipExt.InOctets += packet.length;
    switch (F.check(packet)) {
      case F.GOOD:
        break;
      case F.BAD_CHECKSUM:
        ipExt.InCsumErrors++;
        ip.InHdrErrors++;
        packet.release();
        return;
      case F.TRUNCATED:
        ipExt.InTruncatedPkts++;
        packet.release();
        return;
      default:
        ip.InHdrErrors++;
        packet.release();
        return;
    }
    const { hooks } = this.#core;
    if (hooks !== null) {
      const field = packet.view.getUint16(packet.network + F.FRAGMENT);
      if ((field & (F.MORE_FRAGMENTS | F.FRAGMENT_OFFSET)) !== 0 && hooks.tracks(false)) {
        packet.head = packet.transport;
        const whole = this.#reassemble(packet, field);
        if (whole === null) return;
        packet = whole;
        packet.head = packet.network;
      }
      if (!hooks.prerouting(packet)) {
        packet.release();
        return;
      }
    }
    const destiny = this.#destinyOf(packet);
    if (destiny !== FOR_US) {
      if (destiny === FOR_OTHERS) forward4(this.#core, this.#icmp, packet, this.#core.inputFlow);
      else packet.release();
      return;
    }
    if (F.headerLength(packet) > F.HEADER_MIN) {
      const wrong = checkOptions(packet);
      if (wrong !== -1) {
        ip.InHdrErrors++;
        if (wrong !== REFUSED) this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM, 0, wrong << 24);
        packet.release();
        return;
      }
    }
    packet.head = packet.transport;
    const fragment = packet.view.getUint16(packet.network + F.FRAGMENT);
    if ((fragment & (F.MORE_FRAGMENTS | F.FRAGMENT_OFFSET)) === 0) {
      this.#receive(packet);
      return;
    }
    const whole = this.#reassemble(packet, fragment);
    if (whole !== null) this.#receive(whole);
  }

  #receive(packet: Packet): void {
    const { hooks } = this.#core;
    if (hooks === null || hooks.input(packet)) this.#deliver(packet);
    else packet.release();
  }

  // What becomes of a packet: FOR_US, and how it came; FOR_OTHERS, whose way inputFlow shows then; or DROPPED, which is
  // counted.
  #destinyOf(packet: Packet): number {
    const core = this.#core;
    const { ip, ipExt } = core.counters;
    const device = packet.device!;
    const { source3: source, destination3: destination } = packet;
    if (source >>> 28 >= 0xe || (source >>> 24 === 0 && source !== 0)) return this.#martian();
    if (!device.isLoopback && (isLoopback(0, 0, MAPPED, source) || isLoopback(0, 0, MAPPED, destination)))
      return this.#martian();
    if (destination === ALL_ONES || (source === 0 && destination === 0)) {
      packet.delivery = TO_BROADCAST;
      ipExt.InBcastPkts++;
      return FOR_US;
    }
    if (destination >>> 24 === 0) return this.#martian();
    if (destination >>> 28 === 0xe) {
      packet.delivery = TO_MULTICAST;
      ipExt.InMcastPkts++;
      return core.memberships.has(device.index, 0, 0, MAPPED, destination) ? FOR_US : DROPPED;
    }
    const flow = core.inputFlow;
    flow.setFromPacket(packet);
    core.extraWork += core.tables.workOf(flow);
    if (core.tables.lookup(flow) !== 0) {
      ipExt.InNoRoutes++;
      return DROPPED;
    }
    if (flow.type === RTN_UNICAST && core.settings.forwards4 && mayForward4(core, packet)) return FOR_OTHERS;
    if (flow.type !== RTN_LOCAL && flow.type !== RTN_BROADCAST) {
      ip.InAddrErrors++;
      return DROPPED;
    }
    // Nobody else sends from this host's own addresses.
    if (!device.isLoopback && source !== 0) {
      if (core.tables.addressType(0, 0, MAPPED, source) !== 1) return this.#martian();
    }
    if (flow.type === RTN_BROADCAST) {
      packet.delivery = TO_BROADCAST;
      ipExt.InBcastPkts++;
    }
    return FOR_US;
  }

  #martian(): number {
    this.#core.counters.ipExt.InNoRoutes++;
    return DROPPED;
  }

  #reassemble(packet: Packet, field: number): Packet | null {
    const fragment = this.#fragment;
    fragment.id = packet.view.getUint16(packet.network + F.ID);
    fragment.protocol = packet.protocol;
    fragment.offset = (field & F.FRAGMENT_OFFSET) * 8;
    fragment.hasMore = (field & F.MORE_FRAGMENTS) !== 0;
    const core = this.#core;
    const whole = this.reassembler.add(packet, fragment, core.nowUs);
    if (whole === null) return null;
    const { view, network } = whole;
    const total = whole.end - network;
    if (total > F.LENGTH_MAX) {
      core.counters.ip.ReasmFails++;
      whole.release();
      return null;
    }
    view.setUint16(network + F.TOTAL_LENGTH, total);
    view.setUint16(network + F.FRAGMENT, 0);
    view.setUint16(network + F.CHECKSUM, 0);
    view.setUint16(network + F.CHECKSUM, ~sumOf(view, network, F.headerLength(whole)) & 0xffff);
    return whole;
  }

  #deliver(packet: Packet): void {
    const { ip } = this.#core.counters;
    const wasTaken = this.rawInput !== null && packet.protocol !== IPPROTO_RAW && this.rawInput(packet);
    const transport = this.#core.transports4[packet.protocol]!;
    if (transport !== null) {
      ip.InDelivers++;
      transport.input(packet);
      return;
    }
    if (wasTaken) ip.InDelivers++;
    else {
      ip.InUnknownProtos++;
      this.#icmp.sendError(packet, Icmp.DESTINATION_UNREACHABLE, Icmp.PROTOCOL_UNREACHABLE, 0);
    }
    packet.release();
  }
}
