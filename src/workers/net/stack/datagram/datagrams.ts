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
  #small = 0;
  #large = 0;

  constructor(core: StackCore, ip4Output: Ip4Output, ip6Output: Ip6Output) {
    this.core = core;
    this.ip4Output = ip4Output;
    this.ip6Output = ip6Output;
  }

  /** A packet has come to a receive queue, or left one. */
  queued(packet: Packet, by: 1 | -1): void {
    if (packet.pool === this.core.pools.small) this.#small += by;
    else this.#large += by;
  }

  /** Packets in receive queues. */
  get queuedPackets(): number {
    return this.#small + this.#large;
  }

  /** Receive queues hold as many packets of that size as they may. */
  isShort({ pool }: Packet): boolean {
    const held = pool === this.core.pools.small ? this.#small : this.#large;
    return held * 100 >= pool.max * UDP_SHARE;
  }
}
