// Expressions that look at a packet and at what is known of it: payload, meta and fib.

import { EINVAL, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import type { Evaluation } from "../evaluation.ts";
import { Expression, type MakeExpression, NEXT } from "./expression.ts";

/** NFTA_PAYLOAD_*, NFTA_META_*, NFTA_FIB_* */
const PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4, SREG: 5 } as const;
const META = { DREG: 1, KEY: 2, SREG: 3 } as const;
const FIB = { DREG: 1, RESULT: 2, FLAGS: 3 } as const;

// ---- payload ----

const [NETWORK, TRANSPORT] = [1, 2];
const PAYLOAD_OFFSET_MAX = 0xffff;

class Payload extends Expression {
  readonly #isTransport: boolean;
  readonly #offset: number;
  readonly #length: number;
  readonly #to: number;
  /** As many words are filled, the last with zeros. */
  readonly #last: number;

  constructor(isTransport: boolean, offset: number, length: number, to: number) {
    super();
    this.#isTransport = isTransport;
    this.#offset = offset;
    this.#length = length;
    this.#to = to;
    this.#last = to + ((length - 1) & ~3);
  }

  override run({ packet, parts, registers }: Evaluation): number {
    if (this.#isTransport && (!parts.isWhole || parts.fragment !== 0)) return NFT_BREAK;
    const from = (this.#isTransport ? parts.at : packet.network) + this.#offset;
    const length = this.#length;
    if (from + length > packet.end) return NFT_BREAK;
    if ((length & 3) !== 0) registers.view.setInt32(this.#last, 0);
    const { bytes } = registers;
    const to = this.#to;
    for (let i = 0; i < length; i++) bytes[to + i] = packet.bytes[from + i]!;
    return NEXT;
  }
}

const payload: MakeExpression = (attributes, { registers }) => {
  // What writes to packets is not there, nor what looks at the link's header.
  if (attributes.has(PAYLOAD.SREG)) return -EOPNOTSUPP;
  const [base, offset, length] = [PAYLOAD.BASE, PAYLOAD.OFFSET, PAYLOAD.LEN].map((type) =>
    attributes.u32(type),
  );
  if (base === undefined || offset === undefined || length === undefined) return -EINVAL;
  if (base !== NETWORK && base !== TRANSPORT) return -EOPNOTSUPP;
  if (length > A.NFT_DATA_VALUE_MAXLEN || offset > PAYLOAD_OFFSET_MAX) return -EINVAL;
  const to = registers.store(attributes.u32(PAYLOAD.DREG), length);
  return to < 0 ? to : new Payload(base === TRANSPORT, offset, length, to);
};

// ---- meta ----

/** NFT_META_* */
const KEY = {
  LEN: 0,
  PROTOCOL: 1,
  MARK: 3,
  IIF: 4,
  OIF: 5,
  IIFNAME: 6,
  OIFNAME: 7,
  IIFTYPE: 8,
  OIFTYPE: 9,
  SKUID: 10,
  SKGID: 11,
  NFTRACE: 12,
  NFPROTO: 15,
  L4PROTO: 16,
  PKTTYPE: 19,
  CPU: 20,
  IIFGROUP: 21,
  OIFGROUP: 22,
  PRANDOM: 24,
} as const;
/** linux/if_ether.h, linux/if_arp.h */
const [ETH_P_IP, ETH_P_IPV6] = [0x0800, 0x86dd];
const [ARPHRD_ETHER, ARPHRD_LOOPBACK] = [1, 772];
const NAME_SIZE = 16;

type Loads = (at: Evaluation, to: number) => number;

export function store(at: Evaluation, to: number, value: number): number {
  at.registers.setNumber(to, value);
  return NEXT;
}

export function storeByte(at: Evaluation, to: number, value: number): number {
  at.registers.setByte(to, value);
  return NEXT;
}

export function storeShort(at: Evaluation, to: number, value: number): number {
  at.registers.setShort(to, value);
  return NEXT;
}

function deviceType(isLoopback: boolean): number {
  return isLoopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
}

/** In the machine's order, as the kernel stores it. */
function storeType(at: Evaluation, to: number, device: Evaluation["input"]): number {
  return device === null ? NFT_BREAK : store(at, to, deviceType(device.isLoopback));
}

function storeName(at: Evaluation, to: number, name: Evaluation["inputName"]): number {
  name.store(at.registers.view, to);
  return NEXT;
}

/** How long what is loaded is, and how it is. */
const META_LOADS: ReadonlyMap<number, readonly [length: number, load: Loads]> = new Map([
  [KEY.LEN, [4, (at, to) => store(at, to, at.length)]],
  [KEY.PROTOCOL, [2, (at, to) => storeShort(at, to, at.packet.isV6 ? ETH_P_IPV6 : ETH_P_IP)]],
  [KEY.MARK, [4, (at, to) => store(at, to, at.packet.mark)]],
  [KEY.IIF, [4, (at, to) => store(at, to, at.input?.index ?? 0)]],
  [KEY.OIF, [4, (at, to) => store(at, to, at.output?.index ?? 0)]],
  [KEY.IIFNAME, [NAME_SIZE, (at, to) => storeName(at, to, at.inputName)]],
  [KEY.OIFNAME, [NAME_SIZE, (at, to) => storeName(at, to, at.outputName)]],
  [KEY.IIFTYPE, [2, (at, to) => storeType(at, to, at.input)]],
  [KEY.OIFTYPE, [2, (at, to) => storeType(at, to, at.output)]],
  [KEY.SKUID, [4, (at, to) => (at.packet.owner === null ? NFT_BREAK : store(at, to, at.packet.owner.uid))]],
  [KEY.SKGID, [4, (at, to) => (at.packet.owner === null ? NFT_BREAK : store(at, to, at.packet.owner.gid))]],
  [KEY.NFTRACE, [1, (at, to) => storeByte(at, to, 0)]],
  [KEY.NFPROTO, [1, (at, to) => storeByte(at, to, at.packet.isV6 ? A.NFPROTO_IPV6 : A.NFPROTO_IPV4)]],
  [KEY.L4PROTO, [1, (at, to) => (at.parts.isWhole ? storeByte(at, to, at.parts.protocol) : NFT_BREAK)]],
  [KEY.PKTTYPE, [1, (at, to) => storeByte(at, to, at.packet.delivery)]],
  [KEY.CPU, [4, (at, to) => store(at, to, 0)]],
  [KEY.IIFGROUP, [4, (at, to) => (at.input === null ? NFT_BREAK : store(at, to, 0))]],
  [KEY.OIFGROUP, [4, (at, to) => (at.output === null ? NFT_BREAK : store(at, to, 0))]],
  [KEY.PRANDOM, [4, (at, to) => store(at, to, at.actions.core.host.random32())]],
]);

class Meta extends Expression {
  readonly #load: Loads;
  readonly #to: number;

  constructor(load: Loads, to: number) {
    super();
    this.#load = load;
    this.#to = to;
  }

  override run(at: Evaluation): number {
    return this.#load(at, this.#to);
  }
}

class SetMark extends Expression {
  readonly #from: number;

  constructor(from: number) {
    super();
    this.#from = from;
  }

  override run({ packet, registers }: Evaluation): number {
    packet.mark = registers.view.getInt32(this.#from, true);
    return NEXT;
  }
}

/** That a packet is traced nobody is told. */
class SetTrace extends Expression {
  override run(): number {
    return NEXT;
  }
}

const meta: MakeExpression = (attributes, { registers }) => {
  const key = attributes.u32(META.KEY);
  if (key === undefined) return -EINVAL;
  const hasTo = attributes.has(META.DREG);
  if (hasTo === attributes.has(META.SREG)) return -EINVAL;
  if (hasTo) {
    const found = META_LOADS.get(key);
    if (found === undefined) return -EOPNOTSUPP;
    const [length, load] = found;
    const to = registers.store(attributes.u32(META.DREG), length);
    return to < 0 ? to : new Meta(load, to);
  }
  if (key !== KEY.MARK && key !== KEY.NFTRACE) return -EOPNOTSUPP;
  const from = registers.load(attributes.u32(META.SREG), key === KEY.MARK ? 4 : 1);
  if (from < 0) return from;
  return key === KEY.MARK ? new SetMark(from) : new SetTrace();
};

// ---- fib ----

const FIB_TYPE = 3;
const [FIB_SOURCE, FIB_DESTINATION] = [1, 2];
/** As of the match addrtype. */
const FIB_COST = 16;

class AddressType extends Expression {
  readonly #to: number;
  readonly #isSource: boolean;

  constructor(to: number, isSource: boolean) {
    super();
    this.#to = to;
    this.#isSource = isSource;
  }

  override run(at: Evaluation): number {
    const { packet, actions } = at;
    const { tables } = actions.core;
    at.rulesLeft -= FIB_COST;
    const type = this.#isSource
      ? tables.addressType(packet.source0, packet.source1, packet.source2, packet.source3)
      : tables.addressType(
          packet.destination0,
          packet.destination1,
          packet.destination2,
          packet.destination3,
        );
    return store(at, this.#to, type);
  }
}

const fib: MakeExpression = (attributes, { registers }) => {
  const result = attributes.u32(FIB.RESULT);
  const flags = attributes.u32(FIB.FLAGS);
  if (result === undefined || flags === undefined || flags === 0) return -EINVAL;
  // Ways are not asked for, nor who is whose on one device.
  if (result !== FIB_TYPE || (flags !== FIB_SOURCE && flags !== FIB_DESTINATION)) return -EOPNOTSUPP;
  const to = registers.store(attributes.u32(FIB.DREG), 4);
  return to < 0 ? to : new AddressType(to, flags === FIB_SOURCE);
};

export const LOADS: Readonly<Record<string, MakeExpression>> = { payload, meta, fib };
