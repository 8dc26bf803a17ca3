// Sets and maps of nf_tables: made, deleted and told. Their elements are elements.ts's.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { SET } from "../../../../shared/abi/nftables.ts";
import type { Outcome, Refusal } from "../../devices/outcome.ts";
import {
  Attributes,
  attribute,
  attributesIn,
  number32,
  number64,
  optional,
} from "../../stack/filter/nft/attributes.ts";
import { NftSet, type NftTable, type SetKind } from "../../stack/filter/nft/model.ts";
import { TABLE_ENTRIES_MAX } from "../../stack/limits.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter } from "../message.ts";
import { dump, untilReady } from "./dump.ts";
import { type Asked, beginMessage, type Edit, isRefusal } from "./edit.ts";

const CHARGE = 1024;
const FLAGS =
  A.NFT_SET_ANONYMOUS | A.NFT_SET_CONSTANT | A.NFT_SET_INTERVAL | A.NFT_SET_MAP | A.NFT_SET_CONCAT;
const KEY_MAX = 64;
const FIELDS_MAX = 16;
const VERDICT_SIZE = 16;
const RESERVED_TYPES = 0xffffff00;

// nf_tables_newset, as far as it is about the kind.
function kindOf(edit: Edit): SetKind | number {
  const { attributes } = edit;
  const keyLength = attributes.u32(SET.KEY_LEN);
  if (keyLength === undefined || keyLength === 0 || keyLength > KEY_MAX) return -E.EINVAL;
  const flags = attributes.u32(SET.FLAGS) ?? 0;
  const isOther = [SET.TIMEOUT, SET.OBJ_TYPE, SET.EXPR, SET.EXPRESSIONS].some((type) => attributes.has(type));
  if ((flags & ~FLAGS) !== 0 || isOther) {
    edit.unsupported(`set with flags 0x${flags.toString(16)}`);
    return -E.EOPNOTSUPP;
  }
  const dataType = attributes.u32(SET.DATA_TYPE);
  const isMap = (flags & A.NFT_SET_MAP) !== 0;
  if ((dataType !== undefined) !== isMap) return -E.EINVAL;
  const hasVerdicts = dataType === A.NFT_DATA_VERDICT;
  if (dataType !== undefined && dataType >= RESERVED_TYPES && !hasVerdicts) return -E.EINVAL;
  const dataLength = isMap && !hasVerdicts ? (attributes.u32(SET.DATA_LEN) ?? 0) : 0;
  if (isMap && !hasVerdicts && (dataLength === 0 || dataLength > KEY_MAX)) return -E.EINVAL;
  const description = attributes.nested(SET.DESC);
  const fields = fieldsOf(description?.bytes(A.SET_DESC.CONCAT));
  if (fields === null) return -E.EINVAL;
  const isRanges = (flags & A.NFT_SET_INTERVAL) !== 0 && (flags & A.NFT_SET_CONCAT) !== 0;
  if (isRanges && fields.reduce((sum, length) => sum + ((length + 3) & ~3), 0) !== keyLength)
    return -E.EINVAL;
  const userData = attributes.bytes(SET.USERDATA);
  if (userData !== undefined && userData.length > A.NFT_USERDATA_MAXLEN) return -E.EINVAL;
  return {
    flags,
    keyType: attributes.u32(SET.KEY_TYPE) ?? 0,
    keyLength,
    dataType: dataType ?? 0,
    dataLength,
    hasVerdicts,
    policy: attributes.u32(SET.POLICY) ?? null,
    size: description?.u32(A.SET_DESC.SIZE) ?? 0,
    fields,
    userData: userData === undefined ? null : Buffer.from(userData),
  };
}

/** Lengths of a key's fields; null: they are none. */
function fieldsOf(bytes: Buffer | undefined): number[] | null {
  if (bytes === undefined) return [];
  const fields: number[] = [];
  for (const [type, field] of attributesIn(bytes)) {
    const length = new Attributes(field).u32(A.SET_FIELD_LEN);
    if (type !== A.LIST_ELEM || fields.length >= FIELDS_MAX) return null;
    if (length === undefined || length === 0 || length > KEY_MAX) return null;
    fields.push(length);
  }
  return fields;
}

