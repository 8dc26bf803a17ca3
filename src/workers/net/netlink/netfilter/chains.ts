// Chains of nf_tables: made, changed, renamed, deleted and told.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import * as A from "../../../../shared/abi/nftables.ts";
import { CHAIN, COUNTER, HOOK } from "../../../../shared/abi/nftables.ts";
import { errorOf, type Outcome, type Refusal } from "../../devices/outcome.ts";
import * as H from "../../stack/filter/evaluation.ts";
import {
  Attributes,
  attribute,
  number32,
  number64,
  optional,
  text,
} from "../../stack/filter/nft/attributes.ts";
import { BaseChain, type ChainType, NftChain, type NftTable } from "../../stack/filter/nft/model.ts";
import { HOOK_CHAINS_MAX, TABLE_ENTRIES_MAX } from "../../stack/limits.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter } from "../message.ts";
import { dump, untilReady } from "./dump.ts";
import { type Asked, beginMessage, type Edit, type Editing, isRefusal } from "./edit.ts";
import { flush } from "./rules.ts";

const CHARGE = 1024;
const PRIORITY_CONNTRACK = -200;
const bit = (hook: number): number => 1 << hook;
/** Hooks of each type. */
const TYPES: Readonly<Record<ChainType, number>> = {
  filter: (1 << H.HOOKS) - 1,
  nat: bit(H.PREROUTING) | bit(H.INPUT) | bit(H.OUTPUT) | bit(H.POSTROUTING),
  route: bit(H.OUTPUT),
};
const TYPE_MAX = 15;

interface Hook {
  readonly type: ChainType;
  readonly hook: number;
  readonly priority: number;
}

// nft_chain_parse_hook
function hookOf(edit: Edit): Hook | Refusal {
  const { attributes } = edit;
  const given = attributes.nested(CHAIN.HOOK)!;
  const hook = given.u32(HOOK.HOOKNUM);
  const priority = given.u32(HOOK.PRIORITY);
  if (given.error < 0) return edit.blame(-given.error, CHAIN.HOOK);
  if (hook === undefined || priority === undefined) return { error: -E.ENOENT, text: "" };
  const type = attributes.text(CHAIN.TYPE, TYPE_MAX) ?? "filter";
  if (!Object.hasOwn(TYPES, type)) return edit.blame(E.ENOENT, CHAIN.TYPE);
  const hooks = TYPES[type as ChainType];
  if (hook >= H.HOOKS || (hooks & bit(hook)) === 0) return { error: -E.EOPNOTSUPP, text: "" };
  if (type === "nat" && (priority | 0) <= PRIORITY_CONNTRACK) return { error: -E.EOPNOTSUPP, text: "" };
  if (given.has(HOOK.DEV) || given.has(HOOK.DEVS)) return { error: -E.EOPNOTSUPP, text: "" };
  return { type: type as ChainType, hook, priority: priority | 0 };
}

/** Packets and bytes; null: they are not told. */
function countersOf(bytes: Buffer | undefined): readonly [number, number] | null {
  if (bytes === undefined) return null;
  const given = new Attributes(bytes);
  return [given.u64(COUNTER.PACKETS) ?? 0, given.u64(COUNTER.BYTES) ?? 0];
}

export function newChain(edit: Edit): Outcome {
  const { attributes } = edit;
  const table = edit.table(CHAIN.TABLE);
  if (isRefusal(table)) return table;
  const name = edit.name(CHAIN.NAME);
  const handle = attributes.u64(CHAIN.HANDLE);
  const id = attributes.u32(CHAIN.ID);
  const flags = attributes.u32(CHAIN.FLAGS) ?? 0;
  const policy = attributes.u32(CHAIN.POLICY);
  if (attributes.error < 0) return attributes.error;
  let chain: NftChain | null = null;
  if (handle !== undefined) {
    chain = table.chainHandles.get(handle) ?? null;
    if (chain === null) return edit.blame(E.ENOENT, CHAIN.HANDLE);
  } else if (name !== undefined) chain = table.chains.get(name) ?? null;
  else return id === undefined ? -E.EINVAL : -E.EOPNOTSUPP;
  if (policy !== undefined) {
    const mayHave = chain === null ? attributes.has(CHAIN.HOOK) : chain.base !== null;
    if (!mayHave) return edit.blame(E.EOPNOTSUPP, CHAIN.POLICY);
    if (policy !== A.NF_DROP && policy !== A.NF_ACCEPT) return -E.EINVAL;
  }
  if ((flags & ~A.NFT_CHAIN_BASE) !== 0) return -E.EOPNOTSUPP;
  if (chain === null) return addChain(edit, table, name!, policy ?? A.NF_ACCEPT);
  if (edit.hasFlag(N.NLM_F_EXCL))
    return edit.blame(E.EEXIST, handle === undefined ? CHAIN.NAME : CHAIN.HANDLE);
  if (edit.hasFlag(N.NLM_F_REPLACE)) return -E.EOPNOTSUPP;
  return changeChain(edit, chain, name, policy);
}

