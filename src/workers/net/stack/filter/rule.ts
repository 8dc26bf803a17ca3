// One rule: what it asks of a packet's IP header and devices (struct ipt_ip, struct ip6t_ip6), its matches, and what it
// does: a verdict, a jump, or a target.

import { NameWords } from "./device_name.ts";
import type { Evaluation, Match, Target } from "./evaluation.ts";

// IPT_INV_*, IP6T_INV_*: conditions that are to fail.
const [INV_IN, INV_OUT, INV_TOS, INV_SOURCE, INV_DESTINATION, INV_FRAGMENT] = [1, 2, 4, 8, 16, 32];
export const INV_PROTOCOL = 64;
export const INV_MASK = 127;

/** A name of a device, under a mask. */
class DeviceName {
  readonly #name = new NameWords();
  readonly #mask = new NameWords();

  constructor(bytes: Buffer, name: number, mask: number) {
    this.#name.readBytes(bytes, name);
    this.#mask.readBytes(bytes, mask);
  }

  static from(bytes: Buffer, at: number, mask: number): DeviceName | null {
    const name = new DeviceName(bytes, at, mask);
    return name.#mask.isNothing ? null : name;
  }

  matches(device: NameWords): boolean {
    return device.equals(this.#name, this.#mask);
  }
}

/** Where the fields of a family's struct stand. */
export interface HeaderLayout {
  readonly isV6: boolean;
  readonly source: number;
  readonly destination: number;
  readonly sourceMask: number;
  readonly destinationMask: number;
  readonly input: number;
  readonly output: number;
  readonly inputMask: number;
  readonly outputMask: number;
  readonly protocol: number;
  /** -1: IPv4 has it not. */
  readonly tos: number;
  readonly flags: number;
  readonly inverted: number;
  /** Flags of the header that mean something, and those of them that are asked for. */
  readonly flagsMask: number;
  readonly flagProtocol: number;
  readonly flagTos: number;
  readonly flagFragment: number;
  readonly flagGoto: number;
  /** Bytes of it, and of the whole entry with its own fields. */
  readonly size: number;
  readonly entry: number;
  readonly targetOffset: number;
  readonly nextOffset: number;
  readonly comeFrom: number;
  readonly counters: number;
}

export const LAYOUT4: HeaderLayout = {
  isV6: false,
  source: 0,
  destination: 4,
  sourceMask: 8,
  destinationMask: 12,
  input: 16,
  output: 32,
  inputMask: 48,
  outputMask: 64,
  protocol: 80,
  tos: -1,
  flags: 82,
  inverted: 83,
  flagsMask: 3,
  flagProtocol: 0,
  flagTos: 0,
  flagFragment: 1,
  flagGoto: 2,
  size: 84,
  entry: 112,
  targetOffset: 88,
  nextOffset: 90,
  comeFrom: 92,
  counters: 96,
};

export const LAYOUT6: HeaderLayout = {
  isV6: true,
  source: 0,
  destination: 16,
  sourceMask: 32,
  destinationMask: 48,
  input: 64,
  output: 80,
  inputMask: 96,
  outputMask: 112,
  protocol: 128,
  tos: 130,
  flags: 131,
  inverted: 132,
  flagsMask: 7,
  flagProtocol: 1,
  flagTos: 2,
  flagFragment: 0,
  flagGoto: 4,
  size: 136,
  entry: 168,
  targetOffset: 140,
  nextOffset: 142,
  comeFrom: 144,
  counters: 152,
};

/** An address under a mask, in the words of a packet's. */
class Network {
  readonly #w0: number;
  readonly #w1: number;
  readonly #w2: number;
  readonly #w3: number;
  readonly #m0: number;
  readonly #m1: number;
  readonly #m2: number;
  readonly #m3: number;

  constructor(bytes: Buffer, at: number, mask: number, isV6: boolean) {
    this.#w0 = isV6 ? bytes.readInt32BE(at) : 0;
    this.#w1 = isV6 ? bytes.readInt32BE(at + 4) : 0;
    this.#w2 = isV6 ? bytes.readInt32BE(at + 8) : 0;
    this.#w3 = bytes.readInt32BE(isV6 ? at + 12 : at);
    this.#m0 = isV6 ? bytes.readInt32BE(mask) : 0;
    this.#m1 = isV6 ? bytes.readInt32BE(mask + 4) : 0;
    this.#m2 = isV6 ? bytes.readInt32BE(mask + 8) : 0;
    this.#m3 = bytes.readInt32BE(isV6 ? mask + 12 : mask);
  }

