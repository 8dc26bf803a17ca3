// The tables of rules of both families (Linux's ip_tables and ip6_tables): which there are, and what stands in each. One is
// made when somebody first asks for it.

import { compile, initialEntries, type Replacement } from "./blob.ts";
import * as H from "./evaluation.ts";
import { HOOKS } from "./evaluation.ts";
import { LAYOUT4, LAYOUT6 } from "./rule.ts";
import type { RuleTable } from "./rule_table.ts";

const bit = (hook: number): number => 1 << hook;

/** Hooks by name of the table. */
export const TABLES = {
  filter: bit(H.INPUT) | bit(H.FORWARD) | bit(H.OUTPUT),
  nat: bit(H.PREROUTING) | bit(H.INPUT) | bit(H.OUTPUT) | bit(H.POSTROUTING),
  mangle: (1 << HOOKS) - 1,
  raw: bit(H.PREROUTING) | bit(H.OUTPUT),
} as const;
export type TableName = keyof typeof TABLES;

export class InstalledTable {
  readonly name: TableName;
  readonly isV6: boolean;
  readonly hooks: number;
  /** Of two tables of one priority the newer one comes first. */
  readonly serial: number;
  /** As they were given; their counters are kept apart. */
  bytes: Buffer;
  rules: RuleTable;
  replacement: Replacement;
  /** What its owner is charged for it. */
  charge = 0;

  constructor(name: TableName, isV6: boolean, serial: number) {
    this.name = name;
    this.serial = serial;
    this.isV6 = isV6;
    this.hooks = TABLES[name];
    const layout = isV6 ? LAYOUT6 : LAYOUT4;
    const { bytes, replacement } = initialEntries(layout, this.hooks);
    const rules = compileAtOnce(bytes, isV6, name, replacement);
    if (typeof rules === "number") throw new Error(`the first rules of ${name} are refused: ${rules}`);
    this.bytes = bytes;
    this.rules = rules;
    this.replacement = replacement;
  }
}

/** As compile(), in one piece: of few rules. */
export function compileAtOnce(
  bytes: Buffer,
  isV6: boolean,
  name: string,
  replacement: Replacement,
): RuleTable | number {
  const pieces = compile(bytes, isV6 ? LAYOUT6 : LAYOUT4, name, replacement);
  for (;;) {
    const { done, value } = pieces.next();
    if (done === true) return value;
  }
}

/** The tables of one family. */
export class FamilyTables {
  readonly isV6: boolean;
  readonly #byName = new Map<TableName, InstalledTable>();
  readonly #changed: () => void;
  readonly #nextSerial: () => number;
  /** Some rule needs conntrack. */
  usesConntrack = false;

  constructor(isV6: boolean, changed: () => void, nextSerial: () => number) {
    this.isV6 = isV6;
    this.#changed = changed;
    this.#nextSerial = nextSerial;
  }

  get charge(): number {
    let charge = 0;
    for (const one of this.#byName.values()) charge += one.charge;
    return charge;
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  get installed(): readonly InstalledTable[] {
    return [...this.#byName.values()];
  }

  /** The newest first. */
  get names(): readonly string[] {
    return [...this.#byName.keys()].reverse();
  }

  /** Null: there is no table of that name. */
  table(name: string): InstalledTable | null {
    if (!Object.hasOwn(TABLES, name)) return null;
    const known = this.#byName.get(name as TableName);
    if (known !== undefined) return known;
    const made = new InstalledTable(name as TableName, this.isV6, this.#nextSerial());
    this.#byName.set(made.name, made);
    this.#adopt();
    return made;
  }

  /** Other rules than there were: they hold for the next packet. */
  replace(installed: InstalledTable, bytes: Buffer, rules: RuleTable, replacement: Replacement): void {
    installed.bytes = bytes;
    installed.rules = rules;
    installed.replacement = replacement;
    this.#adopt();
  }

  #adopt(): void {
    this.usesConntrack = false;
    for (const one of this.#byName.values()) if (one.rules.usesConntrack) this.usesConntrack = true;
    this.#changed();
  }
}
