// Matches that look at transports: tcp, udp, icmp, icmp6 and multiport.

import { EINVAL } from "../../../../shared/abi/errno.ts";
import { IPPROTO_UDPLITE } from "../../../../shared/abi/inet.ts";
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import * as TcpHeader from "../tcp/format.ts";
import * as UdpHeader from "../udp/format.ts";
import type { Evaluation, Match } from "./evaluation.ts";
import type { MatchKind } from "./extension.ts";

const IPPROTO_DCCP = 33;
const IPPROTO_SCTP = 132;

/** A later fragment; the one behind the first of a TCP segment is an attack (its flags would be overwritten). */
function isLater(at: Evaluation, isTcp: boolean): boolean {
  const { fragment } = at.parts;
  if (isTcp && fragment === 1) at.isBroken = true;
  return fragment !== 0;
}

class Ports {
  readonly #min: number;
  readonly #max: number;
  readonly #isInverted: boolean;

  constructor(data: Buffer, at: number, isInverted: boolean) {
    this.#min = data.readUInt16LE(at);
    this.#max = data.readUInt16LE(at + 2);
    this.#isInverted = isInverted;
  }

  has(port: number): boolean {
    return (port >= this.#min && port <= this.#max) !== this.#isInverted;
  }
}

class Tcp implements Match {
  readonly #source: Ports;
  readonly #destination: Ports;
  readonly #option: number;
  readonly #mask: number;
  readonly #flags: number;
  readonly #inverted: number;

  constructor(data: Buffer) {
    this.#inverted = data[11]!;
    this.#source = new Ports(data, 0, (this.#inverted & 1) !== 0);
    this.#destination = new Ports(data, 4, (this.#inverted & 2) !== 0);
    this.#option = data[8]!;
    this.#mask = data[9]!;
    this.#flags = data[10]!;
  }

