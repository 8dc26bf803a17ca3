// IPv4 input: what is for this host goes to its protocol, whole; everything else is counted and dropped. This host does
// not forward.

import { RTN_BROADCAST, RTN_LOCAL } from "../../../../shared/abi/netlink.ts";
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
import { checkOptions, REFUSED } from "./options.ts";

const ALL_ONES = -1;

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
    if (!this.#isForUs(packet)) {
      packet.release();
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
      this.#deliver(packet);
      return;
    }
    const whole = this.#reassemble(packet, fragment);
    if (whole !== null) this.#deliver(whole);
  }

  // Whether a packet is for this host, and how; drops are counted.
  #isForUs(packet: Packet): boolean {
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
      return true;
    }
    if (destination >>> 24 === 0) return this.#martian();
    if (destination >>> 28 === 0xe) {
      packet.delivery = TO_MULTICAST;
      ipExt.InMcastPkts++;
      return core.memberships.has(device.index, 0, 0, MAPPED, destination);
    }
    const flow = core.inputFlow;
    flow.setFromPacket(packet);
    core.extraWork += core.tables.workOf(flow);
    if (core.tables.lookup(flow) !== 0) {
      ipExt.InNoRoutes++;
      return false;
    }
    if (flow.type !== RTN_LOCAL && flow.type !== RTN_BROADCAST) {
      ip.InAddrErrors++;
      return false;
    }
    // Nobody else sends from this host's own addresses.
    if (!device.isLoopback && source !== 0) {
      if (core.tables.addressType(0, 0, MAPPED, source) !== 1) return this.#martian();
    }
    if (flow.type === RTN_BROADCAST) {
      packet.delivery = TO_BROADCAST;
      ipExt.InBcastPkts++;
    }
    return true;
  }

  #martian(): false {
    this.#core.counters.ipExt.InNoRoutes++;
    return false;
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
