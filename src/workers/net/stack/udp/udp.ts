// UDP input (RFC 768, RFC 8200 8.1): datagrams go to their endpoints' queues, of groups and broadcasts a copy to each;
// errors that ICMP tells of go to the endpoint whose datagram they quote.

import { IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import type { IcmpError, StackCore, Transport } from "../core.ts";
import type { UdpCounters } from "../counters.ts";
import { copiesOf, workOf } from "../datagram/copies.ts";
import type { Datagrams } from "../datagram/datagrams.ts";
import { membershipKey } from "../datagram/endpoint.ts";
import { errorCame } from "../datagram/errors.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import { PortGroups } from "../inet/port_groups.ts";
import { EndpointTable } from "../inet/table.ts";
import { COPIES_LOOKED_AT_MAX } from "../limits.ts";
import { segment } from "../offload/segments.ts";
import { CHECKSUM_NONE, CHECKSUM_VALID, type Packet, TO_HOST } from "../packet.ts";
import type { UdpEndpoint } from "./endpoint.ts";
import * as F from "./format.ts";

export class Udp implements Transport {
  readonly core: StackCore;
  readonly table: EndpointTable<UdpEndpoint>;
  readonly ports: PortGroups;
  readonly shared: Datagrams;
  readonly #icmp4: Icmp4;
  readonly #icmp6: Icmp6;
  /** The membership that the datagram in hand asks for; "": nobody was asked for it yet. */
  #group = "";

  constructor(shared: Datagrams, icmp4: Icmp4, icmp6: Icmp6) {
    const { core } = shared;
    this.core = core;
    this.shared = shared;
    this.table = new EndpointTable<UdpEndpoint>(core.hashKey);
    this.ports = new PortGroups(core.hashKey);
    this.#icmp4 = icmp4;
    this.#icmp6 = icmp6;
  }

  #countersOf(packet: Packet): UdpCounters {
    return packet.isV6 ? this.core.counters.udp6 : this.core.counters.udp;
  }

  // ---- Datagrams ----

  input(packet: Packet): void {
    const counters = this.#countersOf(packet);
    const { view, head } = packet;
    let ulen = packet.length >= F.HEADER ? view.getUint16(head + F.LENGTH) : -1;
    if (ulen === 0 && packet.isV6) ulen = packet.length;
    if (ulen < F.HEADER || ulen > packet.length) {
      counters.InErrors++;
      packet.release();
      return;
    }
    packet.end = head + ulen;
    if (packet.checksum === CHECKSUM_NONE && !hasGoodChecksum(packet)) {
      counters.InCsumErrors++;
      counters.InErrors++;
      packet.release();
      return;
    }
    packet.sourcePort = view.getUint16(head + F.SOURCE_PORT);
    packet.destinationPort = view.getUint16(head + F.DESTINATION_PORT);
    if (this.core.isForHost(packet)) {
      packet.release();
      return;
    }
    if (packet.delivery !== TO_HOST) {
      this.#inputToMany(packet, counters);
      return;
    }
    const endpoint = this.table.lookup(
      packet.isV6,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      packet.destinationPort,
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      packet.sourcePort,
      packet.device!.index,
    );
    if (endpoint === null) {
      counters.NoPorts++;
      packet.checksum = CHECKSUM_VALID;
      if (packet.isV6) this.#icmp6.sendError(packet, Icmp.UNREACHABLE6, Icmp.PORT_UNREACHABLE6, 0);
      else this.#icmp4.sendError(packet, Icmp.DESTINATION_UNREACHABLE, Icmp.PORT_UNREACHABLE, 0);
      packet.release();
      return;
    }
    this.#queue(endpoint, packet, counters);
  }

  // A packet for an endpoint, its head at the UDP header. Datagrams that were put together are single ones again, but for
  // who gathers them.
  #queue(endpoint: UdpEndpoint, packet: Packet, counters: UdpCounters): void {
    if (packet.gsoSize === 0 || endpoint.gathersSegments) {
      this.#queueOne(endpoint, packet, counters);
      return;
    }
    packet.head = packet.network;
    segment(packet, this.core.pools, (one) => {
      one.head = one.transport;
      this.#queueOne(endpoint, one, counters);
    });
    packet.release();
  }

  #queueOne(endpoint: UdpEndpoint, packet: Packet, counters: UdpCounters): void {
    packet.head += F.HEADER;
    packet.trueSize = F.trueSize(packet.length);
    const isShort = this.shared.isShort(packet);
    if (endpoint.deliver(packet)) return;
    if (isShort) counters.MemErrors++;
    else counters.RcvbufErrors++;
    counters.InErrors++;
  }

  // To each endpoint that listens, the last of them gets the packet itself.
  #inputToMany(packet: Packet, counters: UdpCounters): void {
    const { core } = this;
    let last: UdpEndpoint | null = null;
    let lookedAt = 0;
    let copies = 0;
    const most = copiesOf(packet);
    this.#group = "";
    for (const endpoint of this.table.onPort(packet.destinationPort)) {
      if (++lookedAt > COPIES_LOOKED_AT_MAX) {
        counters.RcvbufErrors++;
        counters.InErrors++;
        break;
      }
      if (!this.#takes(endpoint, packet)) continue;
      if (last !== null) {
        const copy = ++copies < most ? core.pools.copy(packet) : null;
        if (copy === null) {
          counters.RcvbufErrors++;
          counters.InErrors++;
          last.drops++;
        } else {
          this.#queue(last, copy, counters);
        }
      }
      last = endpoint;
    }
    core.extraWork += workOf(lookedAt, Math.min(copies, most));
    if (last !== null) {
      this.#queue(last, packet, counters);
      return;
    }
    counters.IgnoredMulti++;
    packet.release();
  }

  // Whether an endpoint on the port gets a datagram to a group or a broadcast address.
  #takes(endpoint: UdpEndpoint, packet: Packet): boolean {
    const { local, remote, boundDevice, isV6 } = endpoint;
    if (packet.isV6 ? !isV6 : isV6 && endpoint.v6only) return false;
    const isToLocal =
      local.w0 === packet.destination0 &&
      local.w1 === packet.destination1 &&
      local.w2 === packet.destination2 &&
      local.w3 === packet.destination3;
    if (!isToLocal && !(local.isAny && (!local.isV4 || !packet.isV6))) return false;
    const index = packet.device!.index;
    if (boundDevice !== 0 && boundDevice !== index) return false;
    if (remote !== null) {
      if (endpoint.remotePort !== packet.sourcePort) return false;
      if (remote.w0 !== packet.source0 || remote.w1 !== packet.source1) return false;
      if (remote.w2 !== packet.source2 || remote.w3 !== packet.source3) return false;
    }
    const takesAll = packet.isV6 ? endpoint.takesAllGroups6 : endpoint.takesAllGroups4;
    const { memberships } = endpoint;
    if (memberships.size === 0) return takesAll;
    this.#group ||= membershipKey(
      index,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    );
    return memberships.get(this.#group)?.takes(packet) ?? takesAll;
  }

  // ---- Errors ----

  error(packet: Packet, error: IcmpError): void {
    const { view, head } = packet;
    const remotePort = view.getUint16(head + F.DESTINATION_PORT);
    const endpoint = this.table.lookup(
      packet.isV6,
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      view.getUint16(head + F.SOURCE_PORT),
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      remotePort,
      packet.device!.index,
    );
    if (endpoint === null) {
      const { icmp, icmp6 } = this.core.counters;
      (packet.isV6 ? icmp6 : icmp).InErrors++;
      return;
    }
    errorCame(endpoint, packet, error, remotePort, head + F.HEADER);
  }
}

function hasGoodChecksum(packet: Packet): boolean {
  if (packet.view.getUint16(packet.head + F.CHECKSUM) === 0) return !packet.isV6;
  return packet.hasGoodSum(IPPROTO_UDP);
}
