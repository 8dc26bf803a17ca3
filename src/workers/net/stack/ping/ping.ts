// Who gets the replies to which echoes: ping endpoints by their identifiers.

import type { IcmpError } from "../core.ts";
import type { Datagrams } from "../datagram/datagrams.ts";
import { errorCame } from "../datagram/errors.ts";
import type { EchoReceiver } from "../icmp/icmp4.ts";
import type { Packet } from "../packet.ts";
import { trueSize } from "../udp/format.ts";
import type { PingEndpoint } from "./endpoint.ts";

const IDS = 65536;

export class Ping implements EchoReceiver {
  readonly shared: Datagrams;
  /** The youngest last. */
  readonly #byId = new Map<number, PingEndpoint[]>();
  #next: number;

  constructor(shared: Datagrams) {
    this.shared = shared;
    this.#next = shared.core.host.random32() & (IDS - 1);
  }

  get count(): number {
    let count = 0;
    for (const endpoints of this.#byId.values()) count += endpoints.length;
    return count;
  }

  /** An identifier that nobody has; 0: there is none. */
  freeId(): number {
    for (let i = 0; i < IDS; i++) {
      this.#next = (this.#next + 1) & (IDS - 1);
      if (this.#next !== 0 && !this.#byId.has(this.#next)) return this.#next;
    }
    return 0;
  }

  add(endpoint: PingEndpoint): void {
    const others = this.#byId.get(endpoint.localPort);
    if (others === undefined) this.#byId.set(endpoint.localPort, [endpoint]);
    else others.push(endpoint);
  }

  remove(endpoint: PingEndpoint): void {
    const endpoints = this.#byId.get(endpoint.localPort)!;
    endpoints.splice(endpoints.indexOf(endpoint), 1);
    if (endpoints.length === 0) this.#byId.delete(endpoint.localPort);
  }

  #find(
    id: number,
    isV6: boolean,
    device: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): PingEndpoint | null {
    const endpoints = this.#byId.get(id);
    if (endpoints === undefined) return null;
    for (let i = endpoints.length - 1; i >= 0; i--) {
      const endpoint = endpoints[i]!;
      const { local, boundDevice } = endpoint;
      if (endpoint.isV6 !== isV6 || (boundDevice !== 0 && boundDevice !== device)) continue;
      if (local.isAny || (local.w0 === w0 && local.w1 === w1 && local.w2 === w2 && local.w3 === w3))
        return endpoint;
    }
    return null;
  }

  reply(packet: Packet, id: number): boolean {
    const { isV6, destination0, destination1, destination2, destination3 } = packet;
    const device = packet.device!.index;
    const endpoint = this.#find(id, isV6, device, destination0, destination1, destination2, destination3);
    if (endpoint === null) return false;
    packet.sourcePort = 0;
    packet.destinationPort = id;
    packet.trueSize = trueSize(packet.length);
    endpoint.deliver(packet);
    return true;
  }

  error(packet: Packet, id: number, error: IcmpError): void {
    const { isV6, source0, source1, source2, source3 } = packet;
    const endpoint = this.#find(id, isV6, packet.device!.index, source0, source1, source2, source3);
    if (endpoint !== null) errorCame(endpoint, packet, error, 0, packet.head);
  }
}
