// Whether chains lead nowhere that they must not: rings, and jumps deeper than the stack of returns, and expressions reached
// from hooks where they may not stand (Linux's nft_chain_validate). It goes in pieces.

import { EMLINK } from "../../../../../shared/abi/errno.ts";
import { NFT_JUMP_STACK_SIZE } from "../../../../../shared/abi/nftables.ts";
import type { BaseChain, NftChain, NftSet, NftTable } from "./model.ts";

/** Rules and expressions that are looked at in one piece. */
const PIECE = 2048;

class Walk {
  /** Those of a base chain's kind were gone through from as deep, or deeper. */
  readonly #depths = new Map<NftChain | NftSet, number>();
  readonly #base: BaseChain;
  #steps: { count: number };

  constructor(base: BaseChain, steps: { count: number }) {
    this.#base = base;
    this.#steps = steps;
  }

  *#looked(): Generator<void> {
    if (++this.#steps.count % PIECE === 0) yield;
  }

  #wasSeen(what: NftChain | NftSet, depth: number): boolean {
    if ((this.#depths.get(what) ?? -1) >= depth) return true;
    this.#depths.set(what, depth);
    return false;
  }

  *chain(chain: NftChain, depth: number): Generator<void, number> {
    if (depth >= NFT_JUMP_STACK_SIZE) return -EMLINK;
    if (this.#wasSeen(chain, depth)) return 0;
    for (let rule = chain.first; rule !== null; rule = rule.next) {
      yield* this.#looked();
      for (const expression of rule.checked) {
        yield* this.#looked();
        const error = expression.validate(this.#base);
        if (error < 0) return error;
        const leads = expression.chain !== null ? yield* this.chain(expression.chain, depth + 1) : 0;
        if (leads < 0) return leads;
        const { set } = expression;
        const maps = set?.kind.hasVerdicts === true ? yield* this.#map(set, depth) : 0;
        if (maps < 0) return maps;
      }
    }
    return 0;
  }

  *#map(set: NftSet, depth: number): Generator<void, number> {
    if (this.#wasSeen(set, depth)) return 0;
    for (const { verdict } of set.elements.values()) {
      yield* this.#looked();
      if (verdict === null || verdict.chain === null) continue;
      const error = yield* this.chain(verdict.chain, depth + 1);
      if (error < 0) return error;
    }
    return 0;
  }
}

/** 0, or a negative errno. */
export function* validate({ bases }: NftTable): Generator<void, number> {
  const walks = new Map<string, Walk>();
  const steps = { count: 0 };
  for (const base of bases) {
    const kind = `${base.type} ${base.hook}`;
    const walk = walks.get(kind) ?? new Walk(base, steps);
    walks.set(kind, walk);
    const error = yield* walk.chain(base.chain, 0);
    if (error < 0) return error;
  }
  return 0;
}
