// Routing tables and the rules that choose among them (ip-route(8), ip-rule(8)): kept in step with plain rows, looked up
// without allocation. One object serves both families; an IPv4 prefix is one of ::ffff:0:0/96 in tables of their own.
//
// A result is 0 or the negative errno that Linux's lookups give: ENETUNREACH where nothing matches, and what routes and
// rules that lead nowhere say.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { PortRange } from "../../devices/rows.ts";
import type { NetDevice } from "../device.ts";
import { IpAddress, isMulticast, isV4, Prefix } from "../ip_address.ts";
import { ROUTES_MAX, RULES_MAX } from "../limits.ts";
import { RouteEntry } from "./entry.ts";
import type { Flow } from "./flow.ts";
import { PrefixTree } from "./prefix_tree.ts";
import type * as R from "./rows.ts";

/** The devices of a stack, by index. */
export interface DeviceTable {
  byIndex(index: number): NetDevice | null;
  readonly loopback: NetDevice;
}

/** 32 rules. */
const RULES_A_PACKET_SHIFT = 5;

/** What a table without a fitting route answers within a lookup: the next rule is asked. */
const NOT_HERE = 1;

/** A prefix of `length` bits; null for one that every address has. */
function prefixOf(bytes: Uint8Array | null, length: number): Prefix | null {
  return bytes !== null && length > 0 ? new Prefix(IpAddress.fromBytes(bytes), length) : null;
}

/** A rule, ready for lookups. */
class RuleEntry {
  readonly row: R.RuleRow;
  readonly source: Prefix | null;
  readonly destination: Prefix | null;

  constructor(row: R.RuleRow) {
    this.row = row;
    this.source = prefixOf(row.source, row.sourceLength);
    this.destination = prefixOf(row.destination, row.destinationLength);
  }
}

function isIn(range: PortRange | null, value: number): boolean {
  return range === null || (value >= range.first && value <= range.last);
}

/** The tables and rules of one family. */
class FamilyTables {
  readonly tables = new Map<number, PrefixTree>();
  rules: RuleEntry[] = [];
  routeCount = 0;

  get asksForPorts(): boolean {
    const { rules } = this;
    for (let i = 0; i < rules.length; i++)
      if (rules[i]!.row.sourcePorts !== null || rules[i]!.row.destinationPorts !== null) return true;
    return false;
  }
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Whether a row names a route for removal: what it leaves open (0 or null) fits any. */
function names(row: R.RouteRow, entry: RouteEntry): boolean {
  return (
    (row.type === 0 || row.type === entry.type) &&
    (row.metric === 0 || row.metric === entry.metric) &&
    row.tos === entry.tos &&
    (row.device === null || row.device.index === entry.deviceIndex) &&
    (row.gateway === null || sameBytes(row.gateway, entry.row.gateway)) &&
    (row.source === null || sameBytes(row.source, entry.row.source)) &&
    (row.protocol === 0 || row.protocol === entry.row.protocol)
  );
}

export class RoutingTables {
  readonly #devices: DeviceTable;
  readonly #v4 = new FamilyTables();
  readonly #v6 = new FamilyTables();
  /** Another after each change: who remembers a result compares it. */
  generation = 1;

  constructor(devices: DeviceTable) {
    this.#devices = devices;
  }

  #of(family: number): FamilyTables {
    return family === AF_INET6 ? this.#v6 : this.#v4;
  }

  // ---- Changes ----

