// Fragments of either family until their datagram is whole (RFC 791, RFC 8200 4.5, RFC 5722). A map of 8 byte units tells
// in a few steps whether a fragment is new, repeats what is there (it is dropped), or overlaps it (the datagram is).
//
// Fragments are held as they came; what they hold of buffers is bounded (FRAGMENT_BYTES_MAX, as Linux's high_thresh:
// nothing more is taken until it falls), so is the number of datagrams. One that is not whole in time is dropped, in the
// order in which they began.

import type { IpCounters } from "../counters.ts";
import { FRAGMENT_BYTES_MAX, REASSEMBLIES_MAX, WAITING_SHARE } from "../limits.ts";
import { CHECKSUM_NONE, type Packet, type PacketPools } from "../packet.ts";
import { mix, mixAddress } from "../path_mtu.ts";

const UNIT = 8;
const UNITS = 65536 / UNIT;
const BUCKETS = 256;
const PAYLOAD_MAX = 65535;

/** A fragment's place in its datagram, which its family has read. */
export interface Fragment {
  readonly id: number;
  /** 0 in IPv6, whose datagrams are told apart without it. */
  readonly protocol: number;
  /** The device that it must have come from; 0: any. */
  readonly deviceIndex: number;
  /** In bytes. */
  readonly offset: number;
  readonly hasMore: boolean;
}

/** A datagram in parts. */
class Reassembly {
  next: Reassembly | null = null;
  /** In the order in which they began. */
  older: Reassembly | null = null;
  newer: Reassembly | null = null;
  bucket = 0;
  readonly words = new Int32Array(8);
  id = 0;
  protocol = 0;
  deviceIndex = 0;
  deadlineUs = 0;
  /** The last fragment came: `end` is the datagram's. */
  hasEnd = false;
  end = 0;
  units = 0;
  bytes = 0;
  /** A bit for each unit that has come. */
  readonly map = new Int32Array(UNITS / 32);
  fragments: Packet | null = null;
  /** Of the fragment of offset 0; its bytes are in `fragments`. */
  first: Packet | null = null;

  isFor(packet: Packet, fragment: Fragment): boolean {
    const { words } = this;
    return (
      this.id === fragment.id &&
      this.protocol === fragment.protocol &&
      this.deviceIndex === fragment.deviceIndex &&
      words[0] === packet.source0 &&
      words[1] === packet.source1 &&
      words[2] === packet.source2 &&
      words[3] === packet.source3 &&
      words[4] === packet.destination0 &&
      words[5] === packet.destination1 &&
      words[6] === packet.destination2 &&
      words[7] === packet.destination3
    );
  }
}

/** How many units of a range are there: none, all or some. */
const NONE = 0;
const ALL = 1;
const SOME = 2;

function have(map: Int32Array, from: number, to: number): number {
  let some = false;
  let all = true;
  for (let at = from; at < to; ) {
    const stop = Math.min(to, (at | 31) + 1);
    const mask = maskOf(at & 31, stop - at);
    const bits = map[at >> 5]! & mask;
    if (bits !== 0) some = true;
    if (bits !== mask) all = false;
    at = stop;
  }
  return all ? ALL : some ? SOME : NONE;
}

function mark(map: Int32Array, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const stop = Math.min(to, (at | 31) + 1);
    map[at >> 5]! |= maskOf(at & 31, stop - at);
    at = stop;
  }
}

function maskOf(shift: number, count: number): number {
  return (count === 32 ? -1 : (1 << count) - 1) << shift;
}

/** Whom a datagram concerns that was not whole in time. `first` is its first fragment, which stays the caller's. */
export type OnTimeout = (first: Packet | null) => void;

export class Reassembler {
  readonly #pools: PacketPools;
  readonly #counters: Pick<IpCounters, "ReasmTimeout" | "ReasmReqds" | "ReasmOKs" | "ReasmFails">;
  readonly #key: number;
  readonly #timeUs: number;
  readonly #onTimeout: OnTimeout;
  readonly #buckets: (Reassembly | null)[] = new Array<Reassembly | null>(BUCKETS).fill(null);
  #oldest: Reassembly | null = null;
  #newest: Reassembly | null = null;
  #free: Reassembly | null = null;
  count = 0;
  bytes = 0;

  constructor(
    pools: PacketPools,
    counters: Pick<IpCounters, "ReasmTimeout" | "ReasmReqds" | "ReasmOKs" | "ReasmFails">,
    key: number,
    timeUs: number,
    onTimeout: OnTimeout,
  ) {
    this.#pools = pools;
    this.#counters = counters;
    this.#key = key;
    this.#timeUs = timeUs;
    this.#onTimeout = onTimeout;
  }

  get nextDeadlineUs(): number {
    return this.#oldest === null ? Number.POSITIVE_INFINITY : this.#oldest.deadlineUs;
  }

