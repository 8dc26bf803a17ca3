// A network device as the stack sees it: what it outputs to, and where packets come from. Devices with a link layer
// derive from it: the packet that they are given says whom it is for (nextHop), and they resolve that themselves.

import { IFF_LOOPBACK, IFF_UP } from "../../../shared/abi/netlink.ts";
import * as Ethernet from "./eth/format.ts";
import { IpAddress, Prefix } from "./ip_address.ts";
import * as Ip4 from "./ip4/format.ts";
import { type Packet, TO_HOST, TO_MULTICAST } from "./packet.ts";
import type { AddressRow } from "./route/rows.ts";
import { NO_LINK, OUTGOING, type Tap, TO_OTHER } from "./tap.ts";

/** Where a device hands over what came in: the stack. The packet's head stands at its IP header. */
export interface Receiver {
  receive(packet: Packet, device: NetDevice): void;
  /** Who sees frames; null: nobody does. */
  readonly tap: Tap | null;
}

export interface DeviceAttributes {
  readonly index: number;
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  readonly mtu: number;
}

/** An address of a device, ready for lookups. */
export interface LocalAddress {
  readonly address: IpAddress;
  readonly prefix: Prefix;
  /** RT_SCOPE_* */
  readonly scope: number;
  /** IFA_F_* */
  readonly flags: number;
}

const NO_ADDRESS = new Uint8Array(Ethernet.ADDRESS);

export abstract class NetDevice {
  readonly index: number;
  addresses: readonly LocalAddress[] = [];
  name: string;
  /** IFF_*; kept by its owner. */
  flags: number;
  mtu: number;
  /** What a router said of IPv6 on its link: the MTU, at most the device's own, and the hop limit; 0: nothing. */
  mtu6 = 0;
  hopLimit6 = 0;
  /** What routers say on its link is not believed (accept_ra 0). */
  ignoresRouters = false;
  /** `ip link set group`. */
  group = 0;
  /** It completes partial checksums (NETIF_F_HW_CSUM), or passes them on to a receiver that takes them so. */
  readonly completesChecksums: boolean;
  /** It takes packets that stand for many segments (NETIF_F_GSO), of these types (GSO_*, as bits); others are cut up. */
  segments = 0;

  rxPackets = 0;
  rxBytes = 0;
  rxDropped = 0;
  txPackets = 0;
  txBytes = 0;
  txDropped = 0;

  constructor({ index, name, flags, mtu }: DeviceAttributes, completesChecksums: boolean) {
    this.index = index;
    this.name = name;
    this.flags = flags;
    this.mtu = mtu;
    this.completesChecksums = completesChecksums;
  }

  get isUp(): boolean {
    return (this.flags & IFF_UP) !== 0;
  }

  get isLoopback(): boolean {
    return (this.flags & IFF_LOOPBACK) !== 0;
  }

  /** Sends a packet whose head stands at its IP header and whose length is at most the MTU; it is the device's now. */
  abstract output(packet: Packet): void;

  /** Sends a frame that somebody has made whole, its link header at the packet's head; it is the device's now. */
  sendFrame(frame: Packet): void {
    this.txDropped++;
    frame.release();
  }

  /** Its link address. */
  get linkAddress(): Uint8Array {
    return NO_ADDRESS;
  }

  /** Writes the link header that it gives a packet whose IP header stands behind it. */
  writeLinkHeader(packet: Packet, at: number, type: number): void {
    packet.bytes.fill(0, at, at + Ethernet.TYPE);
    packet.view.setUint16(at + Ethernet.TYPE, type);
  }

  /** It is of its stack no more. */
  close(): void {}

  setAddresses(rows: Iterable<AddressRow>): void {
    this.addresses = Array.from(rows, (row) => {
      const address = IpAddress.fromBytes(row.address);
      return {
        address,
        prefix: new Prefix(address, row.prefixLength),
        scope: row.scope,
        flags: row.flags ?? 0,
      };
    });
  }

  /** Its owner has changed flags, MTU or link address. */
  stateChanged(_linkAddress: Uint8Array): void {}

  protected countSent(packet: Packet): void {
    this.txPackets++;
    this.txBytes += packet.length;
  }
}

/** What is sent comes in again: into the stack's backlog. */
export class LoopbackDevice extends NetDevice {
  readonly #receiver: Receiver;

  constructor(attributes: DeviceAttributes, receiver: Receiver) {
    super(attributes, true);
    this.segments = -1;
    this.#receiver = receiver;
  }

  override output(packet: Packet): void {
    this.countSent(packet);
    // It may be the answer to a frame that had one, in its place.
    packet.link = NO_LINK;
    const { tap } = this.#receiver;
    if (tap !== null) tap.frame(packet, this, OUTGOING, NO_LINK, packet.head);
    this.#receiver.receive(packet, this);
  }

  override sendFrame(frame: Packet): void {
    const { head, view } = frame;
    const { tap } = this.#receiver;
    const type = view.getUint16(head + Ethernet.TYPE);
    this.countSent(frame);
    frame.device = this;
    frame.link = head;
    frame.head = head + Ethernet.HEADER;
    tap?.frame(frame, this, OUTGOING, head, frame.head);
    // Others than IP have nobody here who reads them, and neither have those that are another host's.
    const version = frame.length > 0 ? view.getUint8(frame.head) >> 4 : 0;
    const isIp =
      (type === Ethernet.TYPE_IP && version === 4) || (type === Ethernet.TYPE_IP6 && version === 6);
    if (isIp && loopedTo(frame) !== TO_OTHER && !isMartian(frame)) {
      this.#receiver.receive(frame, this);
      return;
    }
    if (tap !== null) seeLooped(tap, frame);
    frame.release();
  }
}

/** Whom a frame is for that comes in by loopback, whose address is all zeros. */
function loopedTo({ bytes, link }: Packet): number {
  if (link === NO_LINK || Ethernet.isSameAddress(NO_ADDRESS, bytes, link)) return TO_HOST;
  return (bytes[link]! & 1) !== 0 ? TO_MULTICAST : TO_OTHER;
}

/** It says that it is from or for a loopback address of IPv4: those do not come in by frames, not even here. */
function isMartian({ head, length, view }: Packet): boolean {
  if (view.getUint8(head) >> 4 !== 4 || length < Ip4.HEADER_MIN) return false;
  return view.getUint8(head + Ip4.SOURCE) === 127 || view.getUint8(head + Ip4.DESTINATION) === 127;
}

/** Shows a frame that comes in by loopback. */
export function seeLooped(tap: Tap, packet: Packet): void {
  tap.frame(packet, packet.device!, loopedTo(packet), packet.link, packet.head);
}
