// A network device as the stack sees it: what it outputs to, and where packets come from. Devices with a link layer
// derive from it: the packet that they are given says whom it is for (nextHop), and they resolve that themselves.

import { IFF_LOOPBACK, IFF_UP } from "../../../shared/abi/netlink.ts";
import { IpAddress, Prefix } from "./ip_address.ts";
import type { Packet } from "./packet.ts";
import type { AddressRow } from "./route/rows.ts";

/** Where a device hands over what came in: the stack. The packet's head stands at its IP header. */
export interface Receiver {
  receive(packet: Packet, device: NetDevice): void;
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

  /** The end of a turn in which it asked for that (StackCore.toFlush): what it holds goes out. */
  flush(): void {}

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
    this.#receiver.receive(packet, this);
  }
}
