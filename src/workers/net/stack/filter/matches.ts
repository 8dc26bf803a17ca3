// Matches that look at anything but the transport: who sends, from where to where, marks, rates, and what is known of the
// packet's flow.

import { EINVAL, ERANGE } from "../../../../shared/abi/errno.ts";
import {
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_PROHIBIT,
  RTN_UNICAST,
} from "../../../../shared/abi/netlink.ts";
import { MAPPED } from "../ip_address.ts";
import type { Evaluation, Match } from "./evaluation.ts";
import * as H from "./evaluation.ts";
import type { MatchKind } from "./extension.ts";
import type { Direction, TrackedFlow } from "./tracked.ts";
import * as T from "./tracked.ts";
import { TRANSPORT_MATCHES } from "./transport_matches.ts";

const bit = (hook: number): number => 1 << hook;
const US_PER_S = 1_000_000;

// ---- State of the flow ----

/** XT_CONNTRACK_STATE_*, beside 1 << (1 + what the packet is to its flow). */
const [STATE_INVALID, STATE_SNAT, STATE_DNAT, STATE_UNTRACKED] = [1, 1 << 6, 1 << 7, 1 << 8];
/** XT_STATE_UNTRACKED */
const OLD_STATE_UNTRACKED = 1 << 6;

/** What the packet is to its flow, as a bit. */
export function stateBit({ flow, flowInfo }: Evaluation["packet"], untracked: number): number {
  if (flow !== null) return 1 << ((flowInfo % T.IS_REPLY) + 1);
  return flowInfo === T.UNTRACKED ? untracked : STATE_INVALID;
}

class State implements Match {
  readonly #mask: number;

  constructor(data: Buffer) {
    this.#mask = data.readUInt32LE(0);
  }

  matches({ packet }: Evaluation): boolean {
    return (stateBit(packet, OLD_STATE_UNTRACKED) & this.#mask) !== 0;
  }
}

// XT_CONNTRACK_*: what is asked for.
const [ASK_STATE, ASK_PROTOCOL] = [1 << 0, 1 << 1];
const [ASK_STATUS, ASK_EXPIRES] = [1 << 6, 1 << 7];
const ASK_DIRECTION = 1 << 12;
/** Addresses and ports: the bit, where they stand in the struct, and of which direction they are. */
const ADDRESSES = [
  { ask: 1 << 2, at: 0, isReply: false, isSource: true },
  { ask: 1 << 3, at: 32, isReply: false, isSource: false },
  { ask: 1 << 4, at: 64, isReply: true, isSource: true },
  { ask: 1 << 5, at: 96, isReply: true, isSource: false },
] as const;
const PORTS = [
  { ask: 1 << 8, at: 138, isReply: false, isSource: true },
  { ask: 1 << 9, at: 140, isReply: false, isSource: false },
  { ask: 1 << 10, at: 142, isReply: true, isSource: true },
  { ask: 1 << 11, at: 144, isReply: true, isSource: false },
] as const;
const STATUS_SHOWN = 0xffff;

class ConntrackMatch implements Match {
  readonly #asks: number;
  readonly #inverted: number;
  readonly #states: number;
  readonly #status: number;
  readonly #protocol: number;
  readonly #expiresMin: number;
  readonly #expiresMax: number;
  readonly #addresses: {
    ask: number;
    isReply: boolean;
    isSource: boolean;
    words: number[];
    mask: number[];
  }[] = [];
  readonly #ports: { ask: number; isReply: boolean; isSource: boolean; min: number; max: number }[] = [];

