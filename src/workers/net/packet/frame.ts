// A frame that was seen on a device: in place, for filters, and as a copy that all sockets share which want it.

import * as B from "../../../shared/abi/bpf.ts";
import { ARPHRD_ETHER, ARPHRD_LOOPBACK } from "../../../shared/abi/netlink.ts";
import * as P from "../../../shared/abi/packet.ts";
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../shared/abi/socket.ts";
import type { Input } from "../../bpf/run.ts";
import type { Time } from "../../vfs/inode.ts";
import type { NetDevice } from "../stack/device.ts";
import { GSO_ECN, GSO_TCPV4, GSO_TCPV6 } from "../stack/offload/segments.ts";
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, type Packet } from "../stack/packet.ts";
import { OUTGOING } from "../stack/tap.ts";

const WORDS_32 = 2 ** 32;

/** Bytes of the transport's header, of those that are known. */
function headerOf(view: DataView, at: number, end: number, protocol: number): number {
  if (protocol === IPPROTO_TCP && at + 13 <= end) return Math.max(20, (view.getUint8(at + 12) >> 4) * 4);
  return protocol === IPPROTO_UDP || protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6 ? 8 : 0;
}

/** The frame that is looked at, in its packet's buffer; one for all, filled anew for each. */
export class SeenFrame implements Input {
  packet!: Packet;
  device!: NetDevice;
  /** PACKET_HOST, ... */
  delivery = 0;
  /** ETH_P_* */
  type = 0;
  /** Where its link header and its network header stand in the buffer. */
  linkAt = 0;
  networkAt = 0;
  /** Where who looks begins: at one or the other. */
  start = 0;

  get view(): DataView {
    return this.packet.view;
  }

  get length(): number {
    return this.packet.end - this.start;
  }

  get network(): number {
    return this.networkAt - this.start;
  }

  get link(): number {
    return this.linkAt - this.start;
  }

  get hardwareType(): number {
    return this.device.isLoopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
  }

  /** TP_STATUS_* that say what is known of its checksum. */
  get status(): number {
    const { checksum, gsoSize, gsoType } = this.packet;
    const kind = gsoType & ~GSO_ECN;
    const isTcp = gsoSize > 0 && (kind === GSO_TCPV4 || kind === GSO_TCPV6);
    const gso = isTcp ? P.TP_STATUS_GSO_TCP : 0;
    if (checksum === CHECKSUM_PARTIAL) return P.TP_STATUS_CSUMNOTREADY | gso;
    return (this.delivery !== OUTGOING && checksum === CHECKSUM_VALID ? P.TP_STATUS_CSUM_VALID : 0) | gso;
  }

  /** Where the payload of its transport begins, from the start on; 0: it is none that is known. */
  #payload(): number {
    const { packet, networkAt, type, view } = this;
    const { end } = packet;
    if (type === P.ETH_P_IP && end - networkAt >= 20) {
      const at = networkAt + (view.getUint8(networkAt) & 0xf) * 4;
      return at + headerOf(view, at, end, view.getUint8(networkAt + 9)) - this.start;
    }
    if (type === P.ETH_P_IPV6 && end - networkAt >= 40) {
      const at = networkAt + 40;
      return at + headerOf(view, at, end, view.getUint8(networkAt + 6)) - this.start;
    }
    return networkAt - this.start;
  }

  known(what: number, a: number, x: number): number | null {
    switch (what) {
      case B.SKF_AD_PROTOCOL:
        return this.type;
      case B.SKF_AD_PKTTYPE:
        return this.delivery;
      case B.SKF_AD_IFINDEX:
        return this.device.index;
      case B.SKF_AD_MARK:
        return this.packet.mark;
      case B.SKF_AD_HATYPE:
        return this.hardwareType;
      case B.SKF_AD_PAY_OFFSET:
        return this.#payload();
      case B.SKF_AD_ALU_XOR_X:
        return a ^ x;
      case B.SKF_AD_RANDOM:
        // Nobody's secret: a filter picks samples so, and may ask thousands of times for each frame.
        return (Math.random() * WORDS_32) | 0;
      case B.SKF_AD_NLATTR:
      case B.SKF_AD_NLATTR_NEST:
      case B.SKF_AD_QUEUE:
      case B.SKF_AD_RXHASH:
      case B.SKF_AD_CPU:
      case B.SKF_AD_VLAN_TAG:
      case B.SKF_AD_VLAN_TAG_PRESENT:
      case B.SKF_AD_VLAN_TPID:
        return 0;
      default:
        return null;
    }
  }

  /** A copy for those who want it. */
  kept(at: Time): KeptFrame {
    const { packet, device, linkAt, networkAt } = this;
    return {
      bytes: packet.bytes.slice(linkAt, packet.end),
      network: networkAt - linkAt,
      type: this.type,
      delivery: this.delivery,
      index: device.index,
      deviceName: device.name,
      hardwareType: this.hardwareType,
      sender: packet.bytes.slice(linkAt + 6, linkAt + 12),
      status: this.status,
      checksumStart: packet.checksum === CHECKSUM_PARTIAL ? packet.checksumStart - linkAt : -1,
      checksumOffset: packet.checksumOffset,
      gsoSize: packet.gsoSize,
      gsoType: packet.gsoType,
      at,
    };
  }
}

export interface KeptFrame {
  /** From its link header on. */
  readonly bytes: Uint8Array;
  /** Where its network header stands. */
  readonly network: number;
  readonly type: number;
  readonly delivery: number;
  readonly index: number;
  readonly deviceName: string;
  readonly hardwareType: number;
  /** Its sender's link address. */
  readonly sender: Uint8Array;
  readonly status: number;
  /** Where what its checksum is of begins, if that is not completed; else -1. */
  readonly checksumStart: number;
  readonly checksumOffset: number;
  readonly gsoSize: number;
  readonly gsoType: number;
  /** When it was seen. */
  readonly at: Time;
}
