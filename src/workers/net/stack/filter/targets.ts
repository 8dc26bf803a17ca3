// Targets of rules beside verdicts and jumps: REJECT, LOG, marks, translation of addresses, NOTRACK and CT.

import { EINVAL, EOPNOTSUPP } from "../../../../shared/abi/errno.ts";
import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { MAPPED } from "../ip_address.ts";
import { selectSource4, selectSource6 } from "../route/source_address.ts";
import type { Evaluation, Target } from "./evaluation.ts";
import * as H from "./evaluation.ts";
import type { TargetKind } from "./extension.ts";
import * as N from "./nat.ts";
import { NatRange } from "./nat.ts";
import { UNTRACKED } from "./tracked.ts";

const bit = (hook: number): number => 1 << hook;
const LOOPBACK4 = 0x7f000001;

// ---- REJECT ----

/** ICMP's codes, by IPT_ICMP_* and IP6T_ICMP6_*; null: it cannot be sent. */
const CODES4: readonly (number | null)[] = [0, 1, 2, 3, null, 9, 10, null, 13];
const CODES6: readonly (number | null)[] = [0, 1, 2, 3, 4, null, null, 5, 6];
const REFUSED: Target = { apply: () => H.DROP };
const [RESET4, RESET6] = [7, 6];

class Reject implements Target {
  readonly #code: number;

  constructor(code: number) {
    this.#code = code;
  }

  apply(at: Evaluation): number {
    at.actions.refuse(at, this.#code);
    return H.DROP;
  }
}

const RESET: Target = {
  apply: (at) => {
    at.actions.reset(at);
    return H.DROP;
  },
};

function reject(isV6: boolean): TargetKind {
  return {
    name: "REJECT",
    revision: 0,
    size: 4,
    isV6,
    table: "filter",
    hooks: bit(H.INPUT) | bit(H.FORWARD) | bit(H.OUTPUT),
    make: (data, { rule }) => {
      const how = data.readUInt32LE(0);
      if (how === (isV6 ? RESET6 : RESET4))
        return rule.asksForProtocol && rule.protocol === IPPROTO_TCP && !rule.isProtocolInverted
          ? RESET
          : -EINVAL;
      const code = (isV6 ? CODES6 : CODES4)[how];
      // What Linux does not know is dropped, and nothing is said.
      if (code === undefined) return REFUSED;
      return code === null ? -EINVAL : new Reject(code);
    },
  };
}

// ---- LOG ----

const LOG_LEVELS = 8;
const LOG_PREFIX = 30;

class Log implements Target {
  readonly #level: number;
  readonly #prefix: string;

  constructor(data: Buffer) {
    this.#level = data[0]!;
    this.#prefix = data.toString("latin1", 2, 2 + LOG_PREFIX).split("\0")[0]!;
  }

  apply(at: Evaluation): number {
    at.actions.log(at, this.#level, this.#prefix);
    return H.CONTINUE;
  }
}

// ---- Marks ----

class SetMark implements Target {
  readonly #mark: number;
  readonly #mask: number;

  constructor(data: Buffer) {
    this.#mark = data.readInt32LE(0);
    this.#mask = data.readInt32LE(4);
  }

  apply({ packet }: Evaluation): number {
    packet.mark = (packet.mark & ~this.#mask) ^ this.#mark;
    return H.CONTINUE;
  }
}

const [SET, SAVE, RESTORE] = [0, 1, 2];

class FlowMark implements Target {
  readonly #mark: number;
  readonly #flowMask: number;
  readonly #packetMask: number;
  readonly #mode: number;
  /** Bits that a mark is shifted by on its way; less than 0: to the right. */
  readonly #shift: number;

  constructor(data: Buffer, mode: number, shift: number) {
    this.#mark = data.readInt32LE(0);
    this.#flowMask = data.readInt32LE(4);
    this.#packetMask = data.readInt32LE(8);
    this.#mode = mode;
    this.#shift = shift;
  }

  #shifted(mark: number): number {
    return this.#shift < 0 ? mark >>> -this.#shift : mark << this.#shift;
  }

