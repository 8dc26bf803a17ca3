// Control messages with what is received (ip(7), ipv6(7)): which are wanted is a set of bits, in the order in which Linux
// writes them.

import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Ancillary, ControlWriter } from "../control.ts";
import { int } from "../option_table.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import { type Packet, TO_HOST } from "../stack/packet.ts";
import { bytes4, bytes6 } from "./addresses.ts";

export const PACKET_INFO = 1 << 0;
export const HOP_LIMIT = 1 << 1;
export const TRAFFIC_CLASS = 1 << 2;
export const OPTIONS = 1 << 3;
export const RETURN_OPTIONS = 1 << 4;
export const FLOW_INFO = 1 << 5;
export const OLD_PACKET_INFO = 1 << 6;
export const OLD_HOP_LIMIT = 1 << 7;
export const ORIGINAL_DESTINATION = 1 << 8;

const FLOW_INFO_MASK = 0x0fffffff;

/** What is told of one packet, which is gone by then. */
export class ReceivedControl implements Ancillary {
  readonly isV6: boolean;
  readonly mark: number;
  readonly drops: number;
  /** Bytes of each of the datagrams that are received as one; 0: it is one. */
  readonly segmentSize: number;
  readonly #device: number;
  readonly #hopLimit: number;
  readonly #trafficClass: number;
  readonly #flow: number;
  readonly #destination: IpAddress;
  readonly #port: number;
  readonly #isToHost: boolean;
  readonly #deviceAddress: IpAddress | null;

  constructor(packet: Packet) {
    const { device } = packet;
    this.isV6 = packet.isV6;
    this.mark = packet.mark;
    this.drops = packet.drops;
    this.segmentSize = packet.gsoSize;
    this.#device = device?.index ?? 0;
    this.#hopLimit = packet.hopLimit;
    this.#trafficClass = packet.trafficClass;
    this.#flow = packet.isV6 ? packet.view.getUint32(packet.network) & FLOW_INFO_MASK : 0;
    this.#destination = packet.destinationAddress;
    this.#port = packet.destinationPort;
    this.#isToHost = packet.delivery === TO_HOST;
    this.#deviceAddress = device?.addresses.find(({ address }) => address.isV4)?.address ?? null;
  }

  release(): void {}

  /** struct in_pktinfo: the device, an address of this host to answer from, and whom it was for. */
  #packetInfo4(): Buffer {
    const bytes = Buffer.alloc(I.IN_PKTINFO_SIZE);
    const own = this.#isToHost ? this.#destination : this.#deviceAddress;
    bytes.writeInt32LE(this.#device);
    bytes.writeInt32BE(own?.w3 ?? 0, 4);
    bytes.writeInt32BE(this.#destination.w3, 8);
    return bytes;
  }

  /** struct in6_pktinfo; IPv4 addresses are mapped. */
  #packetInfo6(): Buffer {
    const bytes = Buffer.alloc(I.IN6_PKTINFO_SIZE);
    bytes.set(this.#destination.toMappedBytes());
    bytes.writeInt32LE(this.#device, 16);
    return bytes;
  }

  write(writer: ControlWriter, wanted4: number, wanted6: number): void {
    if ((wanted6 & PACKET_INFO) !== 0) writer.add(S.IPPROTO_IPV6, I.IPV6_PKTINFO, this.#packetInfo6());
    if (this.isV6) this.#write6(writer, wanted6);
    else this.#write4(writer, wanted4);
  }

  #write4(writer: ControlWriter, wanted: number): void {
    const add = (type: number, body: Uint8Array): void => writer.add(S.IPPROTO_IP, type, body);
    if ((wanted & PACKET_INFO) !== 0) add(I.IP_PKTINFO, this.#packetInfo4());
    if ((wanted & HOP_LIMIT) !== 0) add(I.IP_TTL, int(this.#hopLimit));
    if ((wanted & TRAFFIC_CLASS) !== 0) add(I.IP_TOS, Uint8Array.of(this.#trafficClass));
    if ((wanted & ORIGINAL_DESTINATION) !== 0) add(I.IP_ORIGDSTADDR, bytes4(this.#destination, this.#port));
  }

  #write6(writer: ControlWriter, wanted: number): void {
    const add = (type: number, body: Uint8Array): void => writer.add(S.IPPROTO_IPV6, type, body);
    if ((wanted & HOP_LIMIT) !== 0) add(I.IPV6_HOPLIMIT, int(this.#hopLimit));
    if ((wanted & TRAFFIC_CLASS) !== 0) add(I.IPV6_TCLASS, int(this.#trafficClass));
    if ((wanted & FLOW_INFO) !== 0 && this.#flow !== 0) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(this.#flow);
      add(I.IPV6_FLOWINFO, bytes);
    }
    if ((wanted & OLD_PACKET_INFO) !== 0) add(I.IPV6_2292PKTINFO, this.#packetInfo6());
    if ((wanted & OLD_HOP_LIMIT) !== 0) add(I.IPV6_2292HOPLIMIT, int(this.#hopLimit));
    if ((wanted & ORIGINAL_DESTINATION) !== 0)
      add(I.IPV6_ORIGDSTADDR, bytes6(this.#destination, this.#port, this.#device));
  }
}