  constructor(data: Buffer, revision: number, isV6: boolean) {
    this.#expiresMin = data.readUInt32LE(128);
    this.#expiresMax = data.readUInt32LE(132);
    this.#protocol = data.readUInt16LE(136);
    this.#asks = data.readUInt16LE(146);
    this.#inverted = data.readUInt16LE(148);
    this.#states = revision === 1 ? data[150]! : data.readUInt16LE(150);
    this.#status = revision === 1 ? data[151]! : data.readUInt16LE(152);
    for (const { ask, at, isReply, isSource } of ADDRESSES) {
      if ((this.#asks & ask) === 0) continue;
      const read = (from: number): number[] =>
        isV6 ? [0, 4, 8, 12].map((i) => data.readInt32BE(from + i)) : [0, 0, 0, data.readInt32BE(from)];
      const [words, mask] = [read(at), read(at + 16)];
      // Of a flow of IPv4 the words before the last are those of a mapped address.
      this.#addresses.push({ ask, isReply, isSource, words, mask });
    }
    for (const [i, { ask, at, isReply, isSource }] of PORTS.entries()) {
      if ((this.#asks & ask) === 0) continue;
      const min = revision === 3 ? data.readUInt16LE(at) : data.readUInt16BE(at);
      const max = revision === 3 ? data.readUInt16LE(154 + i * 2) : min;
      this.#ports.push({ ask, isReply, isSource, min, max });
    }
  }

  #isInverted(ask: number): boolean {
    return (this.#inverted & ask) !== 0;
  }

  matches({ packet, actions }: Evaluation): boolean {
    const { flow, flowInfo } = packet;
    const asks = this.#asks;
    if ((asks & ASK_STATE) !== 0) {
      let states = stateBit(packet, STATE_UNTRACKED);
      if (flow !== null) {
        if (flow.has(T.SRC_NAT)) states |= STATE_SNAT;
        if (flow.has(T.DST_NAT)) states |= STATE_DNAT;
      }
      if (((states & this.#states) !== 0) === this.#isInverted(ASK_STATE)) return false;
    }
    if (flow === null) return (asks & ASK_STATE) !== 0;
    if ((asks & ASK_DIRECTION) !== 0)
      if (flowInfo >= T.IS_REPLY !== this.#isInverted(ASK_DIRECTION)) return false;
    for (const { ask, isReply, isSource, words, mask } of this.#addresses)
      if (isOf(isReply ? flow.reply : flow.original, isSource, words, mask) === this.#isInverted(ask))
        return false;
    if ((asks & ASK_PROTOCOL) !== 0)
      if ((flow.original.protocol === this.#protocol) === this.#isInverted(ASK_PROTOCOL)) return false;
    for (const { ask, isReply, isSource, min, max } of this.#ports) {
      const direction = isReply ? flow.reply : flow.original;
      const port = isSource ? direction.sourcePort : direction.destinationPort;
      if ((port >= min && port <= max) === this.#isInverted(ask)) return false;
    }
    if ((asks & ASK_STATUS) !== 0)
      if (((flow.status & STATUS_SHOWN & this.#status) !== 0) === this.#isInverted(ASK_STATUS)) return false;
    if ((asks & ASK_EXPIRES) === 0) return true;
    const left = Math.max(0, Math.floor((flow.deadlineUs - actions.core.nowUs) / US_PER_S));
    const isIn = left >= this.#expiresMin && left <= this.#expiresMax;
    return isIn !== this.#isInverted(ASK_EXPIRES);
  }
}

function isOf(one: Direction, isSource: boolean, words: number[], mask: number[]): boolean {
  const { source0, source1, source2, source3 } = one;
  const { destination0, destination1, destination2, destination3 } = one;
  const w0 = isSource ? source0 : destination0;
  const w1 = isSource ? source1 : destination1;
  const w2 = isSource ? source2 : destination2;
  const w3 = isSource ? source3 : destination3;
  return (
    ((w0 ^ words[0]!) & mask[0]!) === 0 &&
    ((w1 ^ words[1]!) & mask[1]!) === 0 &&
    ((w2 ^ words[2]!) & mask[2]!) === 0 &&
    ((w3 ^ words[3]!) & mask[3]!) === 0
  );
}

function conntrack(revision: number, size: number): MatchKind {
  return {
    name: "conntrack",
    revision,
    isShared: true,
    size,
    cost: 4,
    usesConntrack: true,
    make: (data, { isV6 }) => new ConntrackMatch(data, revision, isV6),
  };
}

// ---- Marks ----

class Mark implements Match {
  readonly #mark: number;
  readonly #mask: number;
  readonly #isInverted: boolean;
  readonly #isOfFlow: boolean;

  constructor(data: Buffer, isOfFlow: boolean) {
    this.#mark = data.readInt32LE(0);
    this.#mask = data.readInt32LE(4);
    this.#isInverted = data[8]! !== 0;
    this.#isOfFlow = isOfFlow;
  }

  matches({ packet }: Evaluation): boolean {
    if (this.#isOfFlow && packet.flow === null) return false;
    const mark = this.#isOfFlow ? (packet.flow as TrackedFlow).mark : packet.mark;
    return ((mark & this.#mask) === this.#mark) !== this.#isInverted;
  }
}

// ---- Who sends ----

/** Groups beside the first (--suppl-groups) are not known here. */
const [OWNER_UID, OWNER_GID, OWNER_SOCKET] = [1, 2, 4];

class Owner implements Match {
  readonly #uidMin: number;
  readonly #uidMax: number;
  readonly #gidMin: number;
  readonly #gidMax: number;
  readonly #asks: number;
  readonly #inverted: number;

  constructor(data: Buffer) {
    this.#uidMin = data.readUInt32LE(0);
    this.#uidMax = data.readUInt32LE(4);
    this.#gidMin = data.readUInt32LE(8);
    this.#gidMax = data.readUInt32LE(12);
    this.#asks = data[16]!;
    this.#inverted = data[17]!;
  }

  matches({ packet: { owner } }: Evaluation): boolean {
    const asks = this.#asks;
    const inverted = this.#inverted;
    if (owner === null) return (asks ^ inverted) === 0;
    if ((asks & inverted & OWNER_SOCKET) !== 0) return false;
    if ((asks & OWNER_UID) !== 0) {
      const isIn = owner.uid >= this.#uidMin && owner.uid <= this.#uidMax;
      if (isIn === ((inverted & OWNER_UID) !== 0)) return false;
    }
    if ((asks & OWNER_GID) === 0) return true;
    const isIn = owner.gid >= this.#gidMin && owner.gid <= this.#gidMax;
    return isIn !== ((inverted & OWNER_GID) !== 0);
  }
}

// owner_check
function isOwner(data: Buffer): boolean {
  const asks = data[16]!;
  if ((asks & ~(OWNER_UID | OWNER_GID | OWNER_SOCKET)) !== 0) return false;
  return (
    ((asks & OWNER_UID) === 0 || isSpan(data.readUInt32LE(0), data.readUInt32LE(4))) &&
    ((asks & OWNER_GID) === 0 || isSpan(data.readUInt32LE(8), data.readUInt32LE(12)))
  );
}

/** Ids of a lowest to a highest; U32_MAX is nobody's. */
function isSpan(min: number, max: number): boolean {
  return min <= max && max !== U32_MAX;
}

// ---- Kinds of addresses ----

/** XT_ADDRTYPE_*, and what revision 0 has in their place. */
const [INVERT_SOURCE, INVERT_DESTINATION, LIMIT_IN, LIMIT_OUT] = [1, 2, 4, 8];
/** Types that IPv6 has no addresses of, as bits. */
const NOT_IN_V6 = bit(RTN_BROADCAST) | bit(RTN_BLACKHOLE);

class AddressType implements Match {
  readonly #source: number;
  readonly #destination: number;
  readonly #flags: number;

  constructor(data: Buffer, flags: number) {
    this.#source = data.readUInt16LE(0);
    this.#destination = data.readUInt16LE(2);
    this.#flags = flags;
  }

  matches(at: Evaluation): boolean {
    const { packet } = at;
    const flags = this.#flags;
    const { source0, source1, source2, source3 } = packet;
    if (this.#source !== 0) {
      const is = this.#isType(at, this.#source, source0, source1, source2, source3);
      if (is === ((flags & INVERT_SOURCE) !== 0)) return false;
    }
    if (this.#destination === 0) return true;
    const { destination0, destination1, destination2, destination3 } = packet;
    const is = this.#isType(at, this.#destination, destination0, destination1, destination2, destination3);
    return is !== ((flags & INVERT_DESTINATION) !== 0);
  }

  #isType(at: Evaluation, types: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const { core } = at.actions;
    const type = core.tables.addressType(w0, w1, w2, w3);
    const device =
      (this.#flags & LIMIT_IN) !== 0 ? at.input : (this.#flags & LIMIT_OUT) !== 0 ? at.output : null;
    if (device === null || type !== RTN_LOCAL) return (types & (1 << type)) !== 0;
    // What is another device's own is, seen from this one, some host's.
    const isOwn = device.addresses.some(
      ({ address }) => address.w0 === w0 && address.w1 === w1 && address.w2 === w2 && address.w3 === w3,
    );
    return (types & (1 << (isOwn ? RTN_LOCAL : RTN_UNICAST))) !== 0;
  }
}

// ---- Rates and chance ----

/** XT_LIMIT_SCALE: `avg` is in so many parts of a second. */
const LIMIT_SCALE = 10_000;
const US_PER_LIMIT = US_PER_S / LIMIT_SCALE;
/** HZ * CREDITS_PER_JIFFY */
const CREDITS_PER_S = 32_000;
const U32_MAX = 2 ** 32 - 1;

/** user2credits, in 32 bits, for what overflows in Linux. */
function credits(user: number): number {
  if (user <= Math.floor(U32_MAX / CREDITS_PER_S)) return Math.floor((user * CREDITS_PER_S) / LIMIT_SCALE);
  return Math.imul(Math.floor(user / LIMIT_SCALE), CREDITS_PER_S) >>> 0;
}

class Limit implements Match {
  readonly #costUs: number;
  readonly #mostUs: number;
  #creditUs: number;
  #lastUs = Number.NEGATIVE_INFINITY;

  constructor(average: number, burst: number) {
    this.#costUs = average * US_PER_LIMIT;
    this.#mostUs = this.#costUs * burst;
    this.#creditUs = this.#mostUs;
  }

  matches({ actions: { core } }: Evaluation): boolean {
    const { nowUs } = core;
    this.#creditUs = Math.min(this.#mostUs, this.#creditUs + (nowUs - this.#lastUs));
    this.#lastUs = nowUs;
    if (this.#creditUs < this.#costUs) return false;
    this.#creditUs -= this.#costUs;
    return true;
  }
}

const [MODE_RANDOM, MODE_NTH] = [0, 1];

class Statistic implements Match {
  readonly #isRandom: boolean;
  readonly #isInverted: boolean;
  /** Of 2^31, or of which one is meant. */
  readonly #value: number;
  #count: number;

  constructor(data: Buffer) {
    this.#isRandom = data.readUInt16LE(0) === MODE_RANDOM;
    this.#isInverted = (data.readUInt16LE(2) & 1) !== 0;
    this.#value = data.readUInt32LE(4);
    this.#count = this.#isRandom ? 0 : data.readUInt32LE(12);
  }

  matches({ actions: { core } }: Evaluation): boolean {
    if (this.#isRandom) return core.host.random32() >>> 1 < this.#value !== this.#isInverted;
    const isIt = this.#count >= this.#value;
    this.#count = isIt ? 0 : this.#count + 1;
    return isIt !== this.#isInverted;
  }
}

// ---- The packet itself ----

class Length implements Match {
  readonly #min: number;
  readonly #max: number;
  readonly #isInverted: boolean;

  constructor(data: Buffer) {
    this.#min = data.readUInt16LE(0);
    this.#max = data.readUInt16LE(2);
    this.#isInverted = data[4]! !== 0;
  }

  matches({ length }: Evaluation): boolean {
    return (length >= this.#min && length <= this.#max) !== this.#isInverted;
  }
}

class PacketType implements Match {
  readonly #type: number;
  readonly #isInverted: boolean;

  constructor(data: Buffer) {
    this.#type = data.readInt32LE(0);
    this.#isInverted = data.readInt32LE(4) !== 0;
  }

  matches({ packet }: Evaluation): boolean {
    return (packet.delivery === this.#type) !== this.#isInverted;
  }
}

/** IPT_TTL_*: equal, not equal, less, greater. */
class HopLimit implements Match {
  readonly #mode: number;
  readonly #value: number;

  constructor(data: Buffer) {
    this.#mode = data[0]!;
    this.#value = data[1]!;
  }

  matches({ packet: { hopLimit } }: Evaluation): boolean {
    switch (this.#mode) {
      case 0:
        return hopLimit === this.#value;
      case 1:
        return hopLimit !== this.#value;
      case 2:
        return hopLimit < this.#value;
      default:
        return hopLimit > this.#value;
    }
  }
}

const [RANGE_SOURCE, RANGE_DESTINATION, RANGE_INVERT_SOURCE, RANGE_INVERT_DESTINATION] = [1, 2, 16, 32];

class AddressRange implements Match {
  readonly #words: readonly (readonly number[])[];
  readonly #flags: number;

  constructor(data: Buffer, isV6: boolean) {
    const MAPPED_WORD = MAPPED >>> 0;
    this.#words = [0, 16, 32, 48].map((at) =>
      isV6 ? [0, 4, 8, 12].map((i) => data.readUInt32BE(at + i)) : [0, 0, MAPPED_WORD, data.readUInt32BE(at)],
    );
    this.#flags = data[64]!;
  }

  matches({ packet }: Evaluation): boolean {
    const [sourceMin, sourceMax, destinationMin, destinationMax] = this.#words;
    const { source0, source1, source2, source3 } = packet;
    if ((this.#flags & RANGE_SOURCE) !== 0) {
      const has =
        order(sourceMin!, source0, source1, source2, source3) <= 0 &&
        order(sourceMax!, source0, source1, source2, source3) >= 0;
      if (has === ((this.#flags & RANGE_INVERT_SOURCE) !== 0)) return false;
    }
    if ((this.#flags & RANGE_DESTINATION) === 0) return true;
    const { destination0, destination1, destination2, destination3 } = packet;
    const has =
      order(destinationMin!, destination0, destination1, destination2, destination3) <= 0 &&
      order(destinationMax!, destination0, destination1, destination2, destination3) >= 0;
    return has !== ((this.#flags & RANGE_INVERT_DESTINATION) !== 0);
  }
}

function order(words: readonly number[], w0: number, w1: number, w2: number, w3: number): number {
  return words[0]! - (w0 >>> 0) || words[1]! - (w1 >>> 0) || words[2]! - (w2 >>> 0) || words[3]! - (w3 >>> 0);
}

const ALWAYS: Match = { matches: () => true };

function checkAddressType(flags: number, hooks: number): boolean {
  const isIn = (flags & LIMIT_IN) !== 0;
  const isOut = (flags & LIMIT_OUT) !== 0;
  if (isIn && isOut) return false;
  if (isOut && (hooks & (bit(H.PREROUTING) | bit(H.INPUT))) !== 0) return false;
  return !(isIn && (hooks & (bit(H.POSTROUTING) | bit(H.OUTPUT))) !== 0);
}

/** In the order in which /proc/net/ip_tables_matches tells them. */
export const MATCHES: readonly MatchKind[] = [
  {
    name: "statistic",
    revision: 0,
    isShared: true,
    size: 24,
    userSize: 16,
    make: (data) =>
      data.readUInt16LE(0) <= MODE_NTH && (data.readUInt16LE(2) & ~1) === 0 ? new Statistic(data) : -EINVAL,
  },
  {
    name: "state",
    revision: 0,
    isShared: true,
    size: 4,
    usesConntrack: true,
    make: (data) => new State(data),
  },
  { name: "pkttype", revision: 0, isShared: true, size: 8, make: (data) => new PacketType(data) },
  {
    name: "limit",
    revision: 0,
    isShared: true,
    size: 40,
    userSize: 8,
    make: (data) => {
      const average = data.readUInt32LE(0);
      const burst = data.readUInt32LE(4);
      const most = Math.imul(average, burst) >>> 0;
      return burst === 0 || credits(most) < credits(average) ? -ERANGE : new Limit(average, burst);
    },
  },
  conntrack(3, 164),
  conntrack(2, 156),
  conntrack(1, 152),
  { name: "comment", revision: 0, isShared: true, size: 256, make: () => ALWAYS },
  {
    name: "connmark",
    revision: 1,
    isShared: true,
    size: 12,
    usesConntrack: true,
    make: (data) => new Mark(data, true),
  },
  { name: "mark", revision: 1, isShared: true, size: 12, make: (data) => new Mark(data, false) },
  {
    name: "owner",
    revision: 1,
    size: 20,
    hooks: bit(H.OUTPUT) | bit(H.POSTROUTING),
    make: (data) => (isOwner(data) ? new Owner(data) : -EINVAL),
  },
  { name: "length", revision: 0, size: 6, make: (data) => new Length(data) },
  { name: "iprange", revision: 1, size: 68, make: (data, { isV6 }) => new AddressRange(data, isV6) },
  { name: "ttl", revision: 0, size: 2, isV6: false, make: (data) => new HopLimit(data) },
  { name: "hl", revision: 0, size: 2, isV6: true, make: (data) => new HopLimit(data) },
  {
    name: "addrtype",
    revision: 1,
    size: 8,
    cost: 16,
    make: (data, { isV6, hooks }) => {
      const flags = data.readUInt32LE(4);
      if (!checkAddressType(flags, hooks)) return -EINVAL;
      const types = data.readUInt16LE(0) | data.readUInt16LE(2);
      if (isV6 && ((types & NOT_IN_V6) !== 0 || types >= bit(RTN_PROHIBIT))) return -EINVAL;
      return new AddressType(data, flags);
    },
  },
  {
    name: "addrtype",
    revision: 0,
    size: 12,
    cost: 16,
    isV6: false,
    make: (data) => {
      const source = data.readUInt32LE(4) === 0 ? 0 : INVERT_SOURCE;
      const destination = data.readUInt32LE(8) === 0 ? 0 : INVERT_DESTINATION;
      return new AddressType(data, source | destination);
    },
  },
  ...TRANSPORT_MATCHES,
];