  apply({ packet }: Evaluation): number {
    const { flow } = packet;
    if (flow === null) return H.CONTINUE;
    switch (this.#mode) {
      case SET:
        flow.mark = this.#shifted((flow.mark & ~this.#flowMask) ^ this.#mark);
        break;
      case SAVE:
        flow.mark = (flow.mark & ~this.#flowMask) ^ this.#shifted(packet.mark & this.#packetMask);
        break;
      case RESTORE:
        packet.mark = (packet.mark & ~this.#packetMask) ^ this.#shifted(flow.mark & this.#flowMask);
    }
    return H.CONTINUE;
  }
}

function flowMark(revision: number, size: number): TargetKind {
  return {
    name: "CONNMARK",
    revision,
    size,
    usesConntrack: true,
    make: (data) => {
      const mode = data[revision === 1 ? 12 : 14]!;
      if (revision === 1) return new FlowMark(data, mode, 0);
      const [isRight, bits] = [data[12]!, data[13]!];
      return isRight > 1 || bits > 31 ? -EINVAL : new FlowMark(data, mode, isRight === 1 ? -bits : bits);
    },
  };
}

// ---- Translation ----

/** struct nf_nat_ipv4_multi_range_compat of one range; null: of more. Flags that mean nothing are let be. */
function oldRange(data: Buffer): NatRange | null {
  const range = new NatRange();
  range.flags = data.readUInt32LE(4);
  if (data.readUInt32LE(0) !== 1) return null;
  for (const [words, at] of [
    [range.min, 8],
    [range.max, 12],
  ] as const) {
    words[2] = MAPPED;
    words[3] = data.readInt32BE(at);
  }
  range.portMin = data.readUInt16BE(16);
  range.portMax = data.readUInt16BE(18);
  return range;
}

/** struct nf_nat_range, and nf_nat_range2 with a base. */
function newRange(data: Buffer, isV6: boolean): NatRange {
  const range = new NatRange();
  range.flags = data.readUInt32LE(0);
  for (const [words, at] of [
    [range.min, 4],
    [range.max, 20],
  ] as const) {
    if (isV6) for (let i = 0; i < 4; i++) words[i] = data.readInt32BE(at + i * 4);
    else {
      words[2] = MAPPED;
      words[3] = data.readInt32BE(at);
    }
  }
  range.portMin = data.readUInt16BE(36);
  range.portMax = data.readUInt16BE(38);
  if (data.length >= 42) range.portBase = data.readUInt16BE(40);
  return range;
}

export class Translate implements Target {
  readonly #range: NatRange;
  readonly #isSource: boolean;

  constructor(range: NatRange, isSource: boolean) {
    this.#range = range;
    this.#isSource = isSource;
  }

  apply({ actions: { nat }, packet: { flow } }: Evaluation): number {
    if (flow === null) return H.CONTINUE;
    nat.setup(flow, this.#range, this.#isSource);
    return H.ACCEPT;
  }
}

/** As a rule's range, but for an address that each packet finds. */
abstract class TranslateToFound implements Target {
  readonly #range: NatRange;
  readonly #isSource: boolean;

  constructor(range: NatRange, isSource: boolean) {
    this.#range = range;
    this.#isSource = isSource;
  }

  /** False: there is none. */
  protected abstract find(at: Evaluation, range: NatRange): boolean;

  apply(at: Evaluation): number {
    const { flow } = at.packet;
    if (flow === null) return H.CONTINUE;
    if (!this.find(at, this.#range)) return H.DROP;
    at.actions.nat.setup(flow, this.#range, this.#isSource);
    return H.ACCEPT;
  }
}

/** To this host itself, at the port that is named. */
export class Redirect extends TranslateToFound {
  protected override find({ packet: { isV6 }, hook, input }: Evaluation, range: NatRange): boolean {
    if (hook === H.OUTPUT) {
      if (isV6) range.setAddress(0, 0, 0, 1);
      else range.setAddress(0, 0, MAPPED, LOOPBACK4);
      return true;
    }
    const own = input!.addresses.find(({ address }) => address.isV4 !== isV6);
    if (own === undefined) return false;
    const { w0, w1, w2, w3 } = own.address;
    range.setAddress(w0, w1, w2, w3);
    return true;
  }
}

/** From the address of the device that it leaves by. */
export class Masquerade extends TranslateToFound {
  protected override find({ packet, output, actions: { core } }: Evaluation, range: NatRange): boolean {
    const { nextHop3, destination0, destination1, destination2, destination3 } = packet;
    const source = packet.isV6
      ? selectSource6(core.devices.all, output, destination0, destination1, destination2, destination3)
      : selectSource4(core.devices.all, output, nextHop3, 0);
    if (source === null) return false;
    range.setAddress(source.w0, source.w1, source.w2, source.w3);
    return true;
  }
}

const DESTINATION_HOOKS = bit(H.PREROUTING) | bit(H.OUTPUT);
const SOURCE_HOOKS = bit(H.POSTROUTING) | bit(H.INPUT);

interface NatKind {
  readonly name: string;
  readonly hooks: number;
  readonly make: (range: NatRange) => Target | number;
}

const DNAT: NatKind = {
  name: "DNAT",
  hooks: DESTINATION_HOOKS,
  make: (range) => new Translate(range, false),
};
const SNAT: NatKind = { name: "SNAT", hooks: SOURCE_HOOKS, make: (range) => new Translate(range, true) };

function withoutAddress(make: (range: NatRange) => Target): (range: NatRange) => Target | number {
  return (range) => ((range.flags & N.MAP_IPS) !== 0 ? -EINVAL : make(range));
}

const REDIRECT: NatKind = {
  name: "REDIRECT",
  hooks: DESTINATION_HOOKS,
  make: withoutAddress((range) => new Redirect(range, false)),
};
const MASQUERADE: NatKind = {
  name: "MASQUERADE",
  hooks: bit(H.POSTROUTING),
  make: withoutAddress((range) => new Masquerade(range, true)),
};

/** A kind with struct nf_nat_ipv4_multi_range_compat. */
function withOldRange({ name, hooks, make }: NatKind): TargetKind {
  return {
    name,
    revision: 0,
    size: 20,
    isV6: false,
    table: "nat",
    hooks,
    usesConntrack: true,
    make: (data) => {
      const range = oldRange(data);
      return range === null ? -EINVAL : make(range);
    },
  };
}

/** A kind with struct nf_nat_range or nf_nat_range2. */
function withRange(
  { name, hooks, make }: NatKind,
  revision: number,
  size: number,
  isV6?: boolean,
): TargetKind {
  return {
    name,
    revision,
    size,
    ...(isV6 === undefined ? { isShared: true } : { isV6 }),
    table: "nat",
    hooks,
    usesConntrack: true,
    make: (data, place) => make(newRange(data, place.isV6)),
  };
}

// ---- No tracking ----

export const NOTRACK: Target = {
  apply: ({ packet }) => {
    if (packet.flow === null) packet.flowInfo = UNTRACKED;
    return H.CONTINUE;
  },
};

/** What CT's struct ends in, which is the kernel's. */
const POINTER = 8;
/** XT_CT_NOTRACK, and that it was asked for by its old name. */
const [CT_NOTRACK, CT_ALIAS] = [1, 2];

function ct(revision: number, size: number): TargetKind {
  return {
    name: "CT",
    revision,
    size,
    userSize: size - POINTER,
    table: "raw",
    make: (data) => {
      const flags = data.readUInt16LE(0);
      // Zones, helpers and time-outs of flows there are none.
      return (flags & ~CT_ALIAS) === CT_NOTRACK ? NOTRACK : -EOPNOTSUPP;
    },
  };
}

/** In the order in which /proc/net/ip_tables_targets tells them. */
export const TARGETS: readonly TargetKind[] = [
  withRange(DNAT, 2, 44),
  withRange(SNAT, 2, 44),
  reject(false),
  reject(true),
  withOldRange(MASQUERADE),
  withRange(MASQUERADE, 0, 40, true),
  withOldRange(REDIRECT),
  withRange(REDIRECT, 0, 40, true),
  {
    name: "LOG",
    revision: 0,
    size: 32,
    make: (data) => (data[0]! >= LOG_LEVELS || data[1 + LOG_PREFIX]! !== 0 ? -EINVAL : new Log(data)),
  },
  ct(2, 72),
  ct(1, 72),
  ct(0, 40),
  { name: "NOTRACK", revision: 0, size: 0, table: "raw", make: () => NOTRACK },
  withRange(DNAT, 1, 40),
  withRange(SNAT, 1, 40),
  withOldRange(DNAT),
  withOldRange(SNAT),
  flowMark(2, 16),
  flowMark(1, 16),
  { name: "MARK", revision: 2, size: 8, make: (data) => new SetMark(data) },
];