  /**
   * Takes a fragment, its head at its part of the payload. Null, or the whole: the first fragment's header
   * from its network to its transport, then the payload, with its head at the latter; lengths in the header are not
   * changed yet.
   */
  add(packet: Packet, fragment: Fragment, nowUs: number): Packet | null {
    this.#counters.ReasmReqds++;
    if (this.bytes > FRAGMENT_BYTES_MAX || !packet.pool.mayWait(WAITING_SHARE)) return this.#refuse(packet);
    const whole = this.#find(packet, fragment) ?? this.#begin(packet, fragment, nowUs);
    if (whole === null) return this.#refuse(packet);
    const { offset, hasMore } = fragment;
    let { length } = packet;
    // Only the last fragment may end within a unit.
    if (hasMore) length &= ~(UNIT - 1);
    const end = offset + length;
    if (end > PAYLOAD_MAX) return this.#spoil(whole, packet);
    if (hasMore ? whole.hasEnd && end > whole.end : end < whole.end || (whole.hasEnd && end !== whole.end))
      return this.#spoil(whole, packet);
    if (length === 0) return this.#spoil(whole, packet);
    const from = offset / UNIT;
    const to = Math.ceil(end / UNIT);
    const state = have(whole.map, from, to);
    if (state === ALL) return this.#refuse(packet, false);
    if (state === SOME) return this.#spoil(whole, packet);
    mark(whole.map, from, to);
    whole.end = Math.max(whole.end, end);
    whole.hasEnd ||= !hasMore;
    whole.units += to - from;
    packet.end = packet.head + length;
    // Where a fragment goes: its field serves while it is held here.
    packet.checksumStart = offset;
    packet.next = whole.fragments;
    whole.fragments = packet;
    if (offset === 0) whole.first = packet;
    whole.bytes += packet.pool.size;
    this.bytes += packet.pool.size;
    packet.pool.waiting++;
    if (!whole.hasEnd || whole.units !== Math.ceil(whole.end / UNIT)) return null;
    return this.#assemble(whole);
  }

  #refuse(packet: Packet, isFailure = true): null {
    if (isFailure) this.#counters.ReasmFails++;
    packet.release();
    return null;
  }

  #spoil(whole: Reassembly, packet: Packet): null {
    this.#end(whole);
    return this.#refuse(packet);
  }

  #assemble(whole: Reassembly): Packet | null {
    const first = whole.first!;
    const headerLength = first.transport - first.network;
    const result = this.#pools.take(headerLength + whole.end);
    if (result === null) {
      this.#counters.ReasmFails++;
      this.#end(whole);
      return null;
    }
    result.copyPathFrom(first);
    result.checksum = CHECKSUM_NONE;
    result.network = result.head;
    result.bytes.set(first.bytes.subarray(first.network, first.network + headerLength), result.head);
    result.head += headerLength;
    result.transport = result.head;
    result.end = result.head + whole.end;
    for (let part = whole.fragments; part !== null; part = part.next)
      result.bytes.set(part.bytes.subarray(part.head, part.end), result.head + part.checksumStart);
    this.#end(whole);
    this.#counters.ReasmOKs++;
    return result;
  }

  #bucketOf(packet: Packet, fragment: Fragment): number {
    let hash = mix(mix(this.#key, fragment.id), fragment.protocol);
    hash = mixAddress(hash, packet.source0, packet.source1, packet.source2, packet.source3);
    hash = mixAddress(
      hash,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    );
    return hash & (BUCKETS - 1);
  }

  #find(packet: Packet, fragment: Fragment): Reassembly | null {
    let whole = this.#buckets[this.#bucketOf(packet, fragment)] as Reassembly | null;
    while (whole !== null && !whole.isFor(packet, fragment)) whole = whole.next;
    return whole;
  }

  #begin(packet: Packet, fragment: Fragment, nowUs: number): Reassembly | null {
    if (this.count >= REASSEMBLIES_MAX) return null;
    const whole = this.#free ?? new Reassembly();
    this.#free = whole.next;
    const { words } = whole;
    words[0] = packet.source0;
    words[1] = packet.source1;
    words[2] = packet.source2;
    words[3] = packet.source3;
    words[4] = packet.destination0;
    words[5] = packet.destination1;
    words[6] = packet.destination2;
    words[7] = packet.destination3;
    whole.id = fragment.id;
    whole.protocol = fragment.protocol;
    whole.deviceIndex = fragment.deviceIndex;
    whole.deadlineUs = nowUs + this.#timeUs;
    whole.bucket = this.#bucketOf(packet, fragment);
    whole.next = this.#buckets[whole.bucket] as Reassembly | null;
    this.#buckets[whole.bucket] = whole;
    whole.older = this.#newest;
    whole.newer = null;
    if (this.#newest === null) this.#oldest = whole;
    else this.#newest.newer = whole;
    this.#newest = whole;
    this.count++;
    return whole;
  }

  #end(whole: Reassembly): void {
    let part = whole.fragments;
    while (part !== null) {
      const { next } = part;
      part.pool.waiting--;
      part.release();
      part = next;
    }
    this.bytes -= whole.bytes;
    let before: Reassembly | null = null;
    for (let at = this.#buckets[whole.bucket]!; at !== whole; at = at.next!) before = at;
    if (before === null) this.#buckets[whole.bucket] = whole.next;
    else before.next = whole.next;
    if (whole.older === null) this.#oldest = whole.newer;
    else whole.older.newer = whole.newer;
    if (whole.newer === null) this.#newest = whole.older;
    else whole.newer.older = whole.older;
    whole.older = null;
    whole.newer = null;
    whole.fragments = null;
    whole.first = null;
    whole.hasEnd = false;
    whole.end = 0;
    whole.units = 0;
    whole.bytes = 0;
    whole.map.fill(0);
    whole.next = this.#free;
    this.#free = whole;
    this.count--;
  }

  /** All of them go. */
  clear(): void {
    while (this.#oldest !== null) this.#end(this.#oldest);
  }

  /** Drops up to so many whose time is over; whether there are more. */
  expire(nowUs: number, max: number): boolean {
    for (let i = 0; i < max; i++) {
      const oldest = this.#oldest;
      if (oldest === null || oldest.deadlineUs > nowUs) return false;
      this.#counters.ReasmTimeout++;
      this.#counters.ReasmFails++;
      this.#onTimeout(oldest.first);
      this.#end(oldest);
    }
    return this.nextDeadlineUs <= nowUs;
  }
}
