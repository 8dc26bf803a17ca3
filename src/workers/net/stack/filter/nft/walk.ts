// A packet's way through a base chain and those that it jumps to (Linux's nft_do_chain), to a verdict. Rules and expressions
// are counted together with those of all other tables of the hook.

import {
  NF_ACCEPT,
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_JUMP_STACK_SIZE,
  NFT_RETURN,
} from "../../../../../shared/abi/nftables.ts";
import { ACCEPT, DROP, type Evaluation } from "../evaluation.ts";
import { NEXT } from "./expression.ts";
import type { BaseChain } from "./model.ts";
import type { LiveRule } from "./registers.ts";

/** So many rules are as much work as a packet: 32. */
const WORK = 32;

/** DROP or ACCEPT. */
export function walk(base: BaseChain, at: Evaluation): number {
  const before = at.rulesLeft;
  const verdict = goThrough(base, at);
  at.actions.core.extraWork += Math.floor((before - at.rulesLeft) / WORK);
  return verdict;
}

function goThrough(base: BaseChain, at: Evaluation): number {
  const { registers } = at;
  const { chains, indices } = at.returns;
  let depth = 0;
  let rules: readonly LiveRule[] = base.chain.live;
  let index = 0;
  // Chains without rules cost something, too.
  at.rulesLeft--;
  for (;;) {
    if (index >= rules.length) {
      if (depth === 0) return policyOf(base, at);
      rules = chains[--depth]!;
      index = indices[depth]!;
      continue;
    }
    if (at.rulesLeft <= 0) {
      at.actions.core.counters.filter.tooManyRules++;
      return DROP;
    }
    const { expressions } = rules[index++]!;
    let verdict = NEXT;
    let done = 0;
    while (done < expressions.length && verdict === NEXT) verdict = expressions[done++]!.run(at);
    at.rulesLeft -= 1 + (done >> 1);
    switch (verdict) {
      case NFT_CONTINUE:
      case NFT_BREAK:
        continue;
      case NFT_JUMP:
        // How deep it gets was looked at when the rules were set.
        if (depth >= NFT_JUMP_STACK_SIZE) return DROP;
        chains[depth] = rules;
        indices[depth++] = index;
        rules = registers.jumpTo!.live;
        index = 0;
        continue;
      case NFT_GOTO:
        rules = registers.jumpTo!.live;
        index = 0;
        continue;
      case NFT_RETURN:
        index = rules.length;
        continue;
      // There is nobody who takes what is queued.
      default:
        return verdict === NF_ACCEPT ? ACCEPT : DROP;
    }
  }
}

function policyOf(base: BaseChain, at: Evaluation): number {
  if (base.hasCounters) {
    base.packets++;
    base.bytes += at.length;
  }
  return base.livePolicy;
}