  /** Takes these rows for all that there were. */
  load(routes: Iterable<R.RouteRow>, rules: Iterable<R.RuleRow>): void {
    for (const tables of [this.#v4, this.#v6]) {
      tables.tables.clear();
      tables.rules = [];
      tables.routeCount = 0;
    }
    for (const row of routes) this.addRoute(row);
    for (const row of rules) this.addRule(row);
    this.generation++;
  }

  /**
   * 0; -EEXIST: there is one of that prefix, TOS and metric; -ENFILE: there are too many. `isFirst`: before others of the
   * same prefix and metric instead of behind them, which is then no error.
   */
  addRoute(row: R.RouteRow, isFirst = false): number {
    const family = this.#of(row.family);
    if (family.routeCount >= ROUTES_MAX) return -E.ENFILE;
    let table = family.tables.get(row.table);
    const entry = new RouteEntry(row);
    if (table === undefined) {
      table = new PrefixTree();
      family.tables.set(row.table, table);
    } else if (!isFirst) {
      for (let at = table.routesOf(entry); at !== null; at = at.next)
        if (at.tos === entry.tos && at.metric === entry.metric && at.deviceIndex === entry.deviceIndex)
          return -E.EEXIST;
    }
    table.add(entry, isFirst);
    family.routeCount++;
    this.generation++;
    return 0;
  }

  /** The first route that a row names is gone; or -ESRCH. */
  removeRoute(row: R.RouteRow): number {
    const family = this.#of(row.family);
    const table = family.tables.get(row.table);
    if (table === undefined) return -E.ESRCH;
    for (let at = table.routesOf(new RouteEntry(row)); at !== null; at = at.next) {
      if (!names(row, at)) continue;
      table.remove(at);
      if (table.count === 0) family.tables.delete(row.table);
      family.routeCount--;
      this.generation++;
      return 0;
    }
    return -E.ESRCH;
  }

  /** 0, or -ENFILE: there are too many. Behind those of the same priority. */
  addRule(row: R.RuleRow): number {
    const family = this.#of(row.family);
    if (family.rules.length >= RULES_MAX) return -E.ENFILE;
    const at = family.rules.findIndex((rule) => rule.row.priority > row.priority);
    family.rules.splice(at < 0 ? family.rules.length : at, 0, new RuleEntry(row));
    this.generation++;
    return 0;
  }

  /** The rule that was added as that very row is gone; or -ENOENT. */
  removeRule(row: R.RuleRow): number {
    const family = this.#of(row.family);
    const at = family.rules.findIndex((rule) => rule.row === row);
    if (at < 0) return -E.ENOENT;
    family.rules.splice(at, 1);
    this.generation++;
    return 0;
  }

  /**
   * These are all the routes of a prefix in a table, in their order; `like` is one of that prefix. So its owner keeps it
   * in step, whose bounds are then those that hold.
   */
  setPrefix(like: R.RouteRow, rows: readonly R.RouteRow[]): void {
    const family = this.#of(like.family);
    let table = family.tables.get(like.table);
    if (table === undefined) {
      table = new PrefixTree();
      family.tables.set(like.table, table);
    }
    const before = table.count;
    table.set(new RouteEntry(like), rows);
    family.routeCount += table.count - before;
    if (table.count === 0) family.tables.delete(like.table);
    this.generation++;
  }

  /** Routes of both families. */
  get routeCount(): number {
    return this.#v4.routeCount + this.#v6.routeCount;
  }

  /** These are all the routes of both families, those of a prefix in their order. */
  setRoutes(parts: Iterable<Iterable<R.RouteRow>>): void {
    for (const tables of [this.#v4, this.#v6]) {
      tables.tables.clear();
      tables.routeCount = 0;
    }
    for (const rows of parts)
      for (const row of rows) {
        const family = this.#of(row.family);
        let table = family.tables.get(row.table);
        if (table === undefined) {
          table = new PrefixTree();
          family.tables.set(row.table, table);
        }
        table.add(new RouteEntry(row), false);
        family.routeCount++;
      }
    this.generation++;
  }

  /** These are all the rules of a family, in their order. */
  setRules(family: R.IpFamily, rows: readonly R.RuleRow[]): void {
    const known = new Map(this.#of(family).rules.map((rule) => [rule.row, rule]));
    this.#of(family).rules = rows.map((row) => known.get(row) ?? new RuleEntry(row));
    this.generation++;
  }

  /** A device or a next hop changed: what was remembered does not hold. */
  changed(): void {
    this.generation++;
  }

  // ---- Dumps ----

  *routes(family: R.IpFamily): Generator<R.RouteRow, void, void> {
    const { tables } = this.#of(family);
    for (const number of [...tables.keys()].sort((a, b) => b - a))
      for (const { row } of tables.get(number)?.entries() ?? []) yield row;
  }

  *rules(family: R.IpFamily): Generator<R.RuleRow, void, void> {
    for (const { row } of this.#of(family).rules) yield row;
  }

  // ---- Lookups ----

  /** What a lookup may cost beyond the usual, in packets' worth: so many rules are as much work as one. */
  workOf(flow: Flow): number {
    return (flow.isV6 ? this.#v6 : this.#v4).rules.length >> RULES_A_PACKET_SHIFT;
  }

  /** Rules look at ports. */
  get asksForPorts(): boolean {
    return this.#v4.asksForPorts || this.#v6.asksForPorts;
  }

  /** Finds the flow's route, type and device: 0, or a negative errno. */
  lookup(flow: Flow): number {
    const family = flow.isV6 ? this.#v6 : this.#v4;
    const { rules } = family;
    let target = -1;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      if (rule.row.priority < target || !this.#fits(rule, flow)) continue;
      switch (rule.row.action) {
        case N.FR_ACT_TO_TBL: {
          const table = family.tables.get(rule.row.table);
          if (table === undefined) break;
          const result = this.#lookupIn(table, flow, rule.row);
          if (result !== NOT_HERE) return result;
          break;
        }
        case N.FR_ACT_GOTO:
          target = Math.max(target, rule.row.target);
          break;
        case N.FR_ACT_NOP:
          break;
        case N.FR_ACT_PROHIBIT:
          return -E.EACCES;
        case N.FR_ACT_BLACKHOLE:
          return -E.EINVAL;
        default:
          return -E.ENETUNREACH;
      }
    }
    return -E.ENETUNREACH;
  }

  /** RTN_* of an address by itself: LOCAL is this host's own, BROADCAST a broadcast's, UNICAST is anybody else's. */
  addressType(w0: number, w1: number, w2: number, w3: number): number {
    if (isMulticast(w0, w1, w2, w3)) return N.RTN_MULTICAST;
    const isOfV4 = isV4(w0, w1, w2);
    if (isOfV4 && (w3 === 0 || w3 === -1)) return N.RTN_BROADCAST;
    const table = (isOfV4 ? this.#v4 : this.#v6).tables.get(N.RT_TABLE_LOCAL);
    for (let node = table?.longest(w0, w1, w2, w3) ?? null; node !== null; node = node.parent)
      if (node.routes !== null) return node.routes.type;
    return N.RTN_UNICAST;
  }

  #fits(rule: RuleEntry, flow: Flow): boolean {
    const { row } = rule;
    const fits =
      (rule.source === null ||
        rule.source.hasWords(flow.source0, flow.source1, flow.source2, flow.source3)) &&
      (rule.destination === null ||
        rule.destination.hasWords(
          flow.destination0,
          flow.destination1,
          flow.destination2,
          flow.destination3,
        )) &&
      ((flow.mark ^ row.mark) & row.mask) === 0 &&
      (row.tos === 0 || row.tos === flow.tos) &&
      (row.input === "" || this.#isNamed(flow.inputDevice, row.input)) &&
      (row.output === "" || (flow.outputDevice !== 0 && this.#isNamed(flow.outputDevice, row.output))) &&
      isIn(row.users, flow.user) &&
      (row.ipProtocol === 0 || row.ipProtocol === flow.protocol) &&
      isIn(row.sourcePorts, flow.sourcePort) &&
      isIn(row.destinationPorts, flow.destinationPort);
    return fits !== row.isInverted;
  }

  // What the host itself sends comes from the loopback device.
  #isNamed(index: number, name: string): boolean {
    const device = index === 0 ? this.#devices.loopback : this.#devices.byIndex(index);
    return device !== null && device.name === name;
  }

  #lookupIn(table: PrefixTree, flow: Flow, rule: R.RuleRow): number {
    let node = table.longest(flow.destination0, flow.destination1, flow.destination2, flow.destination3);
    for (; node !== null; node = node.parent) {
      for (let entry = node.routes; entry !== null; entry = entry.next) {
        if (entry.tos !== 0 && entry.tos !== flow.tos) continue;
        if (entry.scope < flow.scope) continue;
        switch (entry.type) {
          case N.RTN_BLACKHOLE:
            return -E.EINVAL;
          case N.RTN_UNREACHABLE:
            return -E.EHOSTUNREACH;
          case N.RTN_PROHIBIT:
            return -E.EACCES;
          case N.RTN_THROW:
            return NOT_HERE;
        }
        const device = this.#devices.byIndex(entry.deviceIndex);
        if (device === null || !device.isUp) continue;
        if (flow.outputDevice !== 0 && flow.outputDevice !== entry.deviceIndex) continue;
        if (entry.prefix.length <= rule.suppressLength) return NOT_HERE;
        if (rule.suppressGroup >= 0 && device.group === rule.suppressGroup) return NOT_HERE;
        flow.route = entry;
        flow.type = entry.type;
        flow.device = device;
        return 0;
      }
    }
    return NOT_HERE;
  }
}
