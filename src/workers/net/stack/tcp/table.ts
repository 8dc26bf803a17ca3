// Conversations by both their ends: a segment finds its own by one probe of a hash table, whose hash is keyed, and which
// grows with what it holds.

import type { StackMemory } from "../memory.ts";
import type { Packet } from "../packet.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import type { Conversation } from "./conversation.ts";
import type { Ends } from "./isn.ts";

const BUCKETS_MIN = 256;

export class ConversationTable {
  readonly #memory: StackMemory;
  readonly #key: number;
  #buckets: (Conversation | null)[] = new Array<Conversation | null>(BUCKETS_MIN).fill(null);
  count = 0;

  constructor(memory: StackMemory, key: number) {
    this.#memory = memory;
    this.#key = key;
  }

  #hash(ends: Ends): number {
    const remote = mixAddress(this.#key, ends.remote0, ends.remote1, ends.remote2, ends.remote3);
    const both = mixAddress(remote, ends.local0, ends.local1, ends.local2, ends.local3);
    return mix(both, (ends.localPort << 16) | ends.remotePort);
  }

  add(conversation: Conversation): void {
    if (this.count >= this.#buckets.length) this.#grow();
    conversation.hash = this.#hash(conversation);
    const bucket = conversation.hash & (this.#buckets.length - 1);
    conversation.following = this.#buckets[bucket]!;
    this.#buckets[bucket] = conversation;
    conversation.isInTable = true;
    this.count++;
    this.#memory.conversations++;
  }

  remove(conversation: Conversation): void {
    if (!conversation.isInTable) return;
    const bucket = conversation.hash & (this.#buckets.length - 1);
    let before: Conversation | null = null;
    let at = this.#buckets[bucket]!;
    while (at !== conversation) {
      before = at;
      at = at.following!;
    }
    if (before === null) this.#buckets[bucket] = conversation.following;
    else before.following = conversation.following;
    conversation.following = null;
    conversation.isInTable = false;
    this.count--;
    this.#memory.conversations--;
  }

  #grow(): void {
    const before = this.#buckets;
    const buckets = new Array<Conversation | null>(before.length * 2).fill(null);
    for (const first of before)
      for (let at = first; at !== null; ) {
        const { following } = at;
        const bucket = at.hash & (buckets.length - 1);
        at.following = buckets[bucket]!;
        buckets[bucket] = at;
        at = following;
      }
    this.#buckets = buckets;
  }

  /** Whose both ends those are, on that device (0: on any); null: nobody's. */
  find(ends: Ends, device: number): Conversation | null {
    const hash = this.#hash(ends);
    let at = this.#buckets[hash & (this.#buckets.length - 1)]!;
    for (; at !== null; at = at.following!) if (at.hash === hash && isOf(at, ends, device)) break;
    return at;
  }

  /** All of them, in no order. */
  *all(): IterableIterator<Conversation> {
    for (const first of this.#buckets) for (let at = first; at !== null; at = at.following) yield at;
  }
}

function isOf(conversation: Conversation, ends: Ends, device: number): boolean {
  return (
    conversation.remote3 === ends.remote3 &&
    conversation.remotePort === ends.remotePort &&
    conversation.localPort === ends.localPort &&
    conversation.local3 === ends.local3 &&
    conversation.remote2 === ends.remote2 &&
    conversation.local2 === ends.local2 &&
    conversation.remote0 === ends.remote0 &&
    conversation.remote1 === ends.remote1 &&
    conversation.local0 === ends.local0 &&
    conversation.local1 === ends.local1 &&
    (conversation.device === 0 || device === 0 || conversation.device === device)
  );
}

/** The ends of a conversation that a packet is of: filled for each in turn. */
export class EndsInHand implements Ends {
  local0 = 0;
  local1 = 0;
  local2 = 0;
  local3 = 0;
  remote0 = 0;
  remote1 = 0;
  remote2 = 0;
  remote3 = 0;
  localPort = 0;
  remotePort = 0;

  /** Of one that came in, or (`isQuoted`) of one that this host sent. */
  ofPacket(packet: Packet, isQuoted: boolean): this {
    if (isQuoted) {
      this.setLocal(packet.source0, packet.source1, packet.source2, packet.source3, packet.sourcePort);
      this.setRemote(
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
        packet.destinationPort,
      );
      return this;
    }
    this.setRemote(packet.source0, packet.source1, packet.source2, packet.source3, packet.sourcePort);
    this.setLocal(
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      packet.destinationPort,
    );
    return this;
  }

  setLocal(w0: number, w1: number, w2: number, w3: number, port: number): void {
    this.local0 = w0;
    this.local1 = w1;
    this.local2 = w2;
    this.local3 = w3;
    this.localPort = port;
  }

  setRemote(w0: number, w1: number, w2: number, w3: number, port: number): void {
    this.remote0 = w0;
    this.remote1 = w1;
    this.remote2 = w2;
    this.remote3 = w3;
    this.remotePort = port;
  }
}