export function newSet(edit: Edit): Outcome {
  const { attributes, transaction } = edit;
  const name = edit.name(SET.NAME);
  const id = attributes.u32(SET.ID);
  if (!attributes.has(SET.TABLE) || name === undefined || id === undefined) return -E.EINVAL;
  const kind = kindOf(edit);
  if (typeof kind === "number") return kind;
  if (attributes.error < 0) return attributes.error;
  const table = edit.table(SET.TABLE);
  if (isRefusal(table)) return table;
  const known = table.sets.get(name);
  if (known !== undefined) {
    if (edit.hasFlag(N.NLM_F_EXCL)) return edit.blame(E.EEXIST, SET.NAME);
    if (edit.hasFlag(N.NLM_F_REPLACE)) return -E.EOPNOTSUPP;
    if (!isSame(known.kind, kind)) return edit.blame(E.EEXIST, SET.NAME);
    transaction.setIds.set(id, known);
    return 0;
  }
  if (!edit.hasFlag(N.NLM_F_CREATE)) return -E.ENOENT;
  const given = nameOf(table, name);
  if (given === null) return -E.EINVAL;
  if (table.sets.size >= TABLE_ENTRIES_MAX || !transaction.take(CHARGE)) return -E.ENOMEM;
  const set = new NftSet(table, given, table.newHandle(), kind);
  transaction.setIds.set(id, set);
  transaction.addSet(set, CHARGE);
  return 0;
}

function isSame(a: SetKind, b: SetKind): boolean {
  return (
    a.flags === b.flags &&
    a.keyType === b.keyType &&
    a.keyLength === b.keyLength &&
    a.dataType === b.dataType &&
    a.dataLength === b.dataLength
  );
}

/** With a number, where it asks for one (nf_tables_set_alloc_name). */
function nameOf(table: NftTable, name: string): string | null {
  const at = name.indexOf("%");
  if (at < 0) return name;
  if (name[at + 1] !== "d" || name.includes("%", at + 2)) return null;
  for (;;) {
    const made = name.replace("%d", String(table.nextSetNumber++));
    if (!table.sets.has(made)) return made;
  }
}

/** The set that a message names. */
function named(asked: Asked): NftSet | Refusal {
  const table = asked.table(SET.TABLE);
  if (isRefusal(table)) return table;
  const handle = asked.attributes.u64(SET.HANDLE);
  if (handle !== undefined) return table.setHandles.get(handle) ?? asked.blame(E.ENOENT, SET.HANDLE);
  const name = asked.name(SET.NAME);
  if (name === undefined) return { error: -E.EINVAL, text: "" };
  return table.sets.get(name) ?? asked.blame(E.ENOENT, SET.NAME);
}

export function deleteSet(edit: Edit, isSure: boolean): Outcome {
  const set = named(edit);
  if (isRefusal(set)) return isSure && set.error === -E.ENOENT ? 0 : set;
  const isFull = edit.hasFlag(N.NLM_F_NONREC) && set.elements.size > 0;
  if (set.use > 0 || isFull) return edit.blame(E.EBUSY, SET.NAME);
  edit.transaction.removeSet(set);
  return 0;
}

// ---- Telling ----

function tell({ nft }: Asked, writer: MessageWriter, set: NftSet, flags: number): void {
  const { table, kind } = set;
  beginMessage(writer, nft, A.NFT_MSG_NEWSET, flags, table.family);
  writer.text(SET.TABLE, table.name);
  writer.text(SET.NAME, set.name);
  writer.raw(number64(SET.HANDLE, set.handle));
  if (kind.flags !== 0) writer.raw(number32(SET.FLAGS, kind.flags));
  writer.raw(number32(SET.KEY_TYPE, kind.keyType));
  writer.raw(number32(SET.KEY_LEN, kind.keyLength));
  if ((kind.flags & A.NFT_SET_MAP) !== 0) {
    writer.raw(number32(SET.DATA_TYPE, kind.dataType));
    writer.raw(number32(SET.DATA_LEN, kind.hasVerdicts ? VERDICT_SIZE : kind.dataLength));
  }
  if (kind.policy !== null && kind.policy !== 0) writer.raw(number32(SET.POLICY, kind.policy));
  writer.raw(optional(SET.USERDATA, kind.userData));
  const description: Buffer[] = [];
  if (kind.size !== 0) description.push(number32(A.SET_DESC.SIZE, kind.size));
  if (kind.fields.length > 1) {
    const fields = kind.fields.map((length) => attribute(A.LIST_ELEM, number32(A.SET_FIELD_LEN, length)));
    description.push(attribute(A.SET_DESC.CONCAT, ...fields));
  }
  writer.raw(attribute(SET.DESC, ...description));
  writer.end();
}

function* all(asked: Asked): Generator<Told, number> {
  const { family, nft } = asked;
  const wanted = asked.name(SET.TABLE);
  for (const table of nft.tables) {
    if (family !== A.NFPROTO_UNSPEC && family !== table.family) continue;
    if (wanted !== undefined && wanted !== table.name) continue;
    for (const set of table.setHandles.values()) {
      yield* untilReady(asked);
      yield (writer) => tell(asked, writer, set, N.NLM_F_MULTI);
    }
  }
  return 0;
}

export function getSet(asked: Asked): Answer | Outcome {
  if (asked.hasFlag(N.NLM_F_DUMP)) return dump(asked, all(asked));
  const set = named(asked);
  return isRefusal(set) ? set : (writer) => tell(asked, writer, set, 0);
}
