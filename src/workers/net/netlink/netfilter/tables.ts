// Tables of nf_tables: made, changed, deleted and told.

import { EEXIST, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP } from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { TABLE } from "../../../../shared/abi/nftables.ts";
import type { Outcome } from "../../devices/outcome.ts";
import { number32, number64, optional } from "../../stack/filter/nft/attributes.ts";
import { NftTable } from "../../stack/filter/nft/model.ts";
import { TABLES_MAX } from "../../stack/limits.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter } from "../message.ts";
import { dump, untilReady } from "./dump.ts";
import { type Asked, beginMessage, type Edit, isRefusal } from "./edit.ts";

const FAMILIES: ReadonlySet<number> = new Set([A.NFPROTO_INET, A.NFPROTO_IPV4, A.NFPROTO_IPV6]);
const CHARGE = 2048;

export function newTable(edit: Edit): Outcome {
  const { nft, family, attributes, transaction } = edit;
  if (!FAMILIES.has(family)) {
    edit.unsupported(`tables of family ${family}`);
    return -EOPNOTSUPP;
  }
  const name = edit.name(TABLE.NAME);
  const flags = attributes.u32(TABLE.FLAGS) ?? 0;
  if (name === undefined) return attributes.error < 0 ? attributes.error : -EINVAL;
  if ((flags & ~A.NFT_TABLE_F_DORMANT) !== 0) return edit.blame(EOPNOTSUPP, TABLE.FLAGS);
  const known = nft.table(family, name);
  if (known !== null) {
    if (edit.hasFlag(N.NLM_F_EXCL)) return edit.blame(EEXIST, TABLE.NAME);
    if (edit.hasFlag(N.NLM_F_REPLACE)) return -EOPNOTSUPP;
    if (attributes.has(TABLE.FLAGS) && flags !== known.flags) transaction.setFlags(known, flags);
    return 0;
  }
  const userData = attributes.bytes(TABLE.USERDATA) ?? null;
  if (userData !== null && userData.length > A.NFT_USERDATA_MAXLEN) return -EINVAL;
  if (nft.count >= TABLES_MAX || !transaction.take(CHARGE)) return -ENOMEM;
  const kept = userData === null ? null : Buffer.from(userData);
  transaction.addTable(new NftTable(family, name, nft.newHandle(), flags, kept), CHARGE);
  return 0;
}

export function deleteTable(edit: Edit, isSure: boolean): Outcome {
  const { nft, family, attributes, transaction } = edit;
  const handle = attributes.u64(TABLE.HANDLE);
  const name = edit.name(TABLE.NAME);
  if (family === A.NFPROTO_UNSPEC || (name === undefined && handle === undefined)) {
    for (const table of [...nft.tables])
      if (
        (family === A.NFPROTO_UNSPEC || table.family === family) &&
        (name === undefined || table.name === name)
      )
        transaction.removeTable(table);
    return 0;
  }
  const type = handle !== undefined ? TABLE.HANDLE : TABLE.NAME;
  const found =
    handle !== undefined
      ? [...nft.tables].find((one) => one.handle === handle && one.family === family)
      : nft.table(family, name!);
  if (found === undefined || found === null) return isSure ? 0 : edit.blame(ENOENT, type);
  transaction.removeTable(found);
  return 0;
}

// ---- Telling ----

function tell(asked: Asked, writer: MessageWriter, table: NftTable, flags: number): void {
  beginMessage(writer, asked.nft, A.NFT_MSG_NEWTABLE, flags, table.family);
  writer.text(TABLE.NAME, table.name);
  writer.raw(number32(TABLE.USE, table.use));
  writer.raw(number64(TABLE.HANDLE, table.handle));
  writer.raw(number32(TABLE.FLAGS, table.flags));
  writer.raw(optional(TABLE.USERDATA, table.userData));
  writer.end();
}

function* all(asked: Asked): Generator<Told, number> {
  for (const table of asked.nft.tables) {
    yield* untilReady(asked);
    if (asked.family !== A.NFPROTO_UNSPEC && asked.family !== table.family) continue;
    yield (writer) => tell(asked, writer, table, N.NLM_F_MULTI);
  }
  return 0;
}

export function getTable(asked: Asked): Answer | Outcome {
  if (asked.hasFlag(N.NLM_F_DUMP)) return dump(asked, all(asked));
  const table = asked.table(TABLE.NAME);
  if (isRefusal(table)) return asked.attributes.has(TABLE.NAME) ? table : -EINVAL;
  return (writer) => tell(asked, writer, table, 0);
}
