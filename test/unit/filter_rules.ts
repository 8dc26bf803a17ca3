// Rules for tests, as libiptc lays them out: chains with their rules, a policy at the end of each that a hook begins, and a
// head and a return around each that a user made.

import { initialEntries, type Replacement } from "../../src/workers/net/stack/filter/blob.ts";
import { LAYOUT4, LAYOUT6 } from "../../src/workers/net/stack/filter/rule.ts";
import { compileAtOnce, TABLES, type TableName } from "../../src/workers/net/stack/filter/tables.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { ip } from "./stack_world.ts";

export const ACCEPT = "ACCEPT";
export const DROP = "DROP";
export const RETURN = "RETURN";
const VERDICTS: Readonly<Record<string, number>> = { ACCEPT: -2, DROP: -1, RETURN: -5 };
const HOOKS = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"] as const;
export type Hook = (typeof HOOKS)[number];

export interface Part {
  readonly name: string;
  readonly revision?: number;
  readonly data?: Buffer;
}

export interface TestRule {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly input?: string;
  readonly output?: string;
  /** IPT_INV_* */
  readonly inverted?: number;
  readonly isGoto?: boolean;
  readonly matches?: readonly Part[];
  /** A verdict, a chain, or a target. */
  readonly does: string | Part;
}

export interface TestTable {
  readonly rules?: Partial<Record<Hook, readonly TestRule[]>>;
  readonly policies?: Partial<Record<Hook, string>>;
  readonly chains?: Readonly<Record<string, readonly TestRule[]>>;
}

const align = (size: number): number => (size + 7) & ~7;

function part({ name, revision = 0, data = Buffer.alloc(0) }: Part): Buffer {
  const bytes = Buffer.alloc(32 + align(data.length));
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.write(name, 2, "latin1");
  bytes[31] = revision;
  data.copy(bytes, 32);
  return bytes;
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
  return bytes;
}

function standard(verdict: number): Buffer {
  return part({ name: "", data: words(verdict, 0) });
}

/** The entries of a table, and what tells of them. */
export function entriesOf(
  name: TableName,
  { rules = {}, policies = {}, chains = {} }: TestTable,
  isV6 = false,
): { bytes: Buffer; replacement: Replacement } {
  const layout = isV6 ? LAYOUT6 : LAYOUT4;
  const hooks = TABLES[name];
  const pieces: Buffer[] = [];
  let size = 0;
  const heads = new Map<string, number>();
  const jumps: { piece: Buffer; at: number; chain: string }[] = [];
  const { replacement } = initialEntries(layout, hooks);
  const hookEntries = [...replacement.hookEntries];
  const underflows = [...replacement.underflows];

  function add(rule: TestRule | null, target: Buffer): Buffer {
    const matches = (rule?.matches ?? []).map(part);
    const before = layout.entry + matches.reduce((sum, match) => sum + match.length, 0);
    const entry = Buffer.alloc(layout.entry);
    entry.writeUInt16LE(before, layout.targetOffset);
    entry.writeUInt16LE(before + target.length, layout.nextOffset);
    const address = (text: string | undefined, at: number, mask: number): void => {
      if (text === undefined) return;
      const [one, length] = text.split("/");
      Buffer.from(ip(one!).toBytes()).copy(entry, at);
      const bits = Number(length ?? (isV6 ? 128 : 32));
      for (let i = 0; i < bits; i++) entry[mask + (i >> 3)]! |= 0x80 >> (i & 7);
    };
    address(rule?.source, layout.source, layout.sourceMask);
    address(rule?.destination, layout.destination, layout.destinationMask);
    const device = (text: string | undefined, at: number, mask: number): void => {
      if (text === undefined) return;
      entry.write(text, at, "latin1");
      entry.fill(0xff, mask, mask + text.length + 1);
    };
    device(rule?.input, layout.input, layout.inputMask);
    device(rule?.output, layout.output, layout.outputMask);
    entry.writeUInt16LE(rule?.protocol ?? 0, layout.protocol);
    entry[layout.flags] =
      (rule?.isGoto === true ? layout.flagGoto : 0) |
      (rule?.protocol === undefined ? 0 : layout.flagProtocol);
    entry[layout.inverted] = rule?.inverted ?? 0;
    const piece = Buffer.concat([entry, ...matches, target]);
    pieces.push(piece);
    size += piece.length;
    return piece;
  }

  function addRule(rule: TestRule): void {
    const { does } = rule;
    if (typeof does !== "string") add(rule, part(does));
    else if (does in VERDICTS) add(rule, standard(VERDICTS[does]!));
    else {
      const piece = add(rule, standard(0));
      jumps.push({ piece, at: piece.length - 8, chain: does });
    }
  }

  for (const [hook, chain] of HOOKS.entries()) {
    if ((hooks & (1 << hook)) === 0) continue;
    hookEntries[hook] = size;
    for (const rule of rules[chain] ?? []) addRule(rule);
    underflows[hook] = size;
    add(null, standard(VERDICTS[policies[chain] ?? ACCEPT]!));
  }
  const error = (text: string): Buffer => {
    const data = Buffer.alloc(30);
    data.write(text, "latin1");
    return part({ name: "ERROR", data });
  };
  for (const [chain, itsRules] of Object.entries(chains)) {
    add(null, error(chain));
    heads.set(chain, size);
    for (const rule of itsRules) addRule(rule);
    add(null, standard(VERDICTS.RETURN!));
  }
  add(null, error("ERROR"));
  for (const { piece, at, chain } of jumps) piece.writeInt32LE(heads.get(chain)!, at);
  const bytes = Buffer.concat(pieces);
  return { bytes, replacement: { hooks, count: pieces.length, hookEntries, underflows } };
}

