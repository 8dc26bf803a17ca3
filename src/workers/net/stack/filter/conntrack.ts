// Connection tracking (Linux's nf_conntrack): the table of flows, found by the tuple of either direction, which flow a packet
// belongs to, and when one is over. A new flow stands in the table once its first packet has gone by everything that may
// drop it (confirm).
//
// The table has at most settings.max flows. A new one beyond makes one go that was never answered for good (not assured),
// searched for in a few places; if there is none, the packet is dropped. Both are counted.

import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import type { StackCore } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import { CONNTRACK_BUCKETS, CONNTRACK_MAX } from "../limits.ts";
import type { Packet } from "../packet.ts";
import { SipHash } from "../siphash.ts";
import * as F from "../tcp/format.ts";
import { hasRightChecksum } from "./checksum.ts";
import { addressesAt, PacketParts } from "./packet_parts.ts";
import * as Tcp from "./tcp_states.ts";
import * as T from "./tracked.ts";
import { type Direction, TrackedFlow } from "./tracked.ts";
import { Tuple } from "./tuple.ts";

const US_PER_S = 1_000_000;
/** Places where one is searched for that may go: NF_CT_EVICTION_RANGE. */
const EVICTION_RANGE = 8;
/** Flows of one place that a search for one that may go looks at. */
const EVICTION_DEPTH = 8;
/** From when on datagrams both ways are a stream, in µs. */
const STREAM_AFTER_US = 2 * US_PER_S;

/** Types that tell of an error, with the packet's beginning. */
const ERRORS4: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMP6_ERROR_MAX = 4;
/** What keeps a link going, which nobody tracks: MLD and neighbour discovery. */
const UNTRACKED6: ReadonlySet<number> = new Set([130, 131, 132, 133, 134, 135, 136, 137, 143]);
/** Types that ask for an answer. */
const REQUESTS4: ReadonlySet<number> = new Set([8, 13, 15, 17]);
const REQUESTS6: ReadonlySet<number> = new Set([128, 139]);

/** What sysctls set (net.netfilter.nf_conntrack_*). */
export class ConntrackSettings {
  max = CONNTRACK_MAX;
  tcpLoose = true;
  /** In seconds. */
  readonly tcpTimeouts: number[] = [...Tcp.TIMEOUTS_S];
  udpTimeout = 30;
  udpStreamTimeout = 120;
  icmpTimeout = 30;
  icmp6Timeout = 30;
  genericTimeout = 600;
}

/** The names of /proc/net/stat/nf_conntrack. */
export class ConntrackCounters {
  found = 0;
  invalid = 0;
  insertFailed = 0;
  /** Packets that were dropped since there was no room for their flow. */
  drop = 0;
  earlyDrop = 0;
}

export class Conntrack {
  readonly #core: StackCore;
  readonly #hash: SipHash;
  /** Made with the first flow. */
  #buckets: (Direction | null)[] = [];
  readonly #tuple = new Tuple();
  readonly #inner = new Tuple();
  readonly #quoted = new PacketParts();
  readonly #expired = (flow: TrackedFlow): void => this.#remove(flow);
  /** By place, for whoever lists them; some places are empty. */
  readonly flows: (TrackedFlow | null)[] = [];
  readonly #freePlaces: number[] = [];
  readonly settings = new ConntrackSettings();
  readonly counters = new ConntrackCounters();
  count = 0;

  constructor(core: StackCore) {
    this.#core = core;
    this.#hash = new SipHash(() => core.host.random32());
  }

  // ---- The table ----

  find(tuple: Tuple): Direction | null {
    let found = this.#buckets[tuple.hash(this.#hash) & (CONNTRACK_BUCKETS - 1)] ?? null;
    while (found !== null && !found.equals(tuple)) found = found.next;
    return found;
  }

  /** Whether another flow's packets, in either direction, have the tuple. */
  isTaken(tuple: Tuple, flow: TrackedFlow): boolean {
    const found = this.find(tuple);
    return found !== null && found.flow !== flow;
  }

  #insert(direction: Direction): void {
    const bucket = direction.hash(this.#hash) & (CONNTRACK_BUCKETS - 1);
    direction.hashed = bucket;
    direction.next = this.#buckets[bucket]!;
    this.#buckets[bucket] = direction;
  }

