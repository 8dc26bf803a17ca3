// Rules of policy routing (ip-rule(8)): in the order of their priorities, those of one priority as they came.

import { EEXIST, ENOBUFS, ENOENT } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { DevicesContext } from "./devices_context.ts";
import { isSame } from "./prefixes.ts";
import type { Change, InternetFamily, PortRange, Rule } from "./rows.ts";

export const ANY: Omit<Rule, "family" | "priority" | "table"> = {
  action: N.FR_ACT_TO_TBL,
  target: 0,
  source: null,
  sourceLength: 0,
  destination: null,
  destinationLength: 0,
  tos: 0,
  isInverted: false,
  input: "",
  output: "",
  mark: 0,
  mask: 0,
  users: null,
  ipProtocol: 0,
  sourcePorts: null,
  destinationPorts: null,
  suppressLength: -1,
  suppressGroup: -1,
  protocol: N.RTPROT_KERNEL,
};

/** Those that every network namespace begins with. */
const FIRST: readonly (readonly [InternetFamily, number, number])[] = [
  [AF_INET, 0, N.RT_TABLE_LOCAL],
  [AF_INET, 32766, N.RT_TABLE_MAIN],
  [AF_INET, 32767, N.RT_TABLE_DEFAULT],
  [AF_INET6, 0, N.RT_TABLE_LOCAL],
  [AF_INET6, 32766, N.RT_TABLE_MAIN],
];

type Value = Rule[keyof Rule];

function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && isSame(a, b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [one, other] = [a as PortRange, b as PortRange];
  return one.first === other.first && one.last === other.last;
}

export class Rules {
  readonly #context: DevicesContext;
  readonly #tell: (change: Change) => void;
  readonly #rules: Readonly<Record<InternetFamily, Rule[]>> = { [AF_INET]: [], [AF_INET6]: [] };
  /** Those that nobody has asked for, which are part of what a namespace costs. */
  readonly #uncounted = new Set<Rule>();

  constructor(context: DevicesContext, tell: (change: Change) => void) {
    this.#context = context;
    this.#tell = tell;
    for (const [family, priority, table] of FIRST) {
      const rule = { ...ANY, family, priority, table };
      this.#rules[family].push(rule);
      this.#uncounted.add(rule);
    }
  }

  /** The namespace is no more; nobody is told. */
  end(): void {
    for (const family of [AF_INET, AF_INET6] as const)
      for (const rule of this.#rules[family].splice(0)) this.#uncount(rule);
  }

  #uncount(rule: Rule): void {
    if (!this.#uncounted.delete(rule)) this.#context.counters.rules--;
  }

  of(family: InternetFamily): readonly Rule[] {
    return this.#rules[family];
  }

  /** Of one that is given none: just before the second. */
  priorityFor(family: InternetFamily): number {
    const second = this.#rules[family][1]?.priority ?? 0;
    return second === 0 ? 0 : second - 1;
  }

  /** The first with all these values. */
  find(family: InternetFamily, values: Partial<Rule>): Rule | undefined {
    const wanted = Object.entries(values) as [keyof Rule, Value][];
    return this.#rules[family].find((rule) => wanted.every(([name, value]) => isEqual(rule[name], value)));
  }

  add(rule: Rule, isOnly: boolean): number {
    const { heap, counters } = this.#context;
    if (isOnly && this.find(rule.family, rule) !== undefined) return -EEXIST;
    if (!heap.hasRoom("rules")) return -ENOBUFS;
    counters.rules++;
    const rules = this.#rules[rule.family];
    const at = rules.findIndex(({ priority }) => priority > rule.priority);
    rules.splice(at < 0 ? rules.length : at, 0, rule);
    this.#tell({ kind: "rule", isGone: false, row: rule });
    return 0;
  }

  remove(family: InternetFamily, values: Partial<Rule>): number {
    const rule = this.find(family, values);
    if (rule === undefined) return -ENOENT;
    const rules = this.#rules[family];
    rules.splice(rules.indexOf(rule), 1);
    this.#uncount(rule);
    this.#tell({ kind: "rule", isGone: true, row: rule });
    return 0;
  }
}
