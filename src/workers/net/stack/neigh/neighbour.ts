// A neighbour of an Ethernet device: what is known of its link address, how sure that is, and the packets that wait for
// it (RFC 4861 7.3.2). The cache moves it from state to state.

import { NUD_NONE } from "../../../../shared/abi/netlink.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { IpAddress } from "../ip_address.ts";
import { PacketQueue } from "../packet.ts";
import { Timer } from "../timer_wheel.ts";

export interface NeighbourOwner {
  /** Its time is over. */
  expired(neighbour: Neighbour): void;
}

export class Neighbour extends Timer {
  readonly owner: NeighbourOwner;
  readonly device: EthernetDevice;
  readonly address: IpAddress;
  /** NUD_* */
  state = NUD_NONE;
  /** Not to be read before it is known. */
  readonly mac = new Uint8Array(6);
  hasMac = false;
  isRouter = false;
  /** NTF_* and RTPROT_*, as who made it known said. */
  flags = 0;
  protocol = 0;
  /** Questions that nobody answered. */
  probes = 0;
  confirmedUs = 0;
  usedUs = 0;
  updatedUs = 0;
  readonly pending = new PacketQueue();
  pendingBytes = 0;
  /** The next of its bucket, and its place in the order in which they were made: the cache's. */
  inBucket: Neighbour | null = null;
  older: Neighbour | null = null;
  newer: Neighbour | null = null;

  constructor(owner: NeighbourOwner, device: EthernetDevice, w0: number, w1: number, w2: number, w3: number) {
    super();
    this.owner = owner;
    this.device = device;
    this.address = IpAddress.fromWords(w0, w1, w2, w3);
  }

  override expired(): void {
    this.owner.expired(this);
  }
}