function addChain(edit: Edit, table: NftTable, name: string, policy: number): Outcome {
  const { attributes, transaction } = edit;
  const userData = attributes.bytes(CHAIN.USERDATA);
  if (userData !== undefined && userData.length > A.NFT_USERDATA_MAXLEN) return -E.EINVAL;
  let hook: Hook | null = null;
  if (attributes.has(CHAIN.HOOK)) {
    const found = hookOf(edit);
    if (isRefusal(found)) return found;
    hook = found;
    if (edit.nft.baseCounts[hook.hook]! >= HOOK_CHAINS_MAX) return -E.E2BIG;
  } else if (attributes.u32(CHAIN.FLAGS) === A.NFT_CHAIN_BASE) return -E.EINVAL;
  if (table.chains.size >= TABLE_ENTRIES_MAX || !transaction.take(CHARGE)) return -E.ENOMEM;
  const kept = userData === undefined ? null : Buffer.from(userData);
  const chain = new NftChain(table, name, table.newHandle(), kept);
  let base: BaseChain | null = null;
  if (hook !== null) {
    const counters = countersOf(attributes.bytes(CHAIN.COUNTERS));
    const serial = edit.nft.newSerial();
    base = new BaseChain(chain, hook.type, hook.hook, hook.priority, serial, policy, counters !== null);
    if (counters !== null) [base.packets, base.bytes] = counters;
  }
  const id = attributes.u32(CHAIN.ID);
  if (id !== undefined) transaction.chainIds.set(id, chain);
  transaction.addChain(chain, base, CHARGE);
  return 0;
}

function changeChain(
  edit: Edit,
  chain: NftChain,
  name: string | undefined,
  policy: number | undefined,
): Outcome {
  const { attributes, transaction } = edit;
  const { base, table } = chain;
  if (attributes.has(CHAIN.HOOK)) {
    if (base === null) return edit.blame(E.EEXIST, CHAIN.HOOK);
    const hook = hookOf(edit);
    if (isRefusal(hook)) return hook;
    if (hook.type !== base.type) return edit.blame(E.EEXIST, CHAIN.TYPE);
    if (hook.hook !== base.hook || hook.priority !== base.priority) return edit.blame(E.EEXIST, CHAIN.HOOK);
  }
  const renames = attributes.has(CHAIN.HANDLE) && name !== undefined;
  if (renames && table.chains.has(name)) return edit.blame(E.EEXIST, CHAIN.NAME);
  const counters = countersOf(attributes.bytes(CHAIN.COUNTERS));
  if (counters !== null) {
    if (base === null) return -E.EOPNOTSUPP;
    transaction.setCounters(base, counters[0], counters[1]);
  }
  if (policy !== undefined && base !== null) transaction.setPolicy(base, policy);
  if (renames) transaction.renameChain(chain, name);
  return 0;
}

/** The chain that a message names. */
function named(asked: Asked): NftChain | Refusal {
  const table = asked.table(CHAIN.TABLE);
  if (isRefusal(table)) return table;
  const handle = asked.attributes.u64(CHAIN.HANDLE);
  if (handle !== undefined) return table.chainHandles.get(handle) ?? asked.blame(E.ENOENT, CHAIN.HANDLE);
  const name = asked.name(CHAIN.NAME);
  if (name === undefined) return { error: -E.EINVAL, text: "" };
  return table.chains.get(name) ?? asked.blame(E.ENOENT, CHAIN.NAME);
}

export function* deleteChain(edit: Edit, isSure: boolean): Editing {
  const { transaction } = edit;
  const chain = named(edit);
  if (isRefusal(chain)) return isSure && errorOf(chain) === -E.ENOENT ? 0 : chain;
  const blamed = edit.attributes.has(CHAIN.HANDLE) ? CHAIN.HANDLE : CHAIN.NAME;
  if (edit.hasFlag(N.NLM_F_NONREC) && chain.use > 0) return edit.blame(E.EBUSY, blamed);
  yield* flush(edit, chain);
  // Somebody leads here still.
  if (chain.use > 0) return edit.blame(E.EBUSY, blamed);
  transaction.removeChain(chain, CHARGE);
  return 0;
}

// ---- Telling ----

function tell({ nft }: Asked, writer: MessageWriter, chain: NftChain, flags: number): void {
  const { table, base, userData } = chain;
  beginMessage(writer, nft, A.NFT_MSG_NEWCHAIN, flags, table.family);
  writer.text(CHAIN.TABLE, table.name);
  writer.text(CHAIN.NAME, chain.name);
  writer.raw(number64(CHAIN.HANDLE, chain.handle));
  if (base !== null) {
    const hook = [number32(HOOK.HOOKNUM, base.hook), number32(HOOK.PRIORITY, base.priority)];
    writer.raw(attribute(CHAIN.HOOK, ...hook));
    writer.raw(number32(CHAIN.POLICY, base.policy));
    writer.raw(text(CHAIN.TYPE, base.type));
    const counters = [number64(COUNTER.PACKETS, base.packets), number64(COUNTER.BYTES, base.bytes)];
    if (base.hasCounters) writer.raw(attribute(CHAIN.COUNTERS, ...counters));
    writer.raw(number32(CHAIN.FLAGS, A.NFT_CHAIN_BASE));
  }
  writer.raw(number32(CHAIN.USE, chain.use));
  writer.raw(optional(CHAIN.USERDATA, userData));
  writer.end();
}

function* all(asked: Asked): Generator<Told, number> {
  const { family, nft } = asked;
  for (const table of nft.tables) {
    if (family !== A.NFPROTO_UNSPEC && family !== table.family) continue;
    for (const chain of table.chainHandles.values()) {
      yield* untilReady(asked);
      yield (writer) => tell(asked, writer, chain, N.NLM_F_MULTI);
    }
  }
  return 0;
}

export function getChain(asked: Asked): Answer | Outcome {
  if (asked.hasFlag(N.NLM_F_DUMP)) return dump(asked, all(asked));
  const chain = named(asked);
  return isRefusal(chain) ? chain : (writer) => tell(asked, writer, chain, 0);
}