  #unlink(direction: Direction): void {
    const first = this.#buckets[direction.hashed]!;
    if (first === direction) this.#buckets[direction.hashed] = direction.next;
    else {
      let before = first;
      while (before.next !== direction) before = before.next!;
      before.next = direction.next;
    }
    direction.next = null;
  }

  /** A flow is over: its packets begin a new one. */
  #remove(flow: TrackedFlow): void {
    flow.status |= T.DYING;
    if (flow.place < 0) return;
    this.#core.timers.remove(flow);
    this.#unlink(flow.original);
    this.#unlink(flow.reply);
    this.flows[flow.place] = null;
    this.#freePlaces.push(flow.place);
    flow.place = -1;
    this.count--;
    this.#core.memory.flows--;
  }

  /** Its stack is no more, nor are its flows. */
  end(): void {
    this.#core.memory.flows -= this.count;
    this.count = 0;
    this.flows.length = 0;
    this.#buckets = [];
  }

  /** One is over that may go, near that place; false: there is none. */
  #evict(tuple: Tuple): boolean {
    const start = tuple.hash(this.#hash);
    for (let i = 0; i < EVICTION_RANGE; i++) {
      let one = this.#buckets[(start + i) & (CONNTRACK_BUCKETS - 1)] ?? null;
      for (let depth = 0; one !== null && depth < EVICTION_DEPTH; depth++, one = one.next)
        if (!one.flow.has(T.ASSURED)) {
          this.#remove(one.flow);
          this.counters.earlyDrop++;
          return true;
        }
    }
    return false;
  }

  // ---- What belongs to what ----

  /** Finds or begins the packet's flow, which stands in it then, if it has one. False: the packet is to be dropped. */
  track(packet: Packet, parts: PacketParts): boolean {
    // What comes back over loopback is tracked already.
    if (packet.flow !== null || packet.flowInfo === T.UNTRACKED) return true;
    const { view, isV6 } = packet;
    const { protocol } = parts;
    if (!parts.isWhole || parts.fragment !== 0) return this.#isInvalid();
    if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
      if (!parts.has(Icmp.HEADER)) return this.#isInvalid();
      const type = view.getUint8(parts.at);
      if (isV6 ? protocol === IPPROTO_ICMPV6 && type <= ICMP6_ERROR_MAX : ERRORS4.has(type))
        return this.#trackError(packet, parts);
      if (isV6 && UNTRACKED6.has(type)) {
        packet.flowInfo = T.UNTRACKED;
        return true;
      }
    }
    const tuple = this.#tuple;
    if (!parts.tuple(view, tuple, false)) return this.#isInvalid();
    addressesAt(view, isV6, packet.network, tuple);
    // A segment that reopens what has ended makes the search begin anew.
    for (let again = 0; again < 2; again++) {
      let direction = this.find(tuple);
      if (direction === null) {
        direction = this.#begin(packet, parts, tuple);
        if (direction === null) return !this.#isFull;
      }
      const { flow, isReply } = direction;
      const info = isReply ? T.ESTABLISHED + T.IS_REPLY : flow.has(T.SEEN_REPLY) ? T.ESTABLISHED : T.NEW;
      const belongs = this.#see(flow, packet, parts, isReply);
      if (belongs === REOPENS) continue;
      if (belongs === NOT_ITS) return this.#isInvalid();
      packet.flow = flow;
      packet.flowInfo = info;
      if (isReply) flow.status |= T.SEEN_REPLY;
      return true;
    }
    return this.#isInvalid();
  }

  #isFull = false;

  #isInvalid(): true {
    this.counters.invalid++;
    return true;
  }

  /** A flow that is not in the table yet. Null: the packet begins none, or there is no room (isFull). */
  #begin(packet: Packet, parts: PacketParts, tuple: Tuple): Direction | null {
    this.#isFull = false;
    const { settings } = this;
    if (!this.#mayBegin(packet, parts)) {
      this.counters.invalid++;
      return null;
    }
    const { memory } = this.#core;
    const isFull = memory.flows >= memory.flowsMax || (settings.max !== 0 && this.count >= settings.max);
    if (isFull && !this.#evict(tuple)) {
      this.counters.drop++;
      this.#isFull = true;
      return null;
    }
    const flow = new TrackedFlow(packet.isV6, this.#expired);
    flow.original.copy(tuple);
    flow.reply.invert(tuple);
    flow.streamUs = this.#core.nowUs + STREAM_AFTER_US;
    return flow.original;
  }

  #mayBegin({ view, isV6 }: Packet, { protocol, at }: PacketParts): boolean {
    if (protocol === IPPROTO_TCP) {
      const flags = view.getUint8(at + F.FLAGS);
      const state = Tcp.nextState(Tcp.NONE, flags, false);
      return (
        Tcp.areValidFlags(flags) && state < Tcp.IGNORED && (state === Tcp.SYN_SENT || this.settings.tcpLoose)
      );
    }
    if (protocol === IPPROTO_ICMP && !isV6) return REQUESTS4.has(view.getUint8(at));
    if (protocol === IPPROTO_ICMPV6 && isV6) return REQUESTS6.has(view.getUint8(at));
    return true;
  }

  // ---- What is seen of a flow ----

  #see(flow: TrackedFlow, packet: Packet, parts: PacketParts, isReply: boolean): number {
    const { settings } = this;
    switch (parts.protocol) {
      case IPPROTO_TCP:
        return this.#seeSegment(flow, packet.view, parts.at, isReply);
      case IPPROTO_UDP:
        if (flow.has(T.SEEN_REPLY) || isReply) {
          const isStream = this.#core.nowUs > flow.streamUs;
          this.#lasts(flow, isStream ? settings.udpStreamTimeout : settings.udpTimeout);
          if (isStream) flow.status |= T.ASSURED;
        } else this.#lasts(flow, settings.udpTimeout);
        return ITS;
      case IPPROTO_ICMP:
        this.#lasts(flow, settings.icmpTimeout);
        return ITS;
      case IPPROTO_ICMPV6:
        this.#lasts(flow, settings.icmp6Timeout);
        return ITS;
      default:
        this.#lasts(flow, settings.genericTimeout);
        return ITS;
    }
  }

  #seeSegment(flow: TrackedFlow, view: DataView, at: number, isReply: boolean): number {
    const flags = view.getUint8(at + F.FLAGS);
    const before = flow.state;
    if (!Tcp.areValidFlags(flags)) return NOT_ITS;
    const next = Tcp.nextState(before, flags, isReply);
    if (next === Tcp.INVALID) return NOT_ITS;
    if (next === Tcp.IGNORED) return ITS;
    if (next === Tcp.SYN_SENT && before >= Tcp.TIME_WAIT) {
      this.#remove(flow);
      return REOPENS;
    }
    if ((flags & F.RST) !== 0) {
      if (!flow.has(T.SEEN_REPLY) && isReply) {
        // All that was ever answered is that there is nobody.
        this.#remove(flow);
        return ITS;
      }
      const acknowledged = isReply ? flow.maxAck : flow.maxAckReply;
      const sequence = view.getUint32(at + F.SEQUENCE);
      if (acknowledged >= 0 && sequence !== acknowledged && before !== Tcp.SYN_SENT) return NOT_ITS;
    } else if ((flags & F.ACK) !== 0) {
      const ack = view.getUint32(at + F.ACKNOWLEDGEMENT);
      const known = isReply ? flow.maxAckReply : flow.maxAck;
      if (known < 0 || (flags & F.SYN) !== 0 || ((ack - known) | 0) > 0) {
        if (isReply) flow.maxAckReply = ack;
        else flow.maxAck = ack;
      }
    }
    flow.state = next;
    if (next === Tcp.ESTABLISHED && (before === Tcp.SYN_RECV || before === Tcp.ESTABLISHED))
      if (flow.has(T.SEEN_REPLY)) flow.status |= T.ASSURED;
    this.#lasts(flow, this.settings.tcpTimeouts[next]!);
    return ITS;
  }

  #lasts(flow: TrackedFlow, seconds: number): void {
    const { nowUs, timers } = this.#core;
    const deadlineUs = nowUs + seconds * US_PER_S;
    if (flow.place >= 0) timers.schedule(flow, deadlineUs);
    else flow.deadlineUs = deadlineUs;
  }

  // ---- Errors about a flow ----

  /** The flow that an ICMP message is about, by what it quotes. */
  #trackError(packet: Packet, parts: PacketParts): boolean {
    const { at, end } = parts;
    const { view, isV6 } = packet;
    // What is translated gets a new checksum: a wrong one would be made good.
    if (!hasRightChecksum(packet, parts)) return this.#isInvalid();
    const quoted = this.#quoted;
    const inner = this.#inner;
    const network = at + Icmp.HEADER;
    quoted.read(packet, isV6, network, end);
    if (!quoted.tuple(view, this.#tuple, true)) return this.#isInvalid();
    addressesAt(view, isV6, network, this.#tuple);
    inner.invert(this.#tuple);
    const direction = this.find(inner);
    if (direction === null) return this.#isInvalid();
    // It goes to whoever sent what it quotes.
    addressesAt(view, isV6, packet.network, this.#tuple);
    const { destination0, destination1, destination2, destination3 } = this.#tuple;
    if (
      direction.destination0 !== destination0 ||
      direction.destination1 !== destination1 ||
      direction.destination2 !== destination2 ||
      direction.destination3 !== destination3
    )
      return this.#isInvalid();
    packet.flow = direction.flow;
    packet.flowInfo = direction.isReply ? T.RELATED + T.IS_REPLY : T.RELATED;
    return true;
  }

  // ---- The end of a packet's way ----

  /** The packet's flow is in the table from now on. False: another has its tuples; the packet is to be dropped. */
  confirm({ flow, flowInfo }: Packet): boolean {
    if (flow === null || flow.has(T.CONFIRMED | T.DYING) || flowInfo >= T.IS_REPLY) return true;
    if (this.find(flow.original) !== null || this.find(flow.reply) !== null) {
      this.counters.insertFailed++;
      return false;
    }
    flow.status |= T.CONFIRMED;
    if (this.#buckets.length === 0) this.#buckets = new Array<Direction | null>(CONNTRACK_BUCKETS).fill(null);
    this.#insert(flow.original);
    this.#insert(flow.reply);
    flow.place = this.#freePlaces.pop() ?? this.flows.length;
    this.flows[flow.place] = flow;
    this.count++;
    this.#core.memory.flows++;
    this.#core.timers.schedule(flow, flow.deadlineUs);
    return true;
  }
}

// What a packet is to the flow that its tuple names.
const ITS = 0;
const NOT_ITS = 1;
/** It begins the flow anew: the old one is over. */
const REOPENS = 2;
