// Tables, chains, rules and sets of nf_tables as they are edited, and beside that as packets go through them ("live"), which
// becomes another when a batch is committed.

import { ACCEPT, type Evaluation } from "../evaluation.ts";
import type { Expression } from "./expression.ts";
import type { LiveChain, LiveRule } from "./registers.ts";
import { EMPTY_INDEX, type SetIndex } from "./set_index.ts";
import type { Verdict } from "./verdict.ts";
import { walk } from "./walk.ts";

export class NftTable {
  readonly family: number;
  readonly name: string;
  readonly handle: number;
  readonly userData: Buffer | null;
  flags: number;
  /** Chains and sets. */
  use = 0;
  readonly chains = new Map<string, NftChain>();
  readonly chainHandles = new Map<number, NftChain>();
  readonly sets = new Map<string, NftSet>();
  readonly setHandles = new Map<number, NftSet>();
  readonly rules = new Map<number, NftRule>();
  readonly bases = new Set<BaseChain>();
  /** Rules that need conntrack. */
  conntrackRules = 0;
  #lastHandle = 0;
  /** What anonymous sets are called by. */
  nextSetNumber = 0;
  /** What all that is in it is charged. */
  charge = 0;

  constructor(family: number, name: string, handle: number, flags: number, userData: Buffer | null) {
    this.family = family;
    this.name = name;
    this.handle = handle;
    this.flags = flags;
    this.userData = userData;
  }

  newHandle(): number {
    return ++this.#lastHandle;
  }
}

export type ChainType = "filter" | "nat" | "route";

/** What makes a chain one that packets come to by themselves. */
export class BaseChain {
  readonly chain: NftChain;
  readonly type: ChainType;
  readonly hook: number;
  readonly priority: number;
  /** Of two of one priority the newer one comes first. */
  readonly serial: number;
  /** As edited, and as packets see it. */
  policy: number;
  livePolicy = ACCEPT;
  /** Of packets that the policy was asked for. */
  packets = 0;
  bytes = 0;
  hasCounters: boolean;

  constructor(
    chain: NftChain,
    type: ChainType,
    hook: number,
    priority: number,
    serial: number,
    policy: number,
    hasCounters: boolean,
  ) {
    this.chain = chain;
    this.type = type;
    this.hook = hook;
    this.priority = priority;
    this.serial = serial;
    this.policy = policy;
    this.hasCounters = hasCounters;
  }

  /** DROP or ACCEPT. */
  evaluate(at: Evaluation): number {
    return walk(this, at);
  }
}

export class NftChain implements LiveChain {
  readonly table: NftTable;
  readonly handle: number;
  readonly userData: Buffer | null;
  name: string;
  base: BaseChain | null = null;
  flags = 0;
  /** Its rules, and what leads to it. */
  use = 0;
  /** Its rules, linked. */
  first: NftRule | null = null;
  last: NftRule | null = null;
  length = 0;
  live: readonly LiveRule[] = [];

  constructor(table: NftTable, name: string, handle: number, userData: Buffer | null) {
    this.table = table;
    this.name = name;
    this.handle = handle;
    this.userData = userData;
  }

  /** Behind that one, or before all. */
  insert(rule: NftRule, before: NftRule | null): void {
    const after = before === null ? this.first : before.next;
    rule.previous = before;
    rule.next = after;
    if (before === null) this.first = rule;
    else before.next = rule;
    if (after === null) this.last = rule;
    else after.previous = rule;
    this.length++;
  }

  remove({ previous, next }: NftRule): void {
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    this.length--;
  }
}

export class NftRule implements LiveRule {
  readonly chain: NftChain;
  readonly handle: number;
  readonly expressions: readonly Expression[];
  readonly userData: Buffer | null;
  readonly charge: number;
  readonly usesConntrack: boolean;
  /** Those of its expressions that matter for where it may stand, and for where it leads. */
  readonly checked: readonly Expression[];
  previous: NftRule | null = null;
  next: NftRule | null = null;

  constructor(
    chain: NftChain,
    handle: number,
    expressions: readonly Expression[],
    userData: Buffer | null,
    charge: number,
  ) {
    this.chain = chain;
    this.handle = handle;
    this.expressions = expressions;
    this.userData = userData;
    this.charge = charge;
    this.usesConntrack = expressions.some((one) => one.usesConntrack);
    this.checked = expressions.filter((one) => one.isChecked);
  }
}

/** What a set is made as. */
export interface SetKind {
  readonly flags: number;
  readonly keyType: number;
  readonly keyLength: number;
  readonly dataType: number;
  /** 0: it has no data, or verdicts. */
  readonly dataLength: number;
  readonly hasVerdicts: boolean;
  readonly policy: number | null;
  /** How many elements it may have; 0: any number. */
  readonly size: number;
  /** Of a key of several fields, their lengths. */
  readonly fields: readonly number[];
  readonly userData: Buffer | null;
}

export class NftSet {
  readonly table: NftTable;
  readonly name: string;
  readonly handle: number;
  readonly kind: SetKind;
  /** Rules that look into it. */
  use = 0;
  /** By key, and whether they end an interval. */
  readonly elements = new Map<string, SetElement>();
  live: SetIndex = EMPTY_INDEX;
  /** What it is charged with its elements. */
  charge = 0;

  constructor(table: NftTable, name: string, handle: number, kind: SetKind) {
    this.table = table;
    this.name = name;
    this.handle = handle;
    this.kind = kind;
  }
}

export interface SetElement {
  readonly key: Buffer;
  /** The last key of a range of several fields. */
  readonly keyEnd: Buffer | null;
  /** An interval ends before it. */
  readonly isEnd: boolean;
  readonly value: Buffer | null;
  readonly verdict: Verdict | null;
  readonly userData: Buffer | null;
  readonly charge: number;
}
