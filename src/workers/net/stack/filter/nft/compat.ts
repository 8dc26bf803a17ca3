// Matches and targets of iptables as expressions (Linux's nft_compat): the same rows as rules of iptables itself have.

import { EINVAL, ENOENT } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NFT_BREAK } from "../../../../../shared/abi/nftables.ts";
import { CONTINUE, DROP, type Evaluation, type Match, type Target } from "../evaluation.ts";
import { aligned, type Extension, findExtension, makeExtension } from "../extension.ts";
import { MATCHES } from "../matches.ts";
import { TARGETS } from "../targets.ts";
import { type Attributes, attribute, number32, text } from "./attributes.ts";
import { Expression, type ExpressionPlace, type MakeExpression, NEXT } from "./expression.ts";
import type { BaseChain } from "./model.ts";

/** NFTA_MATCH_*, NFTA_TARGET_* */
const EXTENSION = { NAME: 1, REV: 2, INFO: 3 } as const;
/** XT_EXTENSION_MAXNAMELEN */
const NAME_MAX = 28;
const NAT = "nat";
/** What one costs in memory, and for each byte of its data. */
const CHARGE = 512;
const CHARGE_A_BYTE = 9;

abstract class Compat<T> extends Expression {
  readonly kind: Extension<T>;
  readonly #info: Buffer;

  constructor(kind: Extension<T>, info: Buffer) {
    super();
    this.kind = kind;
    this.#info = info;
  }

  override data(): Buffer {
    return Buffer.concat([
      text(EXTENSION.NAME, this.kind.name),
      number32(EXTENSION.REV, this.kind.revision),
      attribute(EXTENSION.INFO, this.#info),
    ]);
  }

  override get charge(): number {
    return CHARGE + this.#info.length * CHARGE_A_BYTE;
  }

  override get isChecked(): boolean {
    return true;
  }

  // nft_target_validate, nft_match_validate
  override validate({ hook, type }: BaseChain): number {
    const { hooks, table } = this.kind;
    if (hooks !== undefined && ((1 << hook) & hooks) === 0) return -EINVAL;
    return table === NAT && type !== "nat" ? -EINVAL : 0;
  }

  override get usesConntrack(): boolean {
    return this.kind.usesConntrack === true;
  }
}

class CompatMatch extends Compat<Match> {
  readonly #match: Match;
  readonly #cost: number;

  constructor(kind: Extension<Match>, info: Buffer, match: Match) {
    super(kind, info);
    this.#match = match;
    this.#cost = kind.cost ?? 1;
  }

  override run(at: Evaluation): number {
    at.rulesLeft -= this.#cost;
    const isMet = this.#match.matches(at);
    return at.isBroken ? DROP : isMet ? NEXT : NFT_BREAK;
  }
}

class CompatTarget extends Compat<Target> {
  readonly #target: Target;

  constructor(kind: Extension<Target>, info: Buffer, target: Target) {
    super(kind, info);
    this.#target = target;
  }

  override run(at: Evaluation): number {
    const verdict = this.#target.apply(at);
    return verdict === CONTINUE ? NEXT : verdict;
  }
}

function make<T>(
  kinds: readonly Extension<T>[],
  attributes: Attributes,
  place: ExpressionPlace,
  wrap: (kind: Extension<T>, info: Buffer, made: T) => Expression,
): Expression | number {
  const name = attributes.text(EXTENSION.NAME, NAME_MAX);
  const revision = attributes.u32(EXTENSION.REV);
  const given = attributes.bytes(EXTENSION.INFO);
  if (name === undefined || revision === undefined || given === undefined) return -EINVAL;
  const { family } = place.table;
  if (family !== A.NFPROTO_IPV4 && family !== A.NFPROTO_IPV6) return -ENOENT;
  const isV6 = family === A.NFPROTO_IPV6;
  const kind = findExtension(kinds, name, revision, isV6);
  // Whatever else is wrong with its revision, there is none such.
  if (typeof kind === "number") return -ENOENT;
  const info = Buffer.alloc(aligned(given.length));
  given.copy(info);
  const { base } = place.chain;
  const made = makeExtension(kind, info, place.table.name, {
    isV6,
    hooks: base === null ? 0 : 1 << base.hook,
    rule: {
      asksForProtocol: place.protocol !== 0,
      protocol: place.protocol,
      isProtocolInverted: place.isProtocolInverted,
    },
  });
  return typeof made === "number" ? made : wrap(kind, info, made);
}

const match: MakeExpression = (attributes, place) =>
  make(MATCHES, attributes, place, (kind, info, made) => new CompatMatch(kind, info, made));

const target: MakeExpression = (attributes, place) =>
  make(TARGETS, attributes, place, (kind, info, made) => new CompatTarget(kind, info, made));

export const COMPATS: Readonly<Record<string, MakeExpression>> = { match, target };
