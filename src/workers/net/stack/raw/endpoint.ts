// A raw endpoint: a SOCK_RAW socket of AF_INET or AF_INET6 (raw(7)) of one protocol. It gets a copy of each packet of that
// protocol that is for this host, IPv4 ones with their header, IPv6 ones without; whether one may be made is the caller's
// question.

import * as E from "../../../../shared/abi/errno.ts";
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import { DatagramEndpoint } from "../datagram/endpoint.ts";
import type { Message } from "../datagram/message.ts";
import { output, sendError, tooLong, wayOf } from "../datagram/way.ts";
import * as Ip4 from "../ip4/format.ts";
import { CHECKSUM_VALID, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import type { Raw } from "./raw.ts";

const MESSAGE_MAX4 = 65535 - Ip4.HEADER_MIN;
const MESSAGE_MAX6 = 65535;
const ICMP6_CHECKSUM = 2;

export class RawEndpoint extends DatagramEndpoint {
  readonly raw: Raw;
  override readonly protocol: number;
  /** IP_HDRINCL */
  hasHeader: boolean;
  /** IPV6_CHECKSUM: where in what is sent its checksum stands; -1: it has none. */
  checksumAt = -1;
  /** ICMP_FILTER: bits of types that do not come. */
  icmpFilter = 0;
  /** ICMPV6_FILTER, as struct icmp6_filter: bits of types that do not come. */
  readonly icmp6Filter = new Int32Array(8);

  constructor(raw: Raw, isV6: boolean, protocol: number) {
    super(raw.shared, isV6);
    this.raw = raw;
    this.protocol = protocol;
    this.localPort = protocol;
    this.v6only = isV6;
    this.hasHeader = !isV6 && protocol === IPPROTO_RAW;
    if (isV6 && protocol === IPPROTO_ICMPV6) this.checksumAt = ICMP6_CHECKSUM;
    raw.add(this);
  }

  protected override get mayBind(): boolean {
    return this.remote === null;
  }

  protected override takePort(): number {
    return 0;
  }

  override autobind(): number {
    return 0;
  }

  protected override rehash(change: () => void): void {
    change();
    this.localPort = this.protocol;
    this.way = null;
  }

  protected override unhash(): void {
    this.raw.remove(this);
  }

  /** Whether its filter lets a packet by, whose head stands at the transport's header. */
  passesFilter(packet: Packet): boolean {
    if (packet.length === 0) return true;
    const type = packet.view.getUint8(packet.head);
    if (this.isV6)
      return this.protocol !== IPPROTO_ICMPV6 || ((this.icmp6Filter[type >> 5]! >>> (type & 31)) & 1) === 0;
    return this.protocol !== IPPROTO_ICMP || type >= 32 || ((this.icmpFilter >>> type) & 1) === 0;
  }

  override send(data: Uint8Array, message: Message): number {
    const { core } = this.shared;
    if (data.length > 0xffff) return -E.EMSGSIZE;
    const { destination } = message;
    if (destination === null && this.remote === null) return -E.EDESTADDRREQ;
    if (this.isV6 && destination !== null && message.port !== 0 && message.port !== this.protocol)
      return -E.EINVAL;
    const flow = wayOf(this, message);
    if (typeof flow === "number") return flow;
    const max = this.isV6 ? MESSAGE_MAX6 : this.hasHeader ? flow.device!.mtu : MESSAGE_MAX4;
    if (data.length > max) return tooLong(this, flow, 0, data, max);
    if (this.hasHeader && !hasGoodHeader(data)) return -E.EINVAL;
    if (this.checksumAt >= 0 && this.checksumAt + 2 > data.length) return -E.EINVAL;
    const unready = sendError(this);
    if (unready !== 0) return unready;
    const packet = core.pools.take(data.length);
    if (packet === null) return -E.ENOBUFS;
    packet.bytes.set(data, packet.head);
    packet.end = packet.head + data.length;
    packet.checksum = CHECKSUM_VALID;
    if (this.hasHeader) {
      packet.mark = this.mark;
      if (this.core.hooks !== null) packet.owner = this;
      const error = this.shared.ip4Output.sendWhole(packet, flow, this.loopsMulticast4);
      return error < 0 ? error : data.length;
    }
    if (this.isV6 && this.checksumAt >= 0) writeChecksum(packet, this.checksumAt, this.protocol, flow);
    const error = output(this, packet, flow, message, 0, data);
    return error < 0 ? error : data.length;
  }
}

function hasGoodHeader(data: Uint8Array): boolean {
  const header = (data[Ip4.VERSION_IHL]! & 0xf) * 4;
  return data.length >= Ip4.HEADER_MIN && header >= Ip4.HEADER_MIN && header <= data.length;
}

function writeChecksum(packet: Packet, offset: number, protocol: number, flow: Flow): void {
  const { view, head, length } = packet;
  view.setUint16(head + offset, 0);
  const sum = ~sumOf(view, head, length, pseudoSum(flow, protocol, length)) & 0xffff;
  view.setUint16(head + offset, sum === 0 ? 0xffff : sum);
}
