// Elements of sets and maps of nf_tables: added, deleted and told.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { ELEMENT, ELEMENT_LIST } from "../../../../shared/abi/nftables.ts";
import type { Outcome, Refusal } from "../../devices/outcome.ts";
import {
  Attributes,
  attribute,
  attributesIn,
  number32,
  optional,
} from "../../stack/filter/nft/attributes.ts";
import type { NftSet, SetElement } from "../../stack/filter/nft/model.ts";
import { elementKey } from "../../stack/filter/nft/transaction.ts";
import { dataOf, type Verdict, verdictOf } from "../../stack/filter/nft/verdict.ts";
import { SET_ELEMENTS_MAX } from "../../stack/limits.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter } from "../message.ts";
import { dump, untilReady } from "./dump.ts";
import { type Asked, beginMessage, type Edit, type Editing, isRefusal } from "./edit.ts";

/** What an element costs in memory, and so much for each byte of it. */
const CHARGE = 640;
const CHARGE_A_BYTE = 2;
/** Elements that are looked at in one piece, and that one message tells. */
const PIECE = 64;
const ELEMENT_FLAGS = A.NFT_SET_ELEM_INTERVAL_END;

interface Key {
  readonly key: Buffer;
  readonly keyEnd: Buffer | null;
  readonly isEnd: boolean;
}

function keyOf(edit: Edit, { kind }: NftSet, attributes: Attributes): Key | number {
  const flags = attributes.u32(ELEMENT.FLAGS) ?? 0;
  if ((flags & ~ELEMENT_FLAGS) !== 0) {
    edit.unsupported(`element with flags 0x${flags.toString(16)}`);
    return -E.EOPNOTSUPP;
  }
  const isInterval = (kind.flags & A.NFT_SET_INTERVAL) !== 0;
  const isEnd = (flags & A.NFT_SET_ELEM_INTERVAL_END) !== 0;
  const isRanges = isInterval && (kind.flags & A.NFT_SET_CONCAT) !== 0;
  // Ranges of several fields have both of their ends in one element.
  if (isEnd && (!isInterval || isRanges)) return -E.EINVAL;
  const key = attributes.nested(ELEMENT.KEY)?.bytes(A.DATA.VALUE);
  if (key === undefined || key.length !== kind.keyLength) return -E.EINVAL;
  const last = attributes.nested(ELEMENT.KEY_END)?.bytes(A.DATA.VALUE);
  if (last === undefined && attributes.has(ELEMENT.KEY_END)) return -E.EINVAL;
  if (last !== undefined && (!isRanges || last.length !== kind.keyLength)) return -E.EINVAL;
  return { key: Buffer.from(key), keyEnd: last === undefined ? null : Buffer.from(last), isEnd };
}

function elementOf(edit: Edit, set: NftSet, bytes: Buffer): SetElement | number {
  const { kind, table } = set;
  const attributes = new Attributes(bytes);
  const key = keyOf(edit, set, attributes);
  if (typeof key === "number") return key;
  const others = [ELEMENT.TIMEOUT, ELEMENT.EXPIRATION, ELEMENT.EXPR, ELEMENT.EXPRESSIONS, ELEMENT.OBJREF];
  if (others.some((type) => attributes.has(type))) return -E.EINVAL;
  const isMap = (kind.flags & A.NFT_SET_MAP) !== 0;
  const data = attributes.nested(ELEMENT.DATA);
  if (data === undefined ? isMap && !key.isEnd : !isMap || key.isEnd) return -E.EINVAL;
  let verdict: Verdict | null = null;
  let value: Buffer | null = null;
  if (data !== undefined && kind.hasVerdicts) {
    const found = verdictOf(data.nested(A.DATA.VERDICT), {
      findChain: (name, id) => edit.findChain(table, name, id),
    });
    if (typeof found === "number") return found;
    verdict = found;
  } else if (data !== undefined) {
    const given = data.bytes(A.DATA.VALUE);
    if (given?.length !== kind.dataLength) return -E.EINVAL;
    value = Buffer.from(given);
  }
  const userData = attributes.bytes(ELEMENT.USERDATA);
  if (userData !== undefined && userData.length > A.NFT_USERDATA_MAXLEN) return -E.EINVAL;
  if (attributes.error < 0) return attributes.error;
  return {
    ...key,
    verdict,
    value,
    userData: userData === undefined ? null : Buffer.from(userData),
    charge: CHARGE + bytes.length * CHARGE_A_BYTE,
  };
}

function setOf(edit: Edit): NftSet | Refusal {
  const table = edit.table(ELEMENT_LIST.TABLE);
  if (isRefusal(table)) return table;
  const found = edit.findSet(table, edit.name(ELEMENT_LIST.SET), edit.attributes.u32(ELEMENT_LIST.SET_ID));
  if (found === null) return edit.blame(E.ENOENT, ELEMENT_LIST.SET);
  const isFixed = (found.kind.flags & (A.NFT_SET_CONSTANT | A.NFT_SET_ANONYMOUS)) !== 0;
  return isFixed && found.use > 0 ? { error: -E.EBUSY, text: "" } : found;
}

function isSameData(a: SetElement, b: SetElement): boolean {
  if (a.verdict !== null || b.verdict !== null)
    return a.verdict?.code === b.verdict?.code && a.verdict?.chain === b.verdict?.chain;
  return a.value === null ? b.value === null : b.value !== null && a.value.equals(b.value);
}

