// Address translation on top of conntrack (Linux's nf_nat): a flow is given other addresses and ports with its first packet,
// such that what answers it is told apart from all other flows; each packet of it is changed by what the flow says.

import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from "../../../../shared/abi/socket.ts";
import type { StackCore } from "../core.ts";
import { NAT_TRIES } from "../limits.ts";
import type { Packet } from "../packet.ts";
import { mix } from "../path_mtu.ts";
import type { Conntrack } from "./conntrack.ts";
import { PacketParts } from "./packet_parts.ts";
import { rewrite, rewriteQuoted } from "./rewrite.ts";
import type { TrackedFlow } from "./tracked.ts";
import * as T from "./tracked.ts";
import { hasPorts, isIcmp, Tuple } from "./tuple.ts";

// NF_NAT_RANGE_*
export const MAP_IPS = 1;
export const PROTO_SPECIFIED = 2;
export const PROTO_RANDOM = 4;
export const PERSISTENT = 8;
export const PROTO_RANDOM_FULLY = 16;
export const PROTO_OFFSET = 32;
const RANDOM_ALL = PROTO_RANDOM | PROTO_RANDOM_FULLY;
/** Fewer tries are not halved again. */
const TRIES_MIN = 16;
/** So many tries are as much work as a packet: 16. */
const WORK_SHIFT = 4;

/** To which addresses and ports a rule translates (struct nf_nat_range2). */
export class NatRange {
  flags = 0;
  readonly min = new Int32Array(4);
  readonly max = new Int32Array(4);
  portMin = 0;
  portMax = 0;
  portBase = 0;

  setAddress(w0: number, w1: number, w2: number, w3: number): void {
    this.flags |= MAP_IPS;
    for (const words of [this.min, this.max]) {
      words[0] = w0;
      words[1] = w1;
      words[2] = w2;
      words[3] = w3;
    }
  }
}

function compare(words: Int32Array, w0: number, w1: number, w2: number, w3: number): number {
  return (
    (words[0]! >>> 0) - (w0 >>> 0) ||
    (words[1]! >>> 0) - (w1 >>> 0) ||
    (words[2]! >>> 0) - (w2 >>> 0) ||
    (words[3]! >>> 0) - (w3 >>> 0)
  );
}

export class Nat {
  readonly #core: StackCore;
  readonly #conntrack: Conntrack;
  readonly #wanted = new Tuple();
  readonly #answer = new Tuple();
  readonly #target = new Tuple();
  readonly #quoted = new PacketParts();
  readonly #nothing = new NatRange();
  /** The packet that is translated leaves by a link, on which the host has ports of its own. */
  isForLink = false;

  constructor(core: StackCore, conntrack: Conntrack) {
    this.#core = core;
    this.#conntrack = conntrack;
  }

  isDone(flow: TrackedFlow, isSource: boolean): boolean {
    return flow.has(isSource ? T.SRC_NAT_DONE : T.DST_NAT_DONE);
  }

