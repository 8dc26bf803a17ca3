// What a filter sees of a packet: its transport's place and protocol, behind extension headers too, whether it is a later
// fragment, and the flow's tuple. One object is filled again and again.

import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import * as Icmp from "../icmp/format.ts";
import { MAPPED } from "../ip_address.ts";
import * as Ip4 from "../ip4/format.ts";
import { extensionLength, isExtension } from "../ip6/extensions.ts";
import * as Ip6 from "../ip6/format.ts";
import { EXTENSION_HEADERS_MAX } from "../limits.ts";
import type { Packet } from "../packet.ts";
import * as Tcp from "../tcp/format.ts";
import * as Udp from "../udp/format.ts";
import { counterpart, hasPorts, isIcmp, type Tuple } from "./tuple.ts";

export class PacketParts {
  protocol = 0;
  /** Where the transport's header stands, and where the packet ends. */
  at = 0;
  end = 0;
  /** In units of 8 bytes; 0: it has the transport's header. */
  fragment = 0;
  /** Its headers could be gone through. */
  isWhole = false;

  /** Of a packet, or of one that an ICMP message quotes, whose IP header stands there. */
  read(packet: Packet, isV6: boolean, network: number, end: number): void {
    this.end = end;
    this.fragment = 0;
    this.isWhole = false;
    if (isV6) this.#read6(packet.view, network, end);
    else this.#read4(packet.view, network, end);
  }

  #read4(view: DataView, network: number, end: number): void {
    if (end - network < Ip4.HEADER_MIN) return;
    const versionIhl = view.getUint8(network);
    const header = (versionIhl & 0xf) * 4;
    if (versionIhl >> 4 !== 4 || header < Ip4.HEADER_MIN || header > end - network) return;
    this.protocol = view.getUint8(network + Ip4.PROTOCOL);
    this.fragment = view.getUint16(network + Ip4.FRAGMENT) & Ip4.FRAGMENT_OFFSET;
    this.at = network + header;
    this.isWhole = true;
  }

  #read6(view: DataView, network: number, end: number): void {
    if (end - network < Ip6.HEADER || view.getUint8(network) >> 4 !== 6) return;
    this.protocol = view.getUint8(network + Ip6.NEXT_HEADER);
    this.at = network + Ip6.HEADER;
    for (let i = 0; isExtension(this.protocol); i++) {
      const size = extensionLength(view, this.protocol, this.at, end - this.at);
      if (size === 0 || i >= EXTENSION_HEADERS_MAX) return;
      if (this.protocol === Ip6.FRAGMENT) {
        const field = view.getUint16(this.at + Ip6.FRAGMENT_OFFSET);
        this.fragment = field >> 3;
      }
      this.protocol = view.getUint8(this.at);
      this.at += size;
      if (this.fragment !== 0) break;
    }
    this.isWhole = true;
  }

  get length(): number {
    return this.end - this.at;
  }

  /** Whether so many bytes of the transport are there. */
  has(bytes: number): boolean {
    return this.isWhole && this.fragment === 0 && this.at + bytes <= this.end;
  }

  /**
   * The tuple of the flow, but its addresses; false: it has none (its header is cut off). `isQuoted`: 8 bytes of the
   * transport are enough.
   */
  tuple(view: DataView, into: Tuple, isQuoted: boolean): boolean {
    const { protocol, at } = this;
    if (!this.isWhole || this.fragment !== 0) return false;
    into.protocol = protocol;
    into.sourcePort = 0;
    into.destinationPort = 0;
    if (hasPorts(protocol)) {
      const least = protocol === IPPROTO_TCP && !isQuoted ? Tcp.HEADER_MIN : Udp.HEADER;
      if (!this.has(least)) return false;
      into.sourcePort = view.getUint16(at);
      into.destinationPort = view.getUint16(at + 2);
    } else if (isIcmp(protocol)) {
      if (!this.has(Icmp.HEADER)) return false;
      const type = view.getUint8(at);
      if (counterpart(protocol, type) < 0) return false;
      into.sourcePort = view.getUint16(at + 4);
      into.destinationPort = view.getUint16(at);
    }
    return true;
  }
}

/** The addresses of a header, into a tuple. */
export function addressesAt(view: DataView, isV6: boolean, network: number, into: Tuple): void {
  if (isV6) {
    const from = network + Ip6.SOURCE;
    const to = network + Ip6.DESTINATION;
    into.setSource(
      view.getInt32(from),
      view.getInt32(from + 4),
      view.getInt32(from + 8),
      view.getInt32(from + 12),
    );
    into.setDestination(
      view.getInt32(to),
      view.getInt32(to + 4),
      view.getInt32(to + 8),
      view.getInt32(to + 12),
    );
  } else {
    into.setSource(0, 0, MAPPED, view.getInt32(network + Ip4.SOURCE));
    into.setDestination(0, 0, MAPPED, view.getInt32(network + Ip4.DESTINATION));
  }
}