export function* newElements(edit: Edit): Editing {
  const { attributes, transaction } = edit;
  const list = attributes.bytes(ELEMENT_LIST.ELEMENTS);
  if (list === undefined) return -E.EINVAL;
  const set = setOf(edit);
  if (isRefusal(set)) return set;
  const max = Math.min(SET_ELEMENTS_MAX, set.kind.size === 0 ? SET_ELEMENTS_MAX : set.kind.size);
  let count = 0;
  for (const [, bytes] of attributesIn(list)) {
    if (++count % PIECE === 0) yield;
    const element = elementOf(edit, set, bytes);
    if (typeof element === "number") return edit.blameBytes(-element, bytes);
    const known = set.elements.get(elementKey(element));
    if (known !== undefined) {
      if (!isSameData(known, element)) return edit.blameBytes(E.EBUSY, bytes);
      if (edit.hasFlag(N.NLM_F_EXCL)) return edit.blameBytes(E.EEXIST, bytes);
      continue;
    }
    if (set.elements.size >= max) return edit.blameBytes(E.ENFILE, bytes);
    if (!transaction.take(element.charge)) return -E.ENOMEM;
    transaction.addElement(set, element);
  }
  return 0;
}

export function* deleteElements(edit: Edit, isSure: boolean): Editing {
  const { attributes, transaction } = edit;
  const set = setOf(edit);
  if (isRefusal(set)) return set;
  const list = attributes.bytes(ELEMENT_LIST.ELEMENTS);
  let count = 0;
  if (list === undefined) {
    for (const element of set.elements.values()) {
      if (++count % PIECE === 0) yield;
      transaction.removeElement(set, element);
    }
    return 0;
  }
  for (const [, bytes] of attributesIn(list)) {
    if (++count % PIECE === 0) yield;
    const key = keyOf(edit, set, new Attributes(bytes));
    if (typeof key === "number") return edit.blameBytes(-key, bytes);
    const known = set.elements.get(elementKey(key));
    if (known !== undefined) transaction.removeElement(set, known);
    else if (!isSure) return edit.blameBytes(E.ENOENT, bytes);
  }
  return 0;
}

// ---- Telling ----

function bytesOf({ key, keyEnd, isEnd, value, verdict, userData }: SetElement): Buffer {
  const parts = [attribute(ELEMENT.KEY, attribute(A.DATA.VALUE, key))];
  if (keyEnd !== null) parts.push(attribute(ELEMENT.KEY_END, attribute(A.DATA.VALUE, keyEnd)));
  if (verdict !== null) parts.push(attribute(ELEMENT.DATA, dataOf(verdict)));
  if (value !== null) parts.push(attribute(ELEMENT.DATA, attribute(A.DATA.VALUE, value)));
  if (isEnd) parts.push(number32(ELEMENT.FLAGS, A.NFT_SET_ELEM_INTERVAL_END));
  parts.push(optional(ELEMENT.USERDATA, userData));
  return attribute(A.LIST_ELEM, ...parts);
}

function tell(
  { nft }: Asked,
  writer: MessageWriter,
  { table, name }: NftSet,
  elements: readonly SetElement[],
  flags: number,
): void {
  beginMessage(writer, nft, A.NFT_MSG_NEWSETELEM, flags, table.family);
  writer.text(ELEMENT_LIST.TABLE, table.name);
  writer.text(ELEMENT_LIST.SET, name);
  writer.raw(attribute(ELEMENT_LIST.ELEMENTS, ...elements.map(bytesOf)));
  writer.end();
}

function* all(asked: Asked, set: NftSet): Generator<Told, number> {
  const elements = set.elements.values();
  for (;;) {
    yield* untilReady(asked);
    const some: SetElement[] = [];
    for (let next = elements.next(); next.done !== true; next = elements.next()) {
      some.push(next.value);
      if (some.length === PIECE) break;
    }
    if (some.length === 0) return 0;
    yield (writer) => tell(asked, writer, set, some, N.NLM_F_MULTI);
  }
}

export function getElements(asked: Asked): Answer | Outcome {
  const { attributes } = asked;
  const table = asked.table(ELEMENT_LIST.TABLE);
  if (isRefusal(table)) return table;
  const set = table.sets.get(asked.name(ELEMENT_LIST.SET) ?? "");
  if (set === undefined) return asked.blame(E.ENOENT, ELEMENT_LIST.SET);
  if (asked.hasFlag(N.NLM_F_DUMP)) return dump(asked, all(asked, set));
  const list = attributes.bytes(ELEMENT_LIST.ELEMENTS);
  if (list === undefined) return -E.EINVAL;
  const isInterval = (set.kind.flags & A.NFT_SET_INTERVAL) !== 0;
  const found: SetElement[] = [];
  for (const [, bytes] of attributesIn(list)) {
    const attributes = new Attributes(bytes);
    const key = attributes.nested(ELEMENT.KEY)?.bytes(A.DATA.VALUE);
    if (key?.length !== set.kind.keyLength || found.length >= PIECE) return -E.EINVAL;
    const isEnd = ((attributes.u32(ELEMENT.FLAGS) ?? 0) & A.NFT_SET_ELEM_INTERVAL_END) !== 0;
    const one =
      set.elements.get(elementKey({ key, keyEnd: null, isEnd })) ??
      (isInterval ? set.live.around(key, isEnd) : null);
    if (one === null) return asked.blameBytes(E.ENOENT, bytes);
    found.push(one);
  }
  return (writer) => tell(asked, writer, set, found, 0);
}