  matches(at: Evaluation): boolean {
    if (isLater(at, true)) return false;
    const { parts, packet } = at;
    const { view } = packet;
    if (!parts.has(TcpHeader.HEADER_MIN)) return at.broken();
    const start = parts.at;
    if (!this.#source.has(view.getUint16(start)) || !this.#destination.has(view.getUint16(start + 2)))
      return false;
    const flags = view.getUint8(start + TcpHeader.FLAGS);
    if (((flags & this.#mask) === this.#flags) === ((this.#inverted & 4) !== 0)) return false;
    if (this.#option === 0) return true;
    const size = (view.getUint8(start + TcpHeader.DATA_OFFSET) >> 4) * 4;
    if (size < TcpHeader.HEADER_MIN || !parts.has(size)) return at.broken();
    return (
      hasOption(view, start + TcpHeader.HEADER_MIN, start + size, this.#option) !==
      ((this.#inverted & 8) !== 0)
    );
  }
}

function hasOption(view: DataView, start: number, end: number, wanted: number): boolean {
  for (let at = start; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === wanted) return true;
    at += kind < 2 || at + 1 >= end ? 1 : view.getUint8(at + 1) || 1;
  }
  return false;
}

class Udp implements Match {
  readonly #source: Ports;
  readonly #destination: Ports;

  constructor(data: Buffer) {
    this.#source = new Ports(data, 0, (data[8]! & 1) !== 0);
    this.#destination = new Ports(data, 4, (data[8]! & 2) !== 0);
  }

  matches(at: Evaluation): boolean {
    if (isLater(at, false)) return false;
    if (!at.parts.has(UdpHeader.HEADER)) return at.broken();
    const { view } = at.packet;
    return (
      this.#source.has(view.getUint16(at.parts.at)) && this.#destination.has(view.getUint16(at.parts.at + 2))
    );
  }
}

const ANY_TYPE = 0xff;

class Icmp implements Match {
  readonly #type: number;
  readonly #min: number;
  readonly #max: number;
  readonly #isInverted: boolean;
  readonly #takesAny: boolean;

  constructor(data: Buffer, takesAny: boolean) {
    this.#type = data[0]!;
    this.#min = data[1]!;
    this.#max = data[2]!;
    this.#isInverted = (data[3]! & 1) !== 0;
    this.#takesAny = takesAny;
  }

  matches(at: Evaluation): boolean {
    if (isLater(at, false)) return false;
    if (!at.parts.has(4)) return at.broken();
    const { view } = at.packet;
    const code = view.getUint8(at.parts.at + 1);
    const isType = view.getUint8(at.parts.at) === this.#type && code >= this.#min && code <= this.#max;
    return ((this.#takesAny && this.#type === ANY_TYPE) || isType) !== this.#isInverted;
  }
}

const PORT_PROTOCOLS: ReadonlySet<number> = new Set([
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPPROTO_SCTP,
  IPPROTO_DCCP,
]);
const MULTIPORT_MAX = 15;
const [SOURCE, DESTINATION, EITHER] = [0, 1, 2];

class Multiport implements Match {
  readonly #which: number;
  /** Pairs of a lowest and a highest. */
  readonly #ranges: number[] = [];
  readonly #isInverted: boolean;

  constructor(data: Buffer) {
    this.#which = data[0]!;
    const count = data[1]!;
    this.#isInverted = data[47]! !== 0;
    for (let i = 0; i < count; i++) {
      const low = data.readUInt16LE(2 + i * 2);
      const isRange = data[32 + i]! !== 0 && i + 1 < MULTIPORT_MAX;
      this.#ranges.push(low, isRange ? data.readUInt16LE(2 + ++i * 2) : low);
    }
  }

  matches(at: Evaluation): boolean {
    if (isLater(at, false)) return false;
    if (!at.parts.has(4)) return at.broken();
    const { view } = at.packet;
    const source = view.getUint16(at.parts.at);
    const destination = view.getUint16(at.parts.at + 2);
    const has =
      this.#which === SOURCE
        ? this.#has(source)
        : this.#which === DESTINATION
          ? this.#has(destination)
          : this.#has(source) || this.#has(destination);
    return has !== this.#isInverted;
  }

  #has(port: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 2) if (port >= ranges[i]! && port <= ranges[i + 1]!) return true;
    return false;
  }
}

// multiport_valid_ranges, and what is checked before it.
function arePorts(data: Buffer): boolean {
  const count = data[1]!;
  if (data[0]! > EITHER || count > MULTIPORT_MAX) return false;
  for (let i = 0; i < count; i++) {
    if (data[32 + i]! === 0) continue;
    const low = i++;
    if (i >= count || data[32 + i]! !== 0) return false;
    if (data.readUInt16LE(2 + low * 2) > data.readUInt16LE(2 + i * 2)) return false;
  }
  return true;
}

export const TRANSPORT_MATCHES: readonly MatchKind[] = [
  {
    name: "multiport",
    revision: 1,
    size: 48,
    cost: 2,
    make: (data, { rule }) =>
      PORT_PROTOCOLS.has(rule.protocol) && !rule.isProtocolInverted && arePorts(data)
        ? new Multiport(data)
        : -EINVAL,
  },
  {
    name: "icmp",
    revision: 0,
    size: 4,
    isV6: false,
    protocol: IPPROTO_ICMP,
    make: (data) => ((data[3]! & ~1) === 0 ? new Icmp(data, true) : -EINVAL),
  },
  {
    name: "icmp6",
    revision: 0,
    size: 4,
    isV6: true,
    protocol: IPPROTO_ICMPV6,
    make: (data) => ((data[3]! & ~1) === 0 ? new Icmp(data, false) : -EINVAL),
  },
  {
    name: "udp",
    revision: 0,
    size: 10,
    protocol: IPPROTO_UDP,
    make: (data) => ((data[8]! & ~3) === 0 ? new Udp(data) : -EINVAL),
  },
  {
    name: "tcp",
    revision: 0,
    size: 12,
    cost: 2,
    protocol: IPPROTO_TCP,
    make: (data) => ((data[11]! & ~15) === 0 ? new Tcp(data) : -EINVAL),
  },
];
