// Who gets copies of which packets, and is told of errors about them: raw endpoints by protocol.

import type { IcmpError } from "../core.ts";
import { copiesOf, workOf } from "../datagram/copies.ts";
import type { Datagrams } from "../datagram/datagrams.ts";
import { errorCame } from "../datagram/errors.ts";
import type { IpAddress } from "../ip_address.ts";
import { COPIES_LOOKED_AT_MAX, COPIES_MAX } from "../limits.ts";
import type { Packet } from "../packet.ts";
import { trueSize } from "../udp/format.ts";
import type { RawEndpoint } from "./endpoint.ts";

export class Raw {
  readonly shared: Datagrams;
  readonly #v4 = new Map<number, Set<RawEndpoint>>();
  readonly #v6 = new Map<number, Set<RawEndpoint>>();

  constructor(shared: Datagrams) {
    this.shared = shared;
  }

  get count(): number {
    let count = 0;
    for (const table of [this.#v4, this.#v6]) for (const endpoints of table.values()) count += endpoints.size;
    return count;
  }

  add(endpoint: RawEndpoint): void {
    const table = endpoint.isV6 ? this.#v6 : this.#v4;
    const others = table.get(endpoint.protocol);
    if (others === undefined) table.set(endpoint.protocol, new Set([endpoint]));
    else others.add(endpoint);
  }

  remove(endpoint: RawEndpoint): void {
    const table = endpoint.isV6 ? this.#v6 : this.#v4;
    const endpoints = table.get(endpoint.protocol);
    endpoints?.delete(endpoint);
    if (endpoints?.size === 0) table.delete(endpoint.protocol);
  }

  /** A packet for this host, its head at the transport's header, which stays its owner's; whether anybody is for it. */
  readonly input = (packet: Packet): boolean => {
    const endpoints = (packet.isV6 ? this.#v6 : this.#v4).get(packet.protocol);
    if (endpoints === undefined) return false;
    packet.own();
    const { core } = this.shared;
    const { head } = packet;
    let isFor = false;
    let lookedAt = 0;
    let copies = 0;
    const most = copiesOf(packet);
    for (const endpoint of endpoints) {
      if (++lookedAt > COPIES_LOOKED_AT_MAX) break;
      if (!takes(endpoint, packet)) continue;
      isFor = true;
      if (!endpoint.passesFilter(packet)) continue;
      if (!packet.isV6) packet.head = packet.network;
      const copy = ++copies <= most ? core.pools.copy(packet) : null;
      packet.head = head;
      if (copy === null) endpoint.drops++;
      else {
        copy.sourcePort = 0;
        copy.trueSize = trueSize(copy.length);
        endpoint.deliver(copy);
      }
    }
    core.extraWork += workOf(lookedAt, Math.min(copies, most));
    return isFor;
  };

  /**
   * An ICMP error about a packet of that protocol, as Transport.error has it; the packet's network is where the packet that
   * it quotes begins.
   */
  readonly error = (packet: Packet, error: IcmpError): void => {
    const endpoints = (packet.isV6 ? this.#v6 : this.#v4).get(packet.protocol);
    if (endpoints === undefined) return;
    let lookedAt = 0;
    let told = 0;
    for (const endpoint of endpoints) {
      if (++lookedAt > COPIES_LOOKED_AT_MAX || told === COPIES_MAX) break;
      if (!isAbout(endpoint, packet)) continue;
      told++;
      errorCame(endpoint, packet, error, 0, endpoint.hasHeader ? packet.network : packet.head);
    }
    this.shared.core.extraWork += workOf(lookedAt, told);
  };
}

function isAt({ w0, w1, w2, w3 }: IpAddress, a0: number, a1: number, a2: number, a3: number): boolean {
  return w0 === a0 && w1 === a1 && w2 === a2 && w3 === a3;
}

function isFrom(address: IpAddress, { source0, source1, source2, source3 }: Packet): boolean {
  return isAt(address, source0, source1, source2, source3);
}

function isTo(address: IpAddress, packet: Packet): boolean {
  const { destination0, destination1, destination2, destination3 } = packet;
  return isAt(address, destination0, destination1, destination2, destination3);
}

function takes({ local, remote, boundDevice }: RawEndpoint, packet: Packet): boolean {
  if (boundDevice !== 0 && boundDevice !== packet.device!.index) return false;
  return (local.isAny || isTo(local, packet)) && (remote === null || isFrom(remote, packet));
}

/** Whether it may have sent what an error quotes. */
function isAbout({ local, remote, boundDevice }: RawEndpoint, packet: Packet): boolean {
  if (boundDevice !== 0 && boundDevice !== packet.device!.index) return false;
  return (local.isAny || isFrom(local, packet)) && (remote === null || isTo(remote, packet));
}
