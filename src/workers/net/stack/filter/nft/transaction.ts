// What one batch changes: each step is done at once in the tables as they are edited, and can be undone; packets see all of
// it at once when it is committed, or nothing.

import { EINVAL } from "../../../../../shared/abi/errno.ts";
import { NFT_SET_ANONYMOUS, NFT_SET_CONCAT, NFT_SET_INTERVAL } from "../../../../../shared/abi/nftables.ts";
import type { BaseChain, NftChain, NftRule, NftSet, NftTable, SetElement } from "./model.ts";
import type { Nft } from "./nft.ts";
import type { LiveRule } from "./registers.ts";
import { indexOf, type SetIndex } from "./set_index.ts";
import { validate } from "./validate.ts";

/** Steps that are undone, or chains, rules and sets that are looked at, in one piece. */
const PIECE = 1024;

export function elementKey({ key, isEnd, keyEnd }: Pick<SetElement, "key" | "isEnd" | "keyEnd">): string {
  return `${isEnd ? "e" : "b"}${key.toString("latin1")}${keyEnd === null ? "" : keyEnd.toString("latin1")}`;
}

export class Transaction {
  readonly #nft: Nft;
  readonly #undo: (() => void)[] = [];
  #taken = 0;
  /** What commit() has looked at. */
  #steps = 0;
  #freed = 0;
  /** What is given back in any case. */
  #borrowed = 0;
  /** Whose rules, elements or chains are others. */
  readonly #chains = new Set<NftChain>();
  readonly #sets = new Set<NftSet>();
  readonly #unchecked = new Set<NftTable>();
  readonly #anonymous: NftSet[] = [];
  /** What the batch has made, by the numbers that it has given. */
  readonly setIds = new Map<number, NftSet>();
  readonly chainIds = new Map<number, NftChain>();
  readonly ruleIds = new Map<number, NftRule>();

  constructor(nft: Nft) {
    this.#nft = nft;
  }

