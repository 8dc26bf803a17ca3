// Packets and the pools that their buffers come from. A packet is a piece of a buffer with headroom before it, and what
// has been found out about it on its way; it is made once and used again and again, so that none is allocated in steady
// state.
//
// Ownership: a packet has one owner. Whoever passes it on (to a device's output, the stack's receive, a queue) owns it no
// longer; whoever has it last calls release(), once. Its `next` belongs to the queue that holds it.
//
// Offsets are those of the buffer (`bytes`, `view`), which packets share: nothing below `head` or from `end` on is a
// packet's to read.
//
// What goes by loopback may leave some of its payload where its sender keeps it (`lent`): those bytes of the buffer mean
// nothing until own() puts them there. Who reads a payload calls it first; the receiver of TCP takes what is lent.

import { copyBytes } from "../../../shared/copy_bytes.ts";
import { pseudoSum, sumOf } from "./checksum.ts";
import type { NetDevice } from "./device.ts";
import type { TrackedFlow } from "./filter/tracked.ts";
import { IpAddress } from "./ip_address.ts";
import { NO_LINK } from "./tap.ts";

/** What is known of the checksum of the packet's transport header, as virtio and Linux's skbs have it. */
/** Nothing: it is to be verified. */
export const CHECKSUM_NONE = 0;
/** It was verified, or need not be. */
export const CHECKSUM_VALID = 1;
/** Its field has the sum of the pseudo header; a device completes it, from checksumStart on. Good where it came in so. */
export const CHECKSUM_PARTIAL = 2;

/** How a packet came to this host: PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST. */
export const TO_HOST = 0;
export const TO_BROADCAST = 1;
export const TO_MULTICAST = 2;

/** Room before the payload: link, IPv6 or IPv4 with options, fragment and transport headers. */
export const HEADROOM = 192;
export const SMALL_SIZE = 2048;
/** The longest payload of a datagram, 65535 bytes, and headers of the longest IPv6 packet. */
export const LARGE_SIZE = HEADROOM + 65536 + 320;
const SLAB_BYTES = 256 << 10;

/** Blocks of one size that a packet's payload lies in, in the place of its buffer. */
export interface Lent {
  /** The block that the byte of the packet's buffer at `at` is in; -1: in none. */
  blockAt(at: number): number;
  /** Puts what it lends into the packet's buffer. */
  fill(packet: Packet): void;
  /** The packet needs it no longer. */
  giveBack(): void;
}

/** Whose packet it is, as filters ask. */
export interface PacketOwner {
  readonly uid: number;
  readonly gid: number;
}

export class Packet {
  next: Packet | null = null;
  readonly pool: PacketPool;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The packet's part of the buffer. */
  readonly base: number;
  readonly limit: number;
  isFree = true;
  lent: Lent | null = null;

  /** The bytes that are looked at: from `head` to `end`. */
  head = 0;
  end = 0;
  /** Where its IP header and its transport header stand. */
  network = 0;
  transport = 0;
  /** Where the link header stands that it came with; NO_LINK: it has none. */
  link = NO_LINK;

  checksum = CHECKSUM_NONE;
  checksumStart = 0;
  /** From checksumStart. */
  checksumOffset = 0;
  /** Bytes of payload of the segments that it stands for; 0: it is one itself. VIRTIO_NET_HDR_GSO_*. */
  gsoSize = 0;
  gsoType = 0;

  /** The device that it came from, or that it is to leave by. */
  device: NetDevice | null = null;
  isV6 = false;
  protocol = 0;
  hopLimit = 0;
  trafficClass = 0;
  mark = 0;
  delivery = TO_HOST;
  arrivalUs = 0;
  /** What it costs in a receive queue, as Linux's skb->truesize. */
  trueSize = 0;
  /** Of those that its receiver had lost when it came to its queue. */
  drops = 0;
  /** The socket that sends it; null: none does. */
  owner: PacketOwner | null = null;
  /** The tracked flow that it belongs to, and what it is to that (filter/tracked.ts). */
  flow: TrackedFlow | null = null;
  flowInfo = 0;

  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Whom a device with a link layer sends it to. */
  nextHop0 = 0;
  nextHop1 = 0;
  nextHop2 = 0;
  nextHop3 = 0;

  constructor(pool: PacketPool, bytes: Uint8Array, view: DataView, base: number, limit: number) {
    this.pool = pool;
    this.bytes = bytes;
    this.view = view;
    this.base = base;
    this.limit = limit;
  }