  /** Null: any is meant, and nothing else. */
  static from(bytes: Buffer, at: number, mask: number, isV6: boolean, isInverted: boolean): Network | null {
    let bits = 0;
    for (let i = 0; i < (isV6 ? 16 : 4); i++) bits |= bytes[at + i]! | bytes[mask + i]!;
    return bits === 0 && !isInverted ? null : new Network(bytes, at, mask, isV6);
  }

  has(w0: number, w1: number, w2: number, w3: number): boolean {
    return (
      (w3 & this.#m3) === this.#w3 &&
      (w2 & this.#m2) === this.#w2 &&
      (w1 & this.#m1) === this.#w1 &&
      (w0 & this.#m0) === this.#w0
    );
  }
}

/** The rule says what becomes of the packet, or where to go on: jumps are indices of rules from 0 on. */
export const STANDARD = 0;
/** The end of a chain, or its head: nobody gets there. */
export const ERROR = 1;
export const EXTENSION = 2;

export class Rule {
  readonly #inverted: number;
  readonly #source: Network | null;
  readonly #destination: Network | null;
  readonly #input: DeviceName | null;
  readonly #output: DeviceName | null;
  /** -1: any. */
  readonly #tos: number;
  readonly #asksForFragments: boolean;
  /** A protocol is asked for that a packet must have (0 among them, in IPv6). */
  readonly asksForProtocol: boolean;
  readonly protocol: number;
  readonly isProtocolInverted: boolean;
  readonly isGoto: boolean;
  kind = STANDARD;
  /** Of a STANDARD one: the index of the rule to jump to, else the verdict below 0. */
  verdict = 0;
  matches: readonly Match[] = [];
  /** What its matches take, in rules' worth. */
  cost = 0;
  target: Target | null = null;

  constructor(bytes: Buffer, layout: HeaderLayout) {
    const inverted = bytes[layout.inverted]!;
    const flags = bytes[layout.flags]!;
    this.#inverted = inverted;
    const { isV6, source, sourceMask, destination, destinationMask } = layout;
    this.#source = Network.from(bytes, source, sourceMask, isV6, (inverted & INV_SOURCE) !== 0);
    this.#destination = Network.from(
      bytes,
      destination,
      destinationMask,
      isV6,
      (inverted & INV_DESTINATION) !== 0,
    );
    this.#input = DeviceName.from(bytes, layout.input, layout.inputMask);
    this.#output = DeviceName.from(bytes, layout.output, layout.outputMask);
    this.#tos = (flags & layout.flagTos) !== 0 ? bytes[layout.tos]! : -1;
    this.#asksForFragments = (flags & layout.flagFragment) !== 0;
    this.protocol = bytes.readUInt16LE(layout.protocol);
    this.asksForProtocol = layout.isV6 ? (flags & layout.flagProtocol) !== 0 : this.protocol !== 0;
    this.isProtocolInverted = (inverted & INV_PROTOCOL) !== 0;
    this.isGoto = (flags & layout.flagGoto) !== 0;
  }

  /** Whether the packet's header and devices are what it asks for (ip_packet_match, ip6_packet_match). */
  isFor(at: Evaluation): boolean {
    const { packet, parts } = at;
    const inverted = this.#inverted;
    if (this.#source !== null) {
      const has = this.#source.has(packet.source0, packet.source1, packet.source2, packet.source3);
      // In IPv4 the words before the last are those of a mapped address, under a mask of 0.
      if (has === ((inverted & INV_SOURCE) !== 0)) return false;
    }
    if (this.#destination !== null) {
      const { destination0, destination1, destination2, destination3 } = packet;
      const has = this.#destination.has(destination0, destination1, destination2, destination3);
      if (has === ((inverted & INV_DESTINATION) !== 0)) return false;
    }
    if (this.#input !== null && this.#input.matches(at.inputName) === ((inverted & INV_IN) !== 0))
      return false;
    if (this.#output !== null && this.#output.matches(at.outputName) === ((inverted & INV_OUT) !== 0))
      return false;
    // A device that anything matches, inverted, is none that any packet has.
    if (this.#input === null && (inverted & INV_IN) !== 0) return false;
    if (this.#output === null && (inverted & INV_OUT) !== 0) return false;
    if (this.#tos >= 0 && (packet.trafficClass === this.#tos) === ((inverted & INV_TOS) !== 0)) return false;
    if (this.asksForProtocol) {
      if (packet.isV6 && !parts.isWhole) return at.broken();
      const isIt = parts.protocol === this.protocol;
      if (isIt === this.isProtocolInverted) {
        // `-p all` of IPv6 is 0, which any is.
        if (!packet.isV6 || this.protocol !== 0 || this.isProtocolInverted) return false;
      }
    }
    if (packet.isV6) return true;
    const isWrong = this.#asksForFragments && parts.fragment === 0;
    return isWrong === ((inverted & INV_FRAGMENT) !== 0);
  }
}
