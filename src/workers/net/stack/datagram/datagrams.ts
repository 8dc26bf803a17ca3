// What all datagram endpoints of a stack share: the ways out, and how many packets their receive queues may hold.

import type { StackCore } from "../core.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { UDP_SHARE } from "../limits.ts";
import type { Packet } from "../packet.ts";

export class Datagrams {
  readonly core: StackCore;
  readonly ip4Output: Ip4Output;
  readonly ip6Output: Ip6Output;
  /** Packets in receive queues. */
  queuedPackets = 0;

  constructor(core: StackCore, ip4Output: Ip4Output, ip6Output: Ip6Output) {
    this.core = core;
    this.ip4Output = ip4Output;
    this.ip6Output = ip6Output;
  }

  /** A packet has come to a receive queue, or left one. */
  queued(packet: Packet, by: 1 | -1): void {
    this.queuedPackets += by;
    packet.pool.waiting += by;
  }

  /** As many packets of that size wait as may, with those of other stacks. */
  isShort({ pool }: Packet): boolean {
    return !pool.mayWait(UDP_SHARE);
  }
}