  get length(): number {
    return this.end - this.head;
  }

  /** Whether the checksum is right that all of it from the head on has, with its pseudo header. */
  hasGoodSum(protocol: number): boolean {
    const { view, head, length } = this;
    return sumOf(view, head, length, pseudoSum(this, protocol, length)) === 0xffff;
  }

  get sourceAddress(): IpAddress {
    return IpAddress.fromWords(this.source0, this.source1, this.source2, this.source3);
  }

  get destinationAddress(): IpAddress {
    return IpAddress.fromWords(this.destination0, this.destination1, this.destination2, this.destination3);
  }

  setSource(w0: number, w1: number, w2: number, w3: number): void {
    this.source0 = w0;
    this.source1 = w1;
    this.source2 = w2;
    this.source3 = w3;
  }

  setDestination(w0: number, w1: number, w2: number, w3: number): void {
    this.destination0 = w0;
    this.destination1 = w1;
    this.destination2 = w2;
    this.destination3 = w3;
  }

  setNextHop(w0: number, w1: number, w2: number, w3: number): void {
    this.nextHop0 = w0;
    this.nextHop1 = w1;
    this.nextHop2 = w2;
    this.nextHop3 = w3;
  }

  /** Room for a header before the packet. There must be enough: a packet that is sent has HEADROOM. */
  push(length: number): number {
    this.head -= length;
    if (this.head < this.base) throw new RangeError("a packet without headroom");
    return this.head;
  }

  /** All of its payload stands in its buffer from now on. */
  own(): void {
    if (this.lent === null) return;
    this.lent.fill(this);
    this.lent.giveBack();
    this.lent = null;
  }

  /** The bytes of the packet, in its buffer. */
  data(): Uint8Array {
    this.own();
    return this.bytes.subarray(this.head, this.end);
  }

  /** The bytes of another packet, from this one's head on; there is room for them. */
  takeBytes({ bytes, head, end }: Packet): void {
    copyBytes(bytes, head, this.bytes, this.head, end - head);
    this.end = this.head + end - head;
  }

  /** What another packet is, and its bytes from its head on; false: they do not fit. */
  copyFrom(other: Packet): boolean {
    other.own();
    const headroom = Math.min(other.head - other.base, HEADROOM);
    if (this.base + headroom + other.length > this.limit) return false;
    this.head = this.base + headroom;
    this.end = this.head + other.length;
    const shift = this.head - other.head;
    this.bytes.set(other.bytes.subarray(other.head, other.end), this.head);
    this.network = other.network + shift;
    this.transport = other.transport + shift;
    this.checksum = other.checksum;
    this.checksumStart = other.checksumStart + shift;
    this.checksumOffset = other.checksumOffset;
    this.gsoSize = other.gsoSize;
    this.gsoType = other.gsoType;
    this.copyPathFrom(other);
    return true;
  }

  /** It is another packet from now on, that goes back: whose it was, and its flow, do not hold any more. */
  turnBack(): void {
    this.owner = null;
    this.flow = null;
    this.flowInfo = 0;
  }

  /** All that is known of another packet but its bytes and where they are. */
  copyPathFrom(other: Packet): void {
    this.device = other.device;
    this.isV6 = other.isV6;
    this.protocol = other.protocol;
    this.hopLimit = other.hopLimit;
    this.trafficClass = other.trafficClass;
    this.mark = other.mark;
    this.delivery = other.delivery;
    this.arrivalUs = other.arrivalUs;
    this.trueSize = other.trueSize;
    this.owner = other.owner;
    this.flow = other.flow;
    this.flowInfo = other.flowInfo;
    this.setSource(other.source0, other.source1, other.source2, other.source3);
    this.setDestination(other.destination0, other.destination1, other.destination2, other.destination3);
    this.sourcePort = other.sourcePort;
    this.destinationPort = other.destinationPort;
    this.setNextHop(other.nextHop0, other.nextHop1, other.nextHop2, other.nextHop3);
  }

  release(): void {
    this.pool.put(this);
  }
}

/** Packets with buffers of one size, bounded; their memory is taken in slabs as they are first needed. */
export class PacketPool {
  readonly size: number;
  readonly max: number;
  /** Packets that were made, and those of them that somebody has. */
  made = 0;
  used = 0;
  /** Of those, such as wait for who knows how long: for a program to read them, a neighbour, or the rest of a datagram. */
  waiting = 0;
  /** Wishes that were refused. */
  refused = 0;
  #free: Packet | null = null;

