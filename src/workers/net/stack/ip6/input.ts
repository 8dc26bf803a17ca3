// IPv6 input: what is for this host goes to its protocol, whole, once its extension headers are gone through; what is
// for others is passed on where this host is a router; everything else is counted and dropped.

import { RTN_ANYCAST, RTN_LOCAL, RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import { type Fragment, Reassembler } from "../frag/reassembly.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import { isLinkLocal, isLoopback, isMulticast, MAPPED } from "../ip_address.ts";
import type { RawInput } from "../ip4/input.ts";
import { EXTENSION_HEADERS_MAX, FRAGMENT_TIME6_US } from "../limits.ts";
import { type Packet, TO_MULTICAST } from "../packet.ts";
import {
  checkOptions,
  extensionSize,
  findFragment,
  isExtension,
  OPTIONS_DROP,
  OPTIONS_GOOD,
} from "./extensions.ts";
import * as F from "./format.ts";
import { forward6, mayForward6 } from "./forward.ts";

/** What becomes of a packet. */
const DROPPED = 0;
const FOR_US = 1;
const FOR_OTHERS = 2;

/** The one that is filled for each fragment. */
class FragmentInHand implements Fragment {
  id = 0;
  readonly protocol = 0;
  deviceIndex = 0;
  offset = 0;
  hasMore = false;
}

export class Ip6Input {
  readonly #core: StackCore;
  readonly #icmp: Icmp6;
  readonly #fragment = new FragmentInHand();
  readonly reassembler: Reassembler;
  rawInput: RawInput | null = null;

  constructor(core: StackCore, icmp: Icmp6) {
    this.#core = core;
    this.#icmp = icmp;
    this.reassembler = new Reassembler(
      core.pools,
      core.counters.ip6,
      core.host.random32(),
      FRAGMENT_TIME6_US,
      (first) => {
        if (first !== null) icmp.sendError(first, Icmp.TIME_EXCEEDED6, Icmp.REASSEMBLY_TIME, 0);
      },
    );
  }

  /** Takes a packet whose head stands at what claims to be an IPv6 header. */
  input(packet: Packet): void {
    const { ip6 } = this.#core.counters;
    ip6.InReceives++;
    ip6.InOctets += packet.length;
    const state = F.check(packet);
    if (state !== F.GOOD) {
      if (state === F.TRUNCATED) ip6.InTruncatedPkts++;
      else ip6.InHdrErrors++;
      packet.release();
      return;
    }
    const { hooks } = this.#core;
    if (hooks !== null) {
      if (hooks.tracks(true) && findFragment(packet)) {
        const whole = this.#reassemble(packet);
        if (whole === null) return;
        packet = whole;
        packet.head = packet.network;
        packet.transport = packet.network + F.HEADER;
        packet.protocol = packet.view.getUint8(packet.network + F.NEXT_HEADER);
      }
      if (!hooks.prerouting(packet)) {
        packet.release();
        return;
      }
    }
    const destiny = this.#destinyOf(packet);
    if (destiny !== FOR_US) {
      if (destiny === FOR_OTHERS) forward6(this.#core, this.#icmp, packet, this.#core.inputFlow);
      else packet.release();
      return;
    }
    packet.head = packet.transport;
    this.#walk(packet);
  }

  // What becomes of a packet: FOR_US, and how it came; FOR_OTHERS, whose way inputFlow shows then; or DROPPED, which is
  // counted.
  #destinyOf(packet: Packet): number {
    const core = this.#core;
    const { ip6 } = core.counters;
    const device = packet.device!;
    const { source0, source1, source2, source3 } = packet;
    const { destination0, destination1, destination2, destination3 } = packet;
    if (
      isMulticast(source0, source1, source2, source3) ||
      (source0 === 0 && source1 === 0 && source2 === MAPPED)
    ) {
      ip6.InHdrErrors++;
      return DROPPED;
    }
    const isToLoopback = isLoopback(destination0, destination1, destination2, destination3);
    const isMapped = destination0 === 0 && destination1 === 0 && destination2 === MAPPED;
    if (
      isMapped ||
      (!device.isLoopback && (isToLoopback || isLoopback(source0, source1, source2, source3)))
    ) {
      ip6.InHdrErrors++;
      return DROPPED;
    }
    if (isMulticast(destination0, destination1, destination2, destination3)) {
      ip6.InMcastPkts++;
      ip6.InMcastOctets += packet.length;
      packet.delivery = TO_MULTICAST;
      return core.memberships.has(device.index, destination0, destination1, destination2, destination3)
        ? FOR_US
        : DROPPED;
    }
    const flow = core.inputFlow;
    flow.setFromPacket(packet);
    core.extraWork += core.tables.workOf(flow);
    // A link-local destination is that of the device.
    if (isLinkLocal(destination0, destination1, destination2, destination3) && !device.isLoopback)
      flow.outputDevice = device.index;
    if (core.tables.lookup(flow) !== 0) {
      ip6.InNoRoutes++;
      return DROPPED;
    }
    if (flow.type === RTN_UNICAST && core.settings.forwards6 && mayForward6(packet)) return FOR_OTHERS;
    if (flow.type !== RTN_LOCAL && flow.type !== RTN_ANYCAST) {
      ip6.InAddrErrors++;
      return DROPPED;
    }
    if (
      !device.isLoopback &&
      core.tables.addressType(source0, source1, source2, source3) === RTN_LOCAL &&
      !isLinkLocal(source0, source1, source2, source3)
    ) {
      ip6.InAddrErrors++;
      return DROPPED;
    }
    return FOR_US;
  }

  /** Goes through the headers from the packet's head, which `packet.protocol` names, and delivers what follows. */
  #walk(packet: Packet): void {
    const { ip6 } = this.#core.counters;
    /** Where the field stands that named the header. */
    let named = F.NEXT_HEADER;
    for (let i = 0; isExtension(packet.protocol); i++) {
      const { view, head, protocol } = packet;
      const size = extensionSize(packet);
      const isMisplaced = protocol === F.HOP_BY_HOP && i > 0;
      if (size === 0 || i >= EXTENSION_HEADERS_MAX || isMisplaced) {
        ip6.InHdrErrors++;
        if (isMisplaced) this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM6, Icmp.UNKNOWN_HEADER6, named);
        packet.release();
        return;
      }
      if (protocol === F.FRAGMENT) {
        const whole = this.#reassemble(packet);
        if (whole === null) return;
        packet = whole;
        named = F.NEXT_HEADER;
        continue;
      }
      if (protocol === F.AUTHENTICATION) break;
      if (protocol === F.ROUTING && view.getUint8(head + F.ROUTING_SEGMENTS_LEFT) !== 0) {
        ip6.InHdrErrors++;
        this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM6, Icmp.BAD_FIELD6, head + 2 - packet.network);
        packet.release();
        return;
      }
      if (protocol !== F.ROUTING) {
        const wrong = checkOptions(packet, size);
        if (wrong !== OPTIONS_GOOD) {
          ip6.InHdrErrors++;
          if (wrong !== OPTIONS_DROP)
            this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM6, Icmp.UNKNOWN_OPTION6, wrong);
          packet.release();
          return;
        }
      }
      named = head - packet.network;
      packet.protocol = view.getUint8(head);
      packet.head = head + size;
    }
    packet.transport = packet.head;
    const { hooks } = this.#core;
    if (hooks === null || hooks.input(packet)) this.#deliver(packet, named);
    else packet.release();
  }

  // Null: the datagram is not whole yet, or never will be.
  #reassemble(packet: Packet): Packet | null {
    const core = this.#core;
    const { view, head, network } = packet;
    const field = view.getUint16(head + F.FRAGMENT_OFFSET);
    const next = view.getUint8(head);
    packet.protocol = next;
    const fragment = this.#fragment;
    fragment.id = view.getInt32(head + F.FRAGMENT_ID);
    fragment.offset = field & F.OFFSET_MASK;
    fragment.hasMore = (field & F.MORE_FRAGMENTS) !== 0;
    const needsDevice =
      packet.delivery === TO_MULTICAST ||
      isLinkLocal(packet.source0, packet.source1, packet.source2, packet.source3) ||
      isLinkLocal(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
    fragment.deviceIndex = needsDevice ? packet.device!.index : 0;
    packet.head = head + F.FRAGMENT_SIZE;
    // A fragment that is all of its datagram is one by itself (RFC 6946).
    if (fragment.offset === 0 && !fragment.hasMore) {
      core.counters.ip6.ReasmReqds++;
      core.counters.ip6.ReasmOKs++;
      return packet;
    }
    const { length } = packet;
    const isUneven = fragment.hasMore && (length & 7) !== 0;
    if (isUneven || fragment.offset + length > F.PAYLOAD_MAX) {
      core.counters.ip6.InHdrErrors++;
      core.counters.ip6.ReasmReqds++;
      core.counters.ip6.ReasmFails++;
      const pointer = isUneven ? F.PAYLOAD_LENGTH : head + F.FRAGMENT_OFFSET - network;
      this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM6, Icmp.BAD_FIELD6, pointer);
      packet.release();
      return null;
    }
    const whole = this.reassembler.add(packet, fragment, core.nowUs);
    if (whole === null) return null;
    // Of the headers before the fragment's, the fixed one alone is kept.
    whole.view.setUint16(whole.network + F.PAYLOAD_LENGTH, whole.length);
    whole.view.setUint8(whole.network + F.NEXT_HEADER, whole.protocol);
    return whole;
  }

  #deliver(packet: Packet, named: number): void {
    const core = this.#core;
    const { ip6 } = core.counters;
    const wasTaken = this.rawInput?.(packet) ?? false;
    const transport = core.transports6[packet.protocol]!;
    if (transport !== null) {
      ip6.InDelivers++;
      transport.input(packet);
      return;
    }
    if (wasTaken || packet.protocol === F.NO_NEXT) ip6.InDelivers++;
    else {
      ip6.InUnknownProtos++;
      this.#icmp.sendError(packet, Icmp.PARAMETER_PROBLEM6, Icmp.UNKNOWN_HEADER6, named);
    }
    packet.release();
  }
}
