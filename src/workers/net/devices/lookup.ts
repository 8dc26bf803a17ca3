// Which route a packet takes: rules in their order, and the tables that they name (ip-rule(8)). What it takes is bounded
// by the number of routes and rules, since no table is looked into twice.

import { EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { isWithin } from "./prefixes.ts";
import type { Routes } from "./routes.ts";
import type { InternetFamily, PortRange, Route, Rule } from "./rows.ts";

/** What a packet is known by. */
export interface Flow {
  readonly family: InternetFamily;
  readonly destination: Uint8Array;
  /** Null: it has none yet. */
  readonly source: Uint8Array | null;
  readonly tos: number;
  readonly mark: number;
  /** Names of devices; "": none. */
  readonly input: string;
  readonly output: string;
  readonly user: number;
  readonly ipProtocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Routes of smaller scopes do not count. */
  readonly scope: number;
}

function isIn(range: PortRange | null, value: number): boolean {
  return range === null || (value >= range.first && value <= range.last);
}

function isNamed(name: string, own: string): boolean {
  return name === "" || name === own;
}

function matches(rule: Rule, flow: Flow): boolean {
  const { source } = flow;
  const isMatched =
    isNamed(rule.input, flow.input) &&
    isNamed(rule.output, flow.output) &&
    ((rule.mark ^ flow.mark) & rule.mask) === 0 &&
    isIn(rule.users, flow.user) &&
    (rule.source === null || (source !== null && isWithin(rule.source, source, rule.sourceLength))) &&
    (rule.destination === null || isWithin(rule.destination, flow.destination, rule.destinationLength)) &&
    (rule.tos === 0 || rule.tos === flow.tos) &&
    (rule.ipProtocol === 0 || rule.ipProtocol === flow.ipProtocol) &&
    isIn(rule.sourcePorts, flow.sourcePort) &&
    isIn(rule.destinationPorts, flow.destinationPort);
  return isMatched !== rule.isInverted;
}

/** Of routes that lead nowhere, and of rules: what the sender is told. */
const ERRORS: ReadonlyMap<number, number> = new Map([
  [N.RTN_BLACKHOLE, -EINVAL],
  [N.RTN_UNREACHABLE, -EHOSTUNREACH],
  [N.RTN_PROHIBIT, -EACCES],
]);

const ACTION_ERRORS: ReadonlyMap<number, number> = new Map([
  [N.FR_ACT_BLACKHOLE, -EINVAL],
  [N.FR_ACT_UNREACHABLE, -ENETUNREACH],
  [N.FR_ACT_PROHIBIT, -EACCES],
]);

function isWanted(flow: Flow): (route: Route) => boolean {
  return ({ tos, scope, device, type }) =>
    (tos === 0 || tos === flow.tos) &&
    scope >= flow.scope &&
    (flow.output === "" || device === null || type === N.RTN_LOCAL || device.name === flow.output);
}

/** In one table. */
export function lookUpIn(routes: Routes, table: number, flow: Flow): Route | number {
  const found = routes.table(flow.family, table)?.lookup(flow.destination, isWanted(flow));
  if (found === undefined) return -ENETUNREACH;
  return ERRORS.get(found.type) ?? found;
}

function isSuppressed(rule: Rule, { prefixLength, device }: Route): boolean {
  return (
    prefixLength <= rule.suppressLength || (rule.suppressGroup >= 0 && device?.group === rule.suppressGroup)
  );
}

/** By the rules; -ENETUNREACH: there is none. */
export function lookUp(routes: Routes, rules: readonly Rule[], flow: Flow): Route | number {
  const wanted = isWanted(flow);
  const seen = new Map<number, Route | null>();
  let skippedTo = 0;
  for (const rule of rules) {
    if (rule.priority < skippedTo || !matches(rule, flow)) continue;
    if (rule.action === N.FR_ACT_GOTO) {
      skippedTo = rule.target;
      continue;
    }
    const error = ACTION_ERRORS.get(rule.action);
    if (error !== undefined) return error;
    if (rule.action !== N.FR_ACT_TO_TBL) continue;
    let found = seen.get(rule.table);
    if (found === undefined) {
      found = routes.table(flow.family, rule.table)?.lookup(flow.destination, wanted) ?? null;
      seen.set(rule.table, found);
    }
    if (found === null || found.type === N.RTN_THROW || isSuppressed(rule, found)) continue;
    return ERRORS.get(found.type) ?? found;
  }
  return -ENETUNREACH;
}