  /** No rule says anything of a flow: it keeps what it has, unless that is taken. */
  setupNothing(flow: TrackedFlow, isSource: boolean): void {
    this.setup(flow, this.#nothing, isSource);
  }

  /** Gives a new flow what a rule says. */
  setup(flow: TrackedFlow, range: NatRange, isSource: boolean): void {
    if (flow.has(T.CONFIRMED)) return;
    const wanted = this.#wanted;
    wanted.invert(flow.reply);
    this.#choose(flow, wanted, range, isSource);
    this.#answer.invert(wanted);
    if (!this.#answer.equals(flow.reply)) {
      flow.reply.copy(this.#answer);
      flow.status |= isSource ? T.SRC_NAT : T.DST_NAT;
    }
    flow.status |= isSource ? T.SRC_NAT_DONE : T.DST_NAT_DONE;
  }

  #isTaken(tuple: Tuple, flow: TrackedFlow, isSource: boolean): boolean {
    const hasPort = isSource && this.isForLink && hasPorts(tuple.protocol);
    if (hasPort && this.#core.isHostPort(tuple.sourcePort)) return true;
    this.#answer.invert(tuple);
    return this.#conntrack.isTaken(this.#answer, flow);
  }

  // get_unique_tuple: what the flow's first packet is to look like.
  #choose(flow: TrackedFlow, wanted: Tuple, range: NatRange, isSource: boolean): void {
    const { flags } = range;
    const isRandom = (flags & RANDOM_ALL) !== 0;
    if (isSource && !isRandom && isInRange(wanted, range) && !this.#isTaken(wanted, flow, true)) return;
    if ((flags & MAP_IPS) !== 0) this.#chooseAddress(wanted, range, isSource);
    if (!isRandom) {
      if ((flags & PROTO_SPECIFIED) !== 0) {
        const isFixed = range.portMin === range.portMax;
        if (
          (flags & PROTO_OFFSET) === 0 &&
          isPortInRange(wanted, range, isSource) &&
          (isFixed || !this.#isTaken(wanted, flow, isSource))
        )
          return;
      } else if (!this.#isTaken(wanted, flow, isSource)) return;
    }
    this.#choosePort(flow, wanted, range, isSource);
  }

  // One of the range for each pair of peers, or for each sender.
  #chooseAddress(wanted: Tuple, { min, max, flags }: NatRange, isSource: boolean): void {
    let last = min[3]!;
    const isSpan = min[0] === max[0] && min[1] === max[1] && min[2] === max[2];
    const size = isSpan ? (max[3]! >>> 0) - (min[3]! >>> 0) + 1 : 1;
    if (size > 1) {
      const sender = mix(this.#core.hashKey, wanted.source3);
      const hash = (flags & PERSISTENT) !== 0 ? sender : mix(sender, wanted.destination3);
      last = (min[3]! + Math.floor(((hash >>> 0) / 2 ** 32) * size)) | 0;
    }
    if (isSource) wanted.setSource(min[0]!, min[1]!, min[2]!, last);
    else wanted.setDestination(min[0]!, min[1]!, min[2]!, last);
  }

  // nf_nat_l4proto_unique_tuple: in the end one that is taken, if no other was found.
  #choosePort(flow: TrackedFlow, wanted: Tuple, range: NatRange, isSource: boolean): void {
    const isId = isIcmp(wanted.protocol);
    if (!isId && !hasPorts(wanted.protocol)) return;
    const isSpecified = (range.flags & PROTO_SPECIFIED) !== 0;
    const now = isSource || isId ? wanted.sourcePort : wanted.destinationPort;
    let [min, max] = [0, 0xffff];
    if (isSpecified) {
      min = Math.min(range.portMin, range.portMax);
      max = Math.max(range.portMin, range.portMax);
    } else if (!isId) {
      // Where it goes to has the port that it asked for.
      if (!isSource) return;
      if (now >= 1024) min = 1024;
      else if (now >= 512) [min, max] = [600, 1023];
      else [min, max] = [1, 511];
    }
    const size = max - min + 1;
    const random = (): number => this.#core.host.random32() & 0xffff;
    let offset = 0;
    if ((range.flags & PROTO_OFFSET) !== 0) offset = (now - range.portBase) & 0xffff;
    else if ((range.flags & RANDOM_ALL) !== 0 || isSource) offset = random();
    for (let tries = Math.min(size, NAT_TRIES); ; tries >>= 1) {
      for (let i = 0; i < tries; i++, offset++) {
        const port = min + (offset % size);
        if (isSource || isId) wanted.sourcePort = port;
        else wanted.destinationPort = port;
        if (!this.#isTaken(wanted, flow, isSource)) return;
      }
      this.#core.extraWork += tries >> WORK_SHIFT;
      if (tries >= size || tries < TRIES_MIN) return;
      offset = random();
    }
  }

  // ---- Packets ----

  /** Gives a packet what its flow says, at a hook that changes sources, or destinations. */
  translate(packet: Packet, parts: PacketParts, isSource: boolean): void {
    const flow = packet.flow!;
    const isReply = packet.flowInfo >= T.IS_REPLY;
    const changesSource = isSource !== isReply;
    if (!flow.has(changesSource ? T.SRC_NAT : T.DST_NAT)) return;
    this.#target.invert(isReply ? flow.original : flow.reply);
    rewrite(packet, parts, this.#target, isSource, true);
  }

  /** As translate, of an ICMP message about the flow, with what it quotes. */
  translateError(packet: Packet, parts: PacketParts, isSource: boolean): void {
    const flow = packet.flow!;
    const isReply = packet.flowInfo >= T.IS_REPLY;
    const changesSource = isSource !== isReply;
    if (!flow.has(changesSource ? T.SRC_NAT : T.DST_NAT)) return;
    const other = isReply ? flow.original : flow.reply;
    this.#target.invert(other);
    rewrite(packet, parts, this.#target, isSource, false);
    rewriteQuoted(packet, parts, this.#quoted, other, !isSource);
  }
}

/** Whether a packet is an ICMP message about another. */
export function isError({ flowInfo }: Packet, { protocol }: PacketParts): boolean {
  const isAbout = flowInfo === T.RELATED || flowInfo === T.RELATED + T.IS_REPLY;
  return isAbout && (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6);
}

function isPortInRange(tuple: Tuple, { portMin, portMax }: NatRange, isSource: boolean): boolean {
  const port = isSource || isIcmp(tuple.protocol) ? tuple.sourcePort : tuple.destinationPort;
  return port >= portMin && port <= portMax;
}

function isInRange(tuple: Tuple, range: NatRange): boolean {
  const { flags, min, max } = range;
  const { source0, source1, source2, source3 } = tuple;
  if ((flags & MAP_IPS) !== 0) {
    if (compare(min, source0, source1, source2, source3) > 0) return false;
    if (compare(max, source0, source1, source2, source3) < 0) return false;
  }
  return (flags & PROTO_SPECIFIED) === 0 || isPortInRange(tuple, range, true);
}