  constructor(size: number, max: number) {
    this.size = size;
    this.max = max;
  }

  #grow(): void {
    const count = Math.min(Math.max(1, Math.floor(SLAB_BYTES / this.size)), this.max - this.made);
    if (count <= 0) return;
    const bytes = new Uint8Array(count * this.size);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) {
      const packet = new Packet(this, bytes, view, i * this.size, (i + 1) * this.size);
      packet.next = this.#free;
      this.#free = packet;
    }
    this.made += count;
  }

  /** Whether one more may wait where they may be so many hundredths: of all stacks together, so that others go on. */
  mayWait(share: number): boolean {
    return this.waiting * 100 < this.max * share;
  }

  /** An empty packet, whose head and end stand behind the headroom; null: there are no more. */
  take(): Packet | null {
    if (this.#free === null) this.#grow();
    const packet = this.#free;
    if (packet === null) {
      this.refused++;
      return null;
    }
    this.#free = packet.next;
    this.used++;
    packet.next = null;
    packet.isFree = false;
    packet.head = packet.base + HEADROOM;
    packet.end = packet.head;
    packet.network = packet.head;
    packet.transport = packet.head;
    packet.link = NO_LINK;
    packet.checksum = CHECKSUM_NONE;
    packet.gsoSize = 0;
    packet.device = null;
    packet.mark = 0;
    packet.delivery = TO_HOST;
    packet.trueSize = 0;
    packet.flowInfo = 0;
    return packet;
  }

  put(packet: Packet): void {
    if (packet.isFree) throw new Error("a packet was released twice");
    packet.isFree = true;
    packet.device = null;
    packet.lent?.giveBack();
    packet.lent = null;
    packet.owner = null;
    packet.flow = null;
    packet.next = this.#free;
    this.#free = packet;
    this.used--;
  }
}

export class PacketPools {
  readonly small: PacketPool;
  readonly large: PacketPool;

  constructor(smallMax: number, largeMax: number) {
    this.small = new PacketPool(SMALL_SIZE, smallMax);
    this.large = new PacketPool(LARGE_SIZE, largeMax);
  }

  /** A packet with room for so many bytes behind the headroom (at most 65536); null: there are no more. */
  take(length: number): Packet | null {
    return length <= SMALL_SIZE - HEADROOM ? this.small.take() : this.large.take();
  }

  /** Another packet with the same bytes; null: there are no more. */
  copy(packet: Packet): Packet | null {
    const copy = this.take(packet.length);
    if (copy === null || copy.copyFrom(packet)) return copy;
    copy.release();
    return null;
  }

  /**
   * A packet on the way of another with the same headers, the first bytes from its IP header at the head on, and some of
   * what follows them; null: there is none.
   */
  takePart(packet: Packet, headers: number, at: number, length: number): Packet | null {
    const part = this.take(headers + length);
    if (part === null) return null;
    const { bytes, head } = packet;
    part.copyPathFrom(packet);
    part.bytes.set(bytes.subarray(head, head + headers), part.head);
    part.bytes.set(bytes.subarray(at, at + length), part.head + headers);
    part.end = part.head + headers + length;
    part.network = part.head;
    return part;
  }

  /** There is none of one of the sizes. */
  get isExhausted(): boolean {
    return this.small.used >= this.small.max || this.large.used >= this.large.max;
  }

  get used(): number {
    return this.small.used + this.large.used;
  }
}

/** Packets one behind the other. What they hold in bytes is the sum of their trueSize. */
export class PacketQueue {
  head: Packet | null = null;
  #tail: Packet | null = null;
  count = 0;
  bytes = 0;

  push(packet: Packet): void {
    packet.next = null;
    if (this.#tail === null) this.head = packet;
    else this.#tail.next = packet;
    this.#tail = packet;
    this.count++;
    this.bytes += packet.trueSize;
  }

  /** A packet that was shifted is the first again. */
  unshift(packet: Packet): void {
    packet.next = this.head;
    this.head = packet;
    this.#tail ??= packet;
    this.count++;
    this.bytes += packet.trueSize;
  }

  shift(): Packet | null {
    const packet = this.head;
    if (packet === null) return null;
    this.head = packet.next;
    if (this.head === null) this.#tail = null;
    packet.next = null;
    this.count--;
    this.bytes -= packet.trueSize;
    return packet;
  }

  releaseAll(): void {
    for (let packet = this.shift(); packet !== null; packet = this.shift()) packet.release();
  }
}
