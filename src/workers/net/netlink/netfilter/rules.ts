// Rules of nf_tables: added, replaced, deleted and told.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { RULE } from "../../../../shared/abi/nftables.ts";
import { errorOf, type Outcome, type Refusal } from "../../devices/outcome.ts";
import { attribute, attributesIn, number64, optional, text } from "../../stack/filter/nft/attributes.ts";
import type { Expression, ExpressionPlace } from "../../stack/filter/nft/expression.ts";
import { makeExpression } from "../../stack/filter/nft/kinds.ts";
import { type NftChain, NftRule, type NftSet, type NftTable } from "../../stack/filter/nft/model.ts";
import { RegisterUse } from "../../stack/filter/nft/registers.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter } from "../message.ts";
import { dump, untilReady } from "./dump.ts";
import { type Asked, beginMessage, type Edit, type Editing, isRefusal } from "./edit.ts";

/** What a rule costs in memory beside its expressions. */
const CHARGE = 640;
/** Bytes of one rule's expressions (Linux: 4 KiB of what is made of them). */
const EXPRESSIONS_MAX = 24 << 10;
/** Rules that are removed in one piece. */
const PIECE = 512;
const EMPTY = Buffer.alloc(0);

/** The chain that a message names. */
function chainOf(edit: Edit, table: NftTable): NftChain | Refusal {
  const name = edit.name(RULE.CHAIN);
  const id = edit.attributes.u32(RULE.CHAIN_ID);
  if (name === undefined && id === undefined) return { error: -E.EINVAL, text: "" };
  const type = name === undefined ? RULE.CHAIN_ID : RULE.CHAIN;
  return edit.findChain(table, name, id) ?? edit.blame(E.ENOENT, type);
}

/** A rule of that chain, by its handle. */
function ruleOf(edit: Edit, chain: NftChain, type: number): NftRule | Refusal {
  const found = chain.table.rules.get(edit.attributes.u64(type) ?? 0);
  return found !== undefined && found.chain === chain ? found : edit.blame(E.ENOENT, type);
}

function expressionsOf(edit: Edit, table: NftTable, chain: NftChain): Expression[] | Refusal {
  const { attributes } = edit;
  const compat = attributes.nested(RULE.COMPAT);
  const place: ExpressionPlace = {
    table,
    chain,
    registers: new RegisterUse(),
    protocol: compat?.u32(A.RULE_COMPAT.PROTO) ?? 0,
    isProtocolInverted: ((compat?.u32(A.RULE_COMPAT.FLAGS) ?? 0) & A.NFT_RULE_COMPAT_F_INV) !== 0,
    findSet: (name, id) => edit.findSet(table, name, id),
    findChain: (name, id) => edit.findChain(table, name, id),
  };
  const made: Expression[] = [];
  const given = attributes.bytes(RULE.EXPRESSIONS) ?? EMPTY;
  const all = Buffer.from(given);
  for (const [type, bytes] of attributesIn(all)) {
    if (type !== A.LIST_ELEM || made.length === A.NFT_RULE_MAXEXPRS) return { error: -E.EINVAL, text: "" };
    const one = makeExpression(bytes, all, place, (name) => edit.unsupported(`expression ${name}`));
    if (typeof one === "number")
      return edit.blameBytes(-one, given.subarray(bytes.byteOffset - all.byteOffset));
    // A set without a name goes with its rule: no other may have it, and that one once (nf_tables_bind_set).
    const isBound = isAnonymous(one.set) && (one.set.use > 0 || made.some(({ set }) => set === one.set));
    if (isBound) return edit.blameBytes(E.EBUSY, given.subarray(bytes.byteOffset - all.byteOffset));
    made.push(one);
  }
  return made;
}

function isAnonymous(set: NftSet | null): set is NftSet {
  return set !== null && (set.kind.flags & A.NFT_SET_ANONYMOUS) !== 0;
}

export function newRule(edit: Edit): Outcome {
  const { attributes, transaction } = edit;
  const table = edit.table(RULE.TABLE);
  if (isRefusal(table)) return table;
  const chain = chainOf(edit, table);
  if (isRefusal(chain)) return chain;
  let old: NftRule | null = null;
  const replaces = edit.hasFlag(N.NLM_F_REPLACE);
  if (attributes.has(RULE.HANDLE)) {
    const found = ruleOf(edit, chain, RULE.HANDLE);
    if (isRefusal(found)) return found;
    if (edit.hasFlag(N.NLM_F_EXCL)) return edit.blame(E.EEXIST, RULE.HANDLE);
    if (!replaces) return -E.EOPNOTSUPP;
    old = found;
  } else {
    if (!edit.hasFlag(N.NLM_F_CREATE) || replaces) return -E.EINVAL;
    const position = positionOf(edit, chain);
    if (position !== null && isRefusal(position)) return position;
    old = position;
  }
  const given = attributes.bytes(RULE.EXPRESSIONS)?.length ?? 0;
  const userData = attributes.bytes(RULE.USERDATA);
  if (given > EXPRESSIONS_MAX) return -E.EFBIG;
  if (userData !== undefined && userData.length > A.NFT_USERDATA_MAXLEN) return -E.EINVAL;
  // What a rule's number is by now is gone, whatever becomes of it.
  const handle = replaces ? old!.handle : table.newHandle();
  const expressions = expressionsOf(edit, table, chain);
  if (isRefusal(expressions)) return expressions;
  let charge = CHARGE + given + (userData?.length ?? 0);
  for (const one of expressions) charge += one.charge;
  if (!transaction.take(charge)) return -E.ENOMEM;
  const kept = userData === undefined ? null : Buffer.from(userData);
  const rule = new NftRule(chain, handle, expressions, kept, charge);
  if (replaces) {
    const { previous } = old!;
    transaction.removeRule(old!);
    transaction.addRule(rule, previous);
  } else if (edit.hasFlag(N.NLM_F_APPEND)) transaction.addRule(rule, old ?? chain.last);
  else transaction.addRule(rule, old === null ? null : old.previous);
  const id = attributes.u32(RULE.ID);
  if (id !== undefined) transaction.ruleIds.set(id, rule);
  return 0;
}