  /** False: there is no memory. */
  take(bytes: number): boolean {
    if (!this.#nft.take(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  /** As take, for as long as the batch lasts. */
  borrow(bytes: number): boolean {
    if (!this.#nft.take(bytes)) return false;
    this.#borrowed += bytes;
    return true;
  }

  #did(undo: () => void): void {
    this.#undo.push(undo);
  }

  #charge(table: NftTable, bytes: number): void {
    table.charge += bytes;
    if (bytes < 0) this.#freed -= bytes;
    this.#did(() => {
      table.charge -= bytes;
    });
  }

  // ---- Tables ----

  addTable(table: NftTable, charge: number): void {
    this.#nft.add(table);
    this.#did(() => this.#nft.remove(table));
    this.#charge(table, charge);
  }

  removeTable(table: NftTable): void {
    this.#nft.remove(table);
    this.#unchecked.delete(table);
    this.#freed += table.charge;
    this.#did(() => this.#nft.add(table));
  }

  setFlags(table: NftTable, flags: number): void {
    const before = table.flags;
    table.flags = flags;
    this.#did(() => {
      table.flags = before;
    });
  }

  // ---- Chains ----

  addChain(chain: NftChain, base: BaseChain | null, charge: number): void {
    const { table } = chain;
    chain.base = base;
    this.#setChain(chain, true);
    this.#did(() => this.#setChain(chain, false));
    this.#charge(table, charge);
    this.#chains.add(chain);
    if (base !== null) this.#unchecked.add(table);
  }

  /** Without its rules, which are removed before. */
  removeChain(chain: NftChain, charge: number): void {
    this.#setChain(chain, false);
    this.#did(() => this.#setChain(chain, true));
    this.#charge(chain.table, -charge);
    this.#chains.delete(chain);
  }

  #setChain(chain: NftChain, isThere: boolean): void {
    const { table, base, name, handle } = chain;
    if (isThere) {
      table.chains.set(name, chain);
      table.chainHandles.set(handle, chain);
      if (base !== null) {
        table.bases.add(base);
        this.#nft.baseCounts[base.hook]!++;
      }
      table.use++;
    } else {
      table.chains.delete(name);
      table.chainHandles.delete(handle);
      if (base !== null) {
        table.bases.delete(base);
        this.#nft.baseCounts[base.hook]!--;
      }
      table.use--;
    }
  }

  renameChain(chain: NftChain, name: string): void {
    const before = chain.name;
    const rename = (from: string, to: string): void => {
      chain.table.chains.delete(from);
      chain.table.chains.set(to, chain);
      chain.name = to;
    };
    rename(before, name);
    this.#did(() => rename(name, before));
  }

  setPolicy(base: BaseChain, policy: number): void {
    const before = base.policy;
    base.policy = policy;
    this.#chains.add(base.chain);
    this.#did(() => {
      base.policy = before;
    });
  }

  setCounters(base: BaseChain, packets: number, bytes: number): void {
    const { packets: packetsBefore, bytes: bytesBefore, hasCounters } = base;
    base.packets = packets;
    base.bytes = bytes;
    base.hasCounters = true;
    this.#did(() => {
      base.packets = packetsBefore;
      base.bytes = bytesBefore;
      base.hasCounters = hasCounters;
    });
  }

  // ---- Rules ----

  /** Behind that one, or before all of its chain. */
  addRule(rule: NftRule, before: NftRule | null): void {
    const { chain } = rule;
    this.#setRule(rule, before, true);
    this.#did(() => this.#setRule(rule, null, false));
    this.#charge(chain.table, rule.charge);
    this.#chains.add(chain);
    if (rule.checked.length > 0) this.#unchecked.add(chain.table);
  }

  removeRule(rule: NftRule): void {
    const { chain, previous } = rule;
    this.#setRule(rule, null, false);
    this.#did(() => this.#setRule(rule, previous, true));
    this.#charge(chain.table, -rule.charge);
    this.#chains.add(chain);
    // Sets without a name are their rule's.
    for (const { set } of rule.expressions)
      if (set !== null && (set.kind.flags & NFT_SET_ANONYMOUS) !== 0) this.removeSet(set);
  }

  #setRule(rule: NftRule, before: NftRule | null, isThere: boolean): void {
    const { chain, handle } = rule;
    const { table } = chain;
    const change = isThere ? 1 : -1;
    if (isThere) {
      chain.insert(rule, before);
      table.rules.set(handle, rule);
    } else {
      chain.remove(rule);
      table.rules.delete(handle);
    }
    chain.use += change;
    if (rule.usesConntrack) table.conntrackRules += change;
    for (const expression of rule.expressions) {
      if (expression.chain !== null) expression.chain.use += change;
      if (expression.set !== null) expression.set.use += change;
    }
  }

  // ---- Sets ----

  addSet(set: NftSet, charge: number): void {
    set.charge = charge;
    this.#setSet(set, true);
    this.#did(() => this.#setSet(set, false));
    this.#charge(set.table, charge);
    if ((set.kind.flags & NFT_SET_ANONYMOUS) !== 0) this.#anonymous.push(set);
  }

  removeSet(set: NftSet): void {
    this.#setSet(set, false);
    this.#did(() => this.#setSet(set, true));
    this.#charge(set.table, -set.charge);
    this.#sets.delete(set);
    const { hasVerdicts } = set.kind;
    if (!hasVerdicts) return;
    useOfElements(set, -1);
    this.#did(() => useOfElements(set, 1));
  }

  #setSet(set: NftSet, isThere: boolean): void {
    const { table, name, handle } = set;
    if (isThere) {
      table.sets.set(name, set);
      table.setHandles.set(handle, set);
      table.use++;
    } else {
      table.sets.delete(name);
      table.setHandles.delete(handle);
      table.use--;
    }
  }

  addElement(set: NftSet, element: SetElement): void {
    this.#setElement(set, element, true);
    this.#did(() => this.#setElement(set, element, false));
    this.#charge(set.table, element.charge);
    this.#sets.add(set);
    if (element.verdict !== null) this.#unchecked.add(set.table);
  }

  removeElement(set: NftSet, element: SetElement): void {
    this.#setElement(set, element, false);
    this.#did(() => this.#setElement(set, element, true));
    this.#charge(set.table, -element.charge);
    this.#sets.add(set);
  }

  #setElement(set: NftSet, element: SetElement, isThere: boolean): void {
    const change = isThere ? 1 : -1;
    if (isThere) set.elements.set(elementKey(element), element);
    else set.elements.delete(elementKey(element));
    set.charge += element.charge * change;
    if (element.verdict !== null && element.verdict.chain !== null) element.verdict.chain.use += change;
  }

  // ---- The end ----

  /** As tables are now, in pieces: 0 or a negative errno. */
  *check(): Generator<void, number> {
    for (const table of this.#unchecked) {
      const error = yield* validate(table);
      if (error < 0) return error;
      yield;
    }
    return 0;
  }

  *#looked(): Generator<void, void> {
    if (++this.#steps % PIECE === 0) yield;
  }

  /** 0, or a negative errno: it is to be aborted. */
  *commit(): Generator<void, number> {
    for (const set of this.#anonymous)
      if (set.use === 0 && set.table.sets.get(set.name) === set) return -EINVAL;
    const rules = new Map<NftChain, readonly LiveRule[]>();
    for (const chain of this.#chains) {
      rules.set(chain, yield* this.#rulesOf(chain));
      yield* this.#looked();
    }
    const indices = new Map<NftSet, SetIndex>();
    for (const set of this.#sets) {
      const { flags, keyLength, fields } = set.kind;
      const isInterval = (flags & NFT_SET_INTERVAL) !== 0;
      const ranges = isInterval && (flags & NFT_SET_CONCAT) !== 0 ? fields : null;
      indices.set(set, yield* indexOf(set.elements.values(), keyLength, isInterval, ranges));
      yield* this.#looked();
    }
    for (const [chain, live] of rules) {
      chain.live = live;
      if (chain.base !== null) chain.base.livePolicy = chain.base.policy;
    }
    for (const [set, index] of indices) set.live = index;
    this.#nft.give(this.#freed + this.#borrowed);
    this.#nft.committed();
    return 0;
  }

  *#rulesOf(chain: NftChain): Generator<void, readonly LiveRule[]> {
    const rules: LiveRule[] = [];
    for (let rule = chain.first; rule !== null; rule = rule.next) {
      rules.push(rule);
      yield* this.#looked();
    }
    return rules;
  }

  /** Everything is as it was. */
  *abort(): Generator<void, void> {
    if (this.#undo.length > 0) this.#nft.interruptDumps();
    for (let i = 1; this.#undo.length > 0; i++) {
      this.#undo.pop()!();
      if (i % PIECE === 0) yield;
    }
    this.#nft.give(this.#taken + this.#borrowed);
    this.#taken = 0;
    this.#borrowed = 0;
  }
}

function useOfElements({ elements }: NftSet, change: number): void {
  for (const { verdict } of elements.values())
    if (verdict !== null && verdict.chain !== null) verdict.chain.use += change;
}
