// The expression ct: what is known of a packet's flow.

import { EINVAL, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import type { Evaluation } from "../evaluation.ts";
import { stateBit } from "../matches.ts";
import * as T from "../tracked.ts";
import { Expression, type ExpressionPlace, type MakeExpression, NEXT } from "./expression.ts";
import { store, storeByte, storeShort } from "./loads.ts";

/** NFTA_CT_* */
const CT = { DREG: 1, KEY: 2, DIRECTION: 3, SREG: 4 } as const;
/** NFT_CT_* */
const CT_KEY = {
  STATE: 0,
  DIRECTION: 1,
  STATUS: 2,
  MARK: 3,
  EXPIRATION: 5,
  L3PROTOCOL: 7,
  SRC: 8,
  DST: 9,
  PROTOCOL: 10,
  PROTO_SRC: 11,
  PROTO_DST: 12,
  ZONE: 17,
  SRC_IP: 19,
  DST_IP: 20,
  SRC_IP6: 21,
  DST_IP6: 22,
} as const;
const UNTRACKED = 1 << 6;
const STATUS_SHOWN = 0x3fff;
const US_PER_MS = 1000;

type FlowLoads = (at: Evaluation, to: number, flow: T.TrackedFlow, one: T.Direction) => number;

function storeAddress(
  at: Evaluation,
  to: number,
  isV6: boolean,
  one: T.Direction,
  isSource: boolean,
): number {
  const { view } = at.registers;
  if (one.flow.isV6 !== isV6) return NFT_BREAK;
  let word = to;
  if (isV6) {
    view.setInt32(word, isSource ? one.source0 : one.destination0);
    view.setInt32(word + 4, isSource ? one.source1 : one.destination1);
    view.setInt32(word + 8, isSource ? one.source2 : one.destination2);
    word += 12;
  }
  view.setInt32(word, isSource ? one.source3 : one.destination3);
  return NEXT;
}

/** How long what is loaded is, whether a direction has to be named (null: it may be), and how it is loaded. */
const CT_LOADS: ReadonlyMap<number, readonly [length: number, isDirected: boolean | null, load: FlowLoads]> =
  new Map([
    [CT_KEY.DIRECTION, [1, false, (at, to) => storeByte(at, to, at.packet.flowInfo >= T.IS_REPLY ? 1 : 0)]],
    [CT_KEY.STATUS, [4, false, (at, to, flow) => store(at, to, flow.status & STATUS_SHOWN)]],
    [CT_KEY.MARK, [4, false, (at, to, flow) => store(at, to, flow.mark)]],
    [
      CT_KEY.EXPIRATION,
      [
        4,
        false,
        (at, to, flow) =>
          store(at, to, Math.max(0, Math.floor((flow.deadlineUs - at.actions.core.nowUs) / US_PER_MS))),
      ],
    ],
    [
      CT_KEY.L3PROTOCOL,
      [1, null, (at, to, flow) => storeByte(at, to, flow.isV6 ? A.NFPROTO_IPV6 : A.NFPROTO_IPV4)],
    ],
    [CT_KEY.PROTOCOL, [1, null, (at, to, flow) => storeByte(at, to, flow.original.protocol)]],
    [CT_KEY.PROTO_SRC, [2, true, (at, to, _flow, one) => storeShort(at, to, one.sourcePort)]],
    [CT_KEY.PROTO_DST, [2, true, (at, to, _flow, one) => storeShort(at, to, one.destinationPort)]],
    [CT_KEY.ZONE, [2, false, (at, to) => store(at, to, 0)]],
    [CT_KEY.SRC_IP, [4, true, (at, to, _flow, one) => storeAddress(at, to, false, one, true)]],
    [CT_KEY.DST_IP, [4, true, (at, to, _flow, one) => storeAddress(at, to, false, one, false)]],
    [CT_KEY.SRC_IP6, [16, true, (at, to, _flow, one) => storeAddress(at, to, true, one, true)]],
    [CT_KEY.DST_IP6, [16, true, (at, to, _flow, one) => storeAddress(at, to, true, one, false)]],
  ]);

class CtState extends Expression {
  readonly #to: number;

  constructor(to: number) {
    super();
    this.#to = to;
  }

  override run({ packet, registers }: Evaluation): number {
    registers.setNumber(this.#to, stateBit(packet, UNTRACKED));
    return NEXT;
  }

  override get usesConntrack(): boolean {
    return true;
  }
}

class Ct extends Expression {
  readonly #load: FlowLoads;
  readonly #to: number;
  readonly #isReply: boolean;

  constructor(load: FlowLoads, to: number, isReply: boolean) {
    super();
    this.#load = load;
    this.#to = to;
    this.#isReply = isReply;
  }

  override run(at: Evaluation): number {
    const { flow } = at.packet;
    if (flow === null) return NFT_BREAK;
    return this.#load(at, this.#to, flow, this.#isReply ? flow.reply : flow.original);
  }

  override get usesConntrack(): boolean {
    return true;
  }
}

class SetCtMark extends Expression {
  readonly #from: number;

  constructor(from: number) {
    super();
    this.#from = from;
  }

  override run({ packet, registers }: Evaluation): number {
    if (packet.flow !== null) packet.flow.mark = registers.view.getInt32(this.#from, true);
    return NEXT;
  }

  override get usesConntrack(): boolean {
    return true;
  }
}

/** Of the family of its table: the keys that name one family. */
function ofFamily(key: number, { table: { family } }: ExpressionPlace): number {
  if (key !== CT_KEY.SRC && key !== CT_KEY.DST) return key;
  const isSource = key === CT_KEY.SRC;
  if (family === A.NFPROTO_IPV4) return isSource ? CT_KEY.SRC_IP : CT_KEY.DST_IP;
  return family === A.NFPROTO_IPV6 ? (isSource ? CT_KEY.SRC_IP6 : CT_KEY.DST_IP6) : key;
}

export const ct: MakeExpression = (attributes, place) => {
  const asked = attributes.u32(CT.KEY);
  if (asked === undefined) return -EINVAL;
  const { registers } = place;
  const hasTo = attributes.has(CT.DREG);
  if (hasTo === attributes.has(CT.SREG)) return -EINVAL;
  const direction = attributes.bytes(CT.DIRECTION)?.[0];
  if (direction !== undefined && direction > 1) return -EINVAL;
  if (!hasTo) {
    if (asked !== CT_KEY.MARK) return -EOPNOTSUPP;
    const from = registers.load(attributes.u32(CT.SREG), 4);
    return from < 0 ? from : direction !== undefined ? -EINVAL : new SetCtMark(from);
  }
  if (asked === CT_KEY.STATE) {
    const to = registers.store(attributes.u32(CT.DREG), 4);
    return direction !== undefined ? -EINVAL : to < 0 ? to : new CtState(to);
  }
  const found = CT_LOADS.get(ofFamily(asked, place));
  if (found === undefined) return -EOPNOTSUPP;
  const [length, isDirected, load] = found;
  if (isDirected !== null && isDirected !== (direction !== undefined)) return -EINVAL;
  const to = registers.store(attributes.u32(CT.DREG), length);
  return to < 0 ? to : new Ct(load, to, direction === 1);
};
