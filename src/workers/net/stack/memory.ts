// The memory of stacks: packets, blocks of streams, and how many conversations and flows there may be. Stacks that live on one
// thread share it, so that all of them together stay within its bounds, and packets go from one to the other as they are.

import {
  CONNTRACK_MAX,
  ENDPOINTS_MAX,
  LARGE_PACKETS_MAX,
  SMALL_PACKETS_MAX,
  TCP_MEMORY_MAX,
} from "./limits.ts";
import { LARGE_SIZE, PacketPools, SMALL_SIZE } from "./packet.ts";
import { BlockPool } from "./tcp/blocks.ts";

export interface StackBounds {
  /** Packets of each size. */
  readonly smallPackets?: number;
  readonly largePackets?: number;
  /** What waits in connections' buffers. */
  readonly tcpBytes?: number;
  readonly conversations?: number;
  /** Flows that are tracked. */
  readonly flows?: number;
}

export class StackMemory {
  readonly pools: PacketPools;
  readonly blocks: BlockPool;
  /** Of TCP: connections, requests and records of what has ended. */
  conversations = 0;
  readonly conversationsMax: number;
  /** Of conntrack. */
  flows = 0;
  readonly flowsMax: number;

  constructor({
    smallPackets = SMALL_PACKETS_MAX,
    largePackets = LARGE_PACKETS_MAX,
    tcpBytes = TCP_MEMORY_MAX,
    conversations = ENDPOINTS_MAX,
    flows = CONNTRACK_MAX,
  }: StackBounds = {}) {
    this.pools = new PacketPools(smallPackets, largePackets);
    this.blocks = new BlockPool(tcpBytes);
    this.conversationsMax = conversations;
    this.flowsMax = flows;
  }

  /** There are as many conversations as there may be. */
  get isFull(): boolean {
    return this.conversations >= this.conversationsMax;
  }

  /** Bytes of packets and blocks that were made. */
  get madeBytes(): number {
    const { small, large } = this.pools;
    return small.made * SMALL_SIZE + large.made * LARGE_SIZE + this.blocks.madeBytes;
  }
}
