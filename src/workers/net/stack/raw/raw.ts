// Who gets copies of which packets: raw endpoints by protocol.

import { copiesOf, workOf } from "../datagram/copies.ts";
import type { Datagrams } from "../datagram/datagrams.ts";
import { COPIES_LOOKED_AT_MAX } from "../limits.ts";
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
}

function takes({ local, remote, boundDevice }: RawEndpoint, packet: Packet): boolean {
  if (boundDevice !== 0 && boundDevice !== packet.device!.index) return false;
  const isToLocal =
    local.isAny ||
    (local.w0 === packet.destination0 &&
      local.w1 === packet.destination1 &&
      local.w2 === packet.destination2 &&
      local.w3 === packet.destination3);
  if (!isToLocal) return false;
  return (
    remote === null ||
    (remote.w0 === packet.source0 &&
      remote.w1 === packet.source1 &&
      remote.w2 === packet.source2 &&
      remote.w3 === packet.source3)
  );
}