/** The rule that a new one is to stand beside; null: none is named. */
function positionOf(edit: Edit, chain: NftChain): NftRule | Refusal | null {
  const { attributes, transaction } = edit;
  if (attributes.has(RULE.POSITION)) return ruleOf(edit, chain, RULE.POSITION);
  const id = attributes.u32(RULE.POSITION_ID);
  if (id === undefined) return null;
  const rule = transaction.ruleIds.get(id);
  const isThere = rule !== undefined && rule.chain === chain && chain.table.rules.get(rule.handle) === rule;
  return isThere ? rule : edit.blame(E.ENOENT, RULE.POSITION_ID);
}

export function* deleteRule(edit: Edit, isSure: boolean): Editing {
  const { attributes, transaction } = edit;
  const table = edit.table(RULE.TABLE);
  if (isRefusal(table)) return isSure ? 0 : table;
  if (!attributes.has(RULE.CHAIN)) {
    if (attributes.has(RULE.HANDLE)) return -E.EOPNOTSUPP;
    for (const chain of table.chains.values()) {
      yield* flush(edit, chain);
      yield;
    }
    return 0;
  }
  const chain = chainOf(edit, table);
  if (isRefusal(chain)) return isSure && errorOf(chain) === -E.ENOENT ? 0 : chain;
  if (attributes.has(RULE.HANDLE)) {
    const rule = ruleOf(edit, chain, RULE.HANDLE);
    if (isRefusal(rule)) return isSure ? 0 : rule;
    transaction.removeRule(rule);
    return 0;
  }
  const id = attributes.u32(RULE.ID);
  if (id !== undefined) {
    const rule = transaction.ruleIds.get(id);
    if (rule === undefined || table.rules.get(rule.handle) !== rule) return edit.blame(E.ENOENT, RULE.ID);
    transaction.removeRule(rule);
    return 0;
  }
  yield* flush(edit, chain);
  return 0;
}

/** Removes all rules of a chain. */
export function* flush({ transaction }: Edit, chain: NftChain): Generator<void, void> {
  let count = 0;
  for (let rule = chain.last; rule !== null; rule = rule.previous) {
    transaction.removeRule(rule);
    if (++count % PIECE === 0) yield;
  }
}

// ---- Telling ----

function tell({ nft }: Asked, writer: MessageWriter, rule: NftRule, flags: number): void {
  const { chain, previous, userData, expressions } = rule;
  const { table } = chain;
  beginMessage(writer, nft, A.NFT_MSG_NEWRULE, flags, table.family);
  writer.text(RULE.TABLE, table.name);
  writer.text(RULE.CHAIN, chain.name);
  writer.raw(number64(RULE.HANDLE, rule.handle));
  if (previous !== null) writer.raw(number64(RULE.POSITION, previous.handle));
  const all = expressions.map((one) =>
    attribute(A.LIST_ELEM, text(A.EXPR.NAME, one.name), attribute(A.EXPR.DATA, one.data())),
  );
  writer.raw(attribute(RULE.EXPRESSIONS, ...all));
  writer.raw(optional(RULE.USERDATA, userData));
  writer.end();
}

function* rulesOf(asked: Asked, chain: NftChain): Generator<Told> {
  for (let rule = chain.first; rule !== null; rule = rule.next) {
    const one = rule;
    yield* untilReady(asked);
    yield (writer) => tell(asked, writer, one, N.NLM_F_MULTI | N.NLM_F_APPEND);
  }
}

function* all(asked: Asked): Generator<Told, number> {
  const { family, nft } = asked;
  const wantedTable = asked.name(RULE.TABLE);
  const wantedChain = wantedTable === undefined ? undefined : asked.name(RULE.CHAIN);
  for (const table of nft.tables) {
    if (family !== A.NFPROTO_UNSPEC && family !== table.family) continue;
    if (wantedTable !== undefined && wantedTable !== table.name) continue;
    if (wantedChain !== undefined) {
      const chain = table.chains.get(wantedChain);
      if (chain !== undefined) yield* rulesOf(asked, chain);
      continue;
    }
    for (const chain of table.chainHandles.values()) {
      yield null;
      yield* rulesOf(asked, chain);
    }
  }
  return 0;
}

export function getRule(asked: Asked): Answer | Outcome {
  if (asked.hasFlag(N.NLM_F_DUMP)) return dump(asked, all(asked));
  const table = asked.table(RULE.TABLE);
  if (isRefusal(table)) return table;
  const chain = table.chains.get(asked.name(RULE.CHAIN) ?? "");
  if (chain === undefined) return asked.blame(E.ENOENT, RULE.CHAIN);
  const rule = table.rules.get(asked.attributes.u64(RULE.HANDLE) ?? 0);
  if (rule === undefined || rule.chain !== chain) return asked.blame(E.ENOENT, RULE.HANDLE);
  return (writer) => tell(asked, writer, rule, 0);
}
