// A ping endpoint: a SOCK_DGRAM socket of IPPROTO_ICMP or IPPROTO_ICMPV6 (icmp(7)), which sends echo requests and gets the
// replies to them. Its port is the identifier of its echoes; a received packet's head stands at the ICMP header.

import * as E from "../../../../shared/abi/errno.ts";
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import { DatagramEndpoint } from "../datagram/endpoint.ts";
import type { Message } from "../datagram/message.ts";
import { output, sendError, tooLong, wayOf } from "../datagram/way.ts";
import * as Icmp from "../icmp/format.ts";
import { CHECKSUM_VALID, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import type { Ping } from "./ping.ts";

/** The longest messages: of a packet of 65535 bytes, and of an IPv6 packet's payload of as many. */
const MESSAGE_MAX4 = 65535 - 20;
const MESSAGE_MAX6 = 65535;

export class PingEndpoint extends DatagramEndpoint {
  readonly ping: Ping;
  override readonly protocol: number;

  constructor(ping: Ping, isV6: boolean) {
    super(ping.shared, isV6);
    this.ping = ping;
    this.protocol = isV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    this.v6only = isV6;
  }

  protected override get mayBind(): boolean {
    return this.localPort === 0;
  }

  // Several may have an identifier: who is youngest gets the replies.
  protected override takePort(wanted: number): number {
    const id = wanted === 0 ? this.ping.freeId() : wanted;
    if (id === 0) return -E.EADDRINUSE;
    this.localPort = id;
    return 0;
  }

  override autobind(): number {
    if (this.localPort !== 0) return 0;
    let error = 0;
    this.rehash(() => {
      error = this.takePort(0);
    });
    return error < 0 ? -E.EAGAIN : 0;
  }

  protected override rehash(change: () => void): void {
    if (this.localPort !== 0) this.ping.remove(this);
    change();
    if (this.localPort !== 0) this.ping.add(this);
    this.way = null;
  }

  protected override unhash(): void {
    if (this.localPort !== 0) this.ping.remove(this);
    this.localPort = 0;
  }

  /** Sends an echo request, its header included; identifier and checksum are written over. */
  override send(data: Uint8Array, message: Message): number {
    const { core } = this.shared;
    if (data.length > 0xffff) return -E.EMSGSIZE;
    const { destination } = message;
    const type = this.isV6 ? Icmp.ECHO6 : Icmp.ECHO;
    if (data.length < Icmp.HEADER || data[Icmp.TYPE] !== type || data[Icmp.CODE] !== 0) return -E.EINVAL;
    if (destination === null && this.remote === null) return -E.EDESTADDRREQ;
    if (this.isV6 && destination?.isV4) return -E.EINVAL;
    if (this.isV6 && destination?.isAny) return -E.ENETUNREACH;
    const bound = this.autobind();
    if (bound < 0) return bound;
    const flow = wayOf(this, message);
    if (typeof flow === "number") return flow;
    const max = this.isV6 ? MESSAGE_MAX6 : MESSAGE_MAX4;
    if (data.length > max) return tooLong(this, flow, 0, data, max);
    const unready = sendError(this);
    if (unready !== 0) return unready;
    const packet = core.pools.take(data.length);
    if (packet === null) return -E.ENOBUFS;
    packet.bytes.set(data, packet.head);
    packet.end = packet.head + data.length;
    finish(packet, this.localPort, flow);
    const error = output(this, packet, flow, message, 0, data);
    if (error < 0) return error;
    const counters = this.isV6 ? core.counters.icmp6 : core.counters.icmp;
    counters.OutMsgs++;
    counters.outTypes[type]!++;
    return data.length;
  }
}

function finish(packet: Packet, id: number, flow: Flow): void {
  const { view, head, length } = packet;
  view.setUint16(head + Icmp.ID, id);
  view.setUint16(head + Icmp.CHECKSUM, 0);
  const pseudo = flow.isV6 ? pseudoSum(flow, IPPROTO_ICMPV6, length) : 0;
  view.setUint16(head + Icmp.CHECKSUM, ~sumOf(view, head, length, pseudo) & 0xffff);
  packet.checksum = CHECKSUM_VALID;
}
