// A table of rules as packets go through it (Linux's ipt_do_table): from a hook's first rule on, by jumps and returns, to a
// verdict. How many rules one packet may cost is bounded: chains that jump to each other twice and twice again would make
// few rules to many.

import { CONTINUE, DROP, type Evaluation } from "./evaluation.ts";
import { EXTENSION, type Rule, STANDARD } from "./rule.ts";

/** XT_RETURN: -NF_REPEAT - 1. */
export const RETURN = -5;
/** So many rules are as much work as a packet: 32. */
const WORK = 32;

export class RuleTable {
  readonly rules: readonly Rule[];
  /** Indices of rules by hook; -1: the table has not that hook. */
  readonly hookEntries: readonly number[];
  readonly underflows: readonly number[];
  /** By rule: packets and bytes. */
  readonly counters: Float64Array;
  /** Its rules need conntrack. */
  readonly usesConntrack: boolean;
  readonly #returns: Int32Array;

  constructor(
    rules: readonly Rule[],
    hookEntries: readonly number[],
    underflows: readonly number[],
    chains: number,
    usesConntrack: boolean,
  ) {
    this.rules = rules;
    this.hookEntries = hookEntries;
    this.underflows = underflows;
    this.counters = new Float64Array(rules.length * 2);
    this.usesConntrack = usesConntrack;
    this.#returns = new Int32Array(chains + 1);
  }

  /** DROP or ACCEPT. */
  evaluate(at: Evaluation): number {
    const before = at.rulesLeft;
    const verdict = this.#walk(at);
    at.actions.core.extraWork += Math.floor((before - at.rulesLeft) / WORK);
    return verdict;
  }

  #walk(at: Evaluation): number {
    const { hook } = at;
    const { rules, counters } = this;
    const returns = this.#returns;
    let depth = 0;
    let index = this.hookEntries[hook]!;
    for (; ; at.rulesLeft--) {
      if (at.rulesLeft <= 0) {
        at.actions.core.counters.filter.tooManyRules++;
        return DROP;
      }
      const rule = rules[index]!;
      const isFor = rule.isFor(at);
      if (isFor) at.rulesLeft -= rule.cost;
      if (!isFor || !areMet(rule, at)) {
        if (at.isBroken) return DROP;
        index++;
        continue;
      }
      counters[index * 2]!++;
      counters[index * 2 + 1]! += at.length;
      if (rule.kind === STANDARD) {
        const { verdict } = rule;
        if (verdict >= 0) {
          if (!rule.isGoto && verdict !== index + 1) {
            // Chains do not call themselves: there are as many places as chains.
            if (depth >= returns.length) return DROP;
            returns[depth++] = index + 1;
          }
          index = verdict;
        } else if (verdict !== RETURN) return -verdict - 1;
        else index = depth === 0 ? this.underflows[hook]! : returns[--depth]!;
        continue;
      }
      const verdict = rule.kind === EXTENSION ? rule.target!.apply(at) : DROP;
      if (verdict !== CONTINUE) return verdict;
      index++;
    }
  }
}

function areMet({ matches }: Rule, at: Evaluation): boolean {
  for (let i = 0; i < matches.length; i++) if (!matches[i]!.matches(at)) return false;
  return true;
}
