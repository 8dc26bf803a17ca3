// A verdict as rules and elements of maps have it: a code, and of a jump the chain.

import { EINVAL, ENOENT, EOPNOTSUPP } from "../../../../../shared/abi/errno.ts";
import * as A from "../../../../../shared/abi/nftables.ts";
import { NF_ACCEPT, NF_DROP, NF_QUEUE, NFT_GOTO, NFT_JUMP } from "../../../../../shared/abi/nftables.ts";
import { type Attributes, attribute, number32, text } from "./attributes.ts";
import type { ExpressionPlace } from "./expression.ts";
import type { NftChain } from "./model.ts";

const CODES: ReadonlySet<number> = new Set([
  NF_DROP,
  NF_ACCEPT,
  NF_QUEUE,
  A.NFT_CONTINUE,
  A.NFT_BREAK,
  NFT_JUMP,
  NFT_GOTO,
  A.NFT_RETURN,
]);

export interface Verdict {
  readonly code: number;
  readonly chain: NftChain | null;
}

/** Of NFTA_DATA_VERDICT (nft_verdict_init); a negative errno. */
export function verdictOf(
  attributes: Attributes | undefined,
  { findChain }: Pick<ExpressionPlace, "findChain">,
): Verdict | number {
  const code = attributes?.u32(A.VERDICT.CODE);
  if (attributes === undefined || code === undefined) return -EINVAL;
  if (!CODES.has(code | 0)) return -EINVAL;
  if ((code | 0) !== NFT_JUMP && (code | 0) !== NFT_GOTO) return { code: code | 0, chain: null };
  const name = attributes.text(A.VERDICT.CHAIN, A.NFT_NAME_MAXLEN - 1);
  const id = attributes.u32(A.VERDICT.CHAIN_ID);
  if (name === undefined && id === undefined) return -EINVAL;
  const chain = findChain(name, id);
  if (chain === null) return -ENOENT;
  return chain.base !== null ? -EOPNOTSUPP : { code: code | 0, chain };
}

/** NFTA_DATA of it. */
export function dataOf({ code, chain }: Verdict): Buffer {
  const parts = [number32(A.VERDICT.CODE, code)];
  if (chain !== null) parts.push(text(A.VERDICT.CHAIN, chain.name));
  return attribute(A.DATA.VERDICT, ...parts);
}