/** Sets a table's rules; 0 or a negative errno. */
export function setRules(stack: Stack, name: TableName, table: TestTable, isV6 = false): number {
  const { bytes, replacement } = entriesOf(name, table, isV6);
  const tables = stack.filter.tables(isV6);
  const installed = tables.table(name)!;
  const rules = compileAtOnce(bytes, isV6, name, replacement);
  if (typeof rules === "number") return rules;
  tables.replace(installed, bytes, rules, replacement);
  return 0;
}

// ---- Matches and targets ----

export function ports(name: "tcp" | "udp", destination: number): Part {
  const data = Buffer.alloc(name === "tcp" ? 12 : 10);
  data.writeUInt16LE(0xffff, 2);
  data.writeUInt16LE(destination, 4);
  data.writeUInt16LE(destination, 6);
  return { name, data };
}

/** Of NEW, ESTABLISHED, RELATED, INVALID. */
export function state(...names: string[]): Part {
  const bits: Readonly<Record<string, number>> = { INVALID: 1, ESTABLISHED: 2, RELATED: 4, NEW: 8 };
  return { name: "state", data: words(names.reduce((mask, name) => mask | bits[name]!, 0)) };
}

export function uid(first: number, last = first): Part {
  const data = Buffer.alloc(20);
  data.writeUInt32LE(first, 0);
  data.writeUInt32LE(last, 4);
  data[16] = 1;
  return { name: "owner", revision: 1, data };
}

/** struct nf_nat_ipv4_multi_range_compat, or struct nf_nat_range. */
export function translation(
  name: string,
  isV6: boolean,
  address: string | null,
  port = 0,
  lastPort = port,
): Part {
  const flags = (address === null ? 0 : 1) | (port === 0 ? 0 : 2);
  const data = Buffer.alloc(isV6 ? 40 : 20);
  data.writeUInt32LE(isV6 ? flags : 1, 0);
  if (!isV6) data.writeUInt32LE(flags, 4);
  if (address !== null) {
    const bytes = Buffer.from(ip(address).toBytes());
    for (const at of isV6 ? [4, 20] : [8, 12]) bytes.copy(data, at);
  }
  data.writeUInt16BE(port, isV6 ? 36 : 16);
  data.writeUInt16BE(lastPort, isV6 ? 38 : 18);
  // Of IPv6 these two have no revision 0.
  const hasOldRange = name === "MASQUERADE" || name === "REDIRECT";
  return { name, revision: isV6 && !hasOldRange ? 1 : 0, data };
}

export function reject(how: number): Part {
  return { name: "REJECT", data: words(how) };
}
