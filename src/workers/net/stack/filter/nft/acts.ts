// Expressions that do something: reject, log, nat, masq, redir and notrack.

import { EINVAL, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { IPPROTO_TCP } from "../../../../../shared/abi/socket.ts";
import { MAPPED } from "../../ip_address.ts";
import * as H from "../evaluation.ts";
import { CONTINUE, DROP, type Evaluation, type Target } from "../evaluation.ts";
import * as N from "../nat.ts";
import { NatRange } from "../nat.ts";
import { Masquerade, NOTRACK, Redirect, Translate } from "../targets.ts";
import type { Attributes } from "./attributes.ts";
import { Expression, type MakeExpression, NEXT } from "./expression.ts";
import type { BaseChain } from "./model.ts";
import type { RegisterUse } from "./registers.ts";

/** NFTA_REJECT_*, NFTA_LOG_*, NFTA_NAT_*, NFTA_MASQ_*, NFTA_REDIR_* */
const REJECT = { TYPE: 1, ICMP_CODE: 2 } as const;
const LOG = { GROUP: 1, PREFIX: 2, SNAPLEN: 3, QTHRESHOLD: 4, LEVEL: 5, FLAGS: 6 } as const;
const NAT = { TYPE: 1, FAMILY: 2, ADDR_MIN: 3, ADDR_MAX: 4, PROTO_MIN: 5, PROTO_MAX: 6, FLAGS: 7 } as const;
const MASQ = { FLAGS: 1, PROTO_MIN: 2, PROTO_MAX: 3 } as const;
const REDIR = { PROTO_MIN: 1, PROTO_MAX: 2, FLAGS: 3 } as const;

const bit = (hook: number): number => 1 << hook;

/** nft_chain_validate_hooks */
function isAt({ hook }: BaseChain, hooks: number): number {
  return (bit(hook) & hooks) !== 0 ? 0 : -EOPNOTSUPP;
}

// ---- reject ----

const [ICMP_UNREACH, TCP_RST, ICMPX_UNREACH] = [0, 1, 2];
/** Codes of ICMP and ICMPv6, by NFT_REJECT_ICMPX_*. */
const COMMON_CODES4: readonly number[] = [0, 3, 1, 13];
const COMMON_CODES6: readonly number[] = [0, 4, 3, 1];
const REJECT_HOOKS = bit(H.INPUT) | bit(H.FORWARD) | bit(H.OUTPUT) | bit(H.PREROUTING);

class Reject extends Expression {
  readonly #type: number;
  readonly #code: number;

  constructor(type: number, code: number) {
    super();
    this.#type = type;
    this.#code = code;
  }

  override run(at: Evaluation): number {
    if (this.#type === TCP_RST) {
      if (at.parts.protocol === IPPROTO_TCP) at.actions.reset(at);
    } else if (this.#type === ICMP_UNREACH) at.actions.refuse(at, this.#code);
    else at.actions.refuse(at, (at.packet.isV6 ? COMMON_CODES6 : COMMON_CODES4)[this.#code]!);
    return DROP;
  }

  override get isChecked(): boolean {
    return true;
  }

  override validate(base: BaseChain): number {
    return isAt(base, REJECT_HOOKS);
  }
}

const reject: MakeExpression = (attributes, { table }) => {
  const type = attributes.u32(REJECT.TYPE);
  const code = attributes.bytes(REJECT.ICMP_CODE)?.[0];
  if (type === undefined || type > ICMPX_UNREACH) return -EINVAL;
  if (type === ICMPX_UNREACH && table.family !== A.NFPROTO_INET) return -EINVAL;
  if (type !== TCP_RST && code === undefined) return -EINVAL;
  if (type === ICMPX_UNREACH && code! >= COMMON_CODES4.length) return -EINVAL;
  return new Reject(type, code ?? 0);
};

// ---- log ----

const LEVEL_DEFAULT = 4;
const LEVELS = 8;
const PREFIX_MAX = 127;

class Log extends Expression {
  readonly #level: number;
  readonly #prefix: string;

  constructor(level: number, prefix: string) {
    super();
    this.#level = level;
    this.#prefix = prefix;
  }

  override run(at: Evaluation): number {
    at.actions.log(at, this.#level, this.#prefix);
    return NEXT;
  }
}

const log: MakeExpression = (attributes) => {
  // There is nobody who listens to groups.
  if (attributes.has(LOG.GROUP)) return -EOPNOTSUPP;
  const prefix = attributes.text(LOG.PREFIX, PREFIX_MAX) ?? "";
  const level = attributes.u32(LOG.LEVEL) ?? LEVEL_DEFAULT;
  return level >= LEVELS ? -EINVAL : new Log(level, prefix);
};

// ---- Translation ----

/** Where addresses and ports stand in registers; -1: none is named. */
interface RangePlaces {
  readonly addressMin: number;
  readonly addressMax: number;
  readonly portMin: number;
  readonly portMax: number;
}

const NAT_FLAGS = N.PROTO_RANDOM | N.PERSISTENT | N.PROTO_RANDOM_FULLY | N.MAP_IPS | N.PROTO_SPECIFIED;

function fill(
  range: NatRange,
  { addressMin, addressMax, portMin, portMax }: RangePlaces,
  at: Evaluation,
): void {
  const { view } = at.registers;
  if (addressMin >= 0) {
    setAddress(range.min, view, addressMin, at.packet.isV6);
    setAddress(range.max, view, addressMax, at.packet.isV6);
  }
  if (portMin >= 0) {
    range.portMin = view.getUint16(portMin);
    range.portMax = view.getUint16(portMax);
  }
}

function setAddress(words: Int32Array, view: DataView, from: number, isV6: boolean): void {
  words[0] = isV6 ? view.getInt32(from) : 0;
  words[1] = isV6 ? view.getInt32(from + 4) : 0;
  words[2] = isV6 ? view.getInt32(from + 8) : MAPPED;
  words[3] = view.getInt32(isV6 ? from + 12 : from);
}

class TranslateBy extends Expression {
  readonly #target: Target;
  readonly #range: NatRange;
  readonly #places: RangePlaces;
  readonly #hooks: number;
  /** Of packets of that family alone; NFPROTO_INET: of both. */
  readonly #family: number;

  constructor(target: Target, range: NatRange, places: RangePlaces, hooks: number, family: number) {
    super();
    this.#target = target;
    this.#range = range;
    this.#places = places;
    this.#hooks = hooks;
    this.#family = family;
  }

  override run(at: Evaluation): number {
    const family = at.packet.isV6 ? A.NFPROTO_IPV6 : A.NFPROTO_IPV4;
    if (this.#family !== A.NFPROTO_INET && this.#family !== family) return NEXT;
    fill(this.#range, this.#places, at);
    const verdict = this.#target.apply(at);
    return verdict === CONTINUE ? NEXT : verdict;
  }

  override get charge(): number {
    return 768;
  }

  override get isChecked(): boolean {
    return true;
  }

  override validate(base: BaseChain): number {
    return base.type === "nat" ? isAt(base, this.#hooks) : -EOPNOTSUPP;
  }

  override get usesConntrack(): boolean {
    return true;
  }
}

/** A lowest and a highest, which may be one: where they stand, or a negative errno. */
function pair(
  attributes: Attributes,
  min: number,
  max: number,
  length: number,
  registers: RegisterUse,
): readonly [number, number] | number {
  if (!attributes.has(min)) return [-1, -1];
  const low = registers.load(attributes.u32(min), length);
  if (low < 0) return low;
  const high = attributes.has(max) ? registers.load(attributes.u32(max), length) : low;
  return high < 0 ? high : [low, high];
}

const PORT_SIZE = 2;
const [SOURCE, DESTINATION] = [0, 1];
const SOURCE_HOOKS = bit(H.POSTROUTING) | bit(H.INPUT);
const DESTINATION_HOOKS = bit(H.PREROUTING) | bit(H.OUTPUT);

const nat: MakeExpression = (attributes, { registers, table }) => {
  const type = attributes.u32(NAT.TYPE);
  const family = attributes.u32(NAT.FAMILY);
  const hasAddress = attributes.has(NAT.ADDR_MIN);
  if (type === undefined || (!hasAddress && !attributes.has(NAT.PROTO_MIN)) || type > DESTINATION)
    return -EINVAL;
  if (family === undefined) return -EINVAL;
  if (table.family !== A.NFPROTO_INET && table.family !== family) return -EOPNOTSUPP;
  const length = family === A.NFPROTO_IPV6 ? 16 : 4;
  if (family === A.NFPROTO_INET ? hasAddress : family !== A.NFPROTO_IPV4 && family !== A.NFPROTO_IPV6)
    return -EOPNOTSUPP;
  const addresses = pair(attributes, NAT.ADDR_MIN, NAT.ADDR_MAX, length, registers);
  if (typeof addresses === "number") return addresses;
  return translation(
    attributes,
    registers,
    addresses,
    [NAT.PROTO_MIN, NAT.PROTO_MAX, NAT.FLAGS],
    (range) => ({
      target: new Translate(range, type === SOURCE),
      hooks: type === SOURCE ? SOURCE_HOOKS : DESTINATION_HOOKS,
      family,
    }),
  );
};

function translation(
  attributes: Attributes,
  registers: RegisterUse,
  [addressMin, addressMax]: readonly [number, number],
  [portMinType, portMaxType, flagsType]: readonly [number, number, number],
  make: (range: NatRange) => { target: Target; hooks: number; family: number },
): Expression | number {
  const ports = pair(attributes, portMinType, portMaxType, PORT_SIZE, registers);
  if (typeof ports === "number") return ports;
  const flags = attributes.u32(flagsType) ?? 0;
  if ((flags & ~NAT_FLAGS) !== 0) return -EOPNOTSUPP;
  const [portMin, portMax] = ports;
  const range = new NatRange();
  range.flags = flags & ~(N.MAP_IPS | N.PROTO_SPECIFIED);
  if (addressMin >= 0) range.flags |= N.MAP_IPS;
  if (portMin >= 0) range.flags |= N.PROTO_SPECIFIED;
  const { target, hooks, family } = make(range);
  return new TranslateBy(target, range, { addressMin, addressMax, portMin, portMax }, hooks, family);
}

const NO_ADDRESS = [-1, -1] as const;

const masq: MakeExpression = (attributes, { registers }) =>
  translation(attributes, registers, NO_ADDRESS, [MASQ.PROTO_MIN, MASQ.PROTO_MAX, MASQ.FLAGS], (range) => ({
    target: new Masquerade(range, true),
    hooks: bit(H.POSTROUTING),
    family: A.NFPROTO_INET,
  }));

const redir: MakeExpression = (attributes, { registers }) =>
  translation(
    attributes,
    registers,
    NO_ADDRESS,
    [REDIR.PROTO_MIN, REDIR.PROTO_MAX, REDIR.FLAGS],
    (range) => ({
      target: new Redirect(range, false),
      hooks: DESTINATION_HOOKS,
      family: A.NFPROTO_INET,
    }),
  );

// ---- notrack ----

class NoTrack extends Expression {
  override run(at: Evaluation): number {
    NOTRACK.apply(at);
    return NEXT;
  }
}

const notrack: MakeExpression = () => new NoTrack();

export const ACTS: Readonly<Record<string, MakeExpression>> = { reject, log, nat, masq, redir, notrack };
