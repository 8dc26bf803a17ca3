// Where a packet stops at a hook: tables of rules, conntrack and translation, in the order of their priorities (NF_IP_PRI_*),
// of which those of nf_tables have chosen their own.

import { EPERM } from "../../../../shared/abi/errno.ts";
import * as H from "./evaluation.ts";
import { type Evaluation, HOOKS, type Ruleset } from "./evaluation.ts";
import { isError } from "./nat.ts";
import type { Nft } from "./nft/nft.ts";
import type { FamilyTables, TableName } from "./tables.ts";
import { NEW } from "./tracked.ts";

const PRIORITIES: Readonly<Record<TableName, number>> = { raw: -300, mangle: -150, nat: 0, filter: 0 };
const PRIORITY_CONNTRACK = -200;
const PRIORITY_NAT_DST = -100;
const PRIORITY_NAT_SRC = 100;
const PRIORITY_CONFIRM = 2 ** 31 - 1;

/** 0: the packet goes on; else a negative errno. */
export interface Station {
  pass(at: Evaluation): number;
}

interface Placed<T> {
  readonly priority: number;
  /** Of two of one priority the newer one comes first. */
  readonly serial: number;
  readonly what: T;
}

function inOrder<T>(placed: readonly Placed<T>[]): T[] {
  return [...placed].sort((a, b) => a.priority - b.priority || b.serial - a.serial).map(({ what }) => what);
}

class Rules implements Station {
  readonly #rules: Ruleset;

  constructor(rules: Ruleset) {
    this.#rules = rules;
  }

  pass(at: Evaluation): number {
    return this.#rules.evaluate(at) === H.ACCEPT ? 0 : -EPERM;
  }
}

/** Rules behind which a packet of another mark gets another way. */
class RoutingRules implements Station {
  readonly #rules: Ruleset;

  constructor(rules: Ruleset) {
    this.#rules = rules;
  }

  pass(at: Evaluation): number {
    const { mark } = at.packet;
    if (this.#rules.evaluate(at) !== H.ACCEPT) return -EPERM;
    return at.packet.mark === mark ? 0 : at.actions.reroute(at);
  }
}

const TRACK: Station = {
  pass: ({ packet, parts, actions }) => (actions.conntrack.track(packet, parts) ? 0 : -EPERM),
};

const CONFIRM: Station = {
  pass: ({ packet, actions }) => (actions.conntrack.confirm(packet) ? 0 : -EPERM),
};

/** A new flow asks rules, and each packet gets what its flow says. */
class Translation implements Station {
  readonly #rules: readonly Ruleset[];
  readonly #isSource: boolean;

  constructor(rules: readonly Ruleset[], isSource: boolean) {
    this.#rules = rules;
    this.#isSource = isSource;
  }

  pass(at: Evaluation): number {
    if (at.hook !== H.OUTPUT) return this.#translates(at) ? 0 : -EPERM;
    const { packet } = at;
    const { destination0, destination1, destination2, destination3 } = packet;
    if (!this.#translates(at)) return -EPERM;
    const isOther =
      packet.destination3 !== destination3 ||
      packet.destination2 !== destination2 ||
      packet.destination1 !== destination1 ||
      packet.destination0 !== destination0;
    return isOther ? at.actions.reroute(at) : 0;
  }

  #translates(at: Evaluation): boolean {
    const { packet, parts } = at;
    const { flow } = packet;
    const { nat } = at.actions;
    const isSource = this.#isSource;
    if (flow === null) return true;
    if (isError(packet, parts)) {
      nat.translateError(packet, parts, isSource);
      return true;
    }
    if (packet.flowInfo === NEW && !nat.isDone(flow, isSource)) {
      nat.isForLink = at.output !== null && !at.output.isLoopback;
      for (let i = 0; i < this.#rules.length && !nat.isDone(flow, isSource); i++)
        if (this.#rules[i]!.evaluate(at) !== H.ACCEPT) return false;
      if (!nat.isDone(flow, isSource)) nat.setupNothing(flow, isSource);
    }
    nat.translate(packet, parts, isSource);
    return true;
  }
}

/** Stations by hook, of the rules that there are of one family. */
export function stationsOf(tables: FamilyTables, nft: Nft): Station[][] {
  const chains = nft.chains(tables.isV6).byHook;
  const usesConntrack = tables.usesConntrack || nft.chains(tables.isV6).usesConntrack;
  const hasChains = chains.some((atHook) => atHook.length > 0);
  const translates =
    tables.installed.some(({ name }) => name === "nat") ||
    chains.some((atHook) => atHook.some(({ type }) => type === "nat"));
  const byHook: Station[][] = [];
  for (let hook = 0; hook < HOOKS; hook++) {
    const placed: Placed<Station>[] = [];
    const translations: Placed<Ruleset>[] = [];
    for (const { name, hooks, rules, serial } of tables.installed) {
      if ((hooks & (1 << hook)) === 0) continue;
      const priority = PRIORITIES[name];
      if (name === "nat") translations.push({ priority, serial, what: rules });
      else {
        const reroutes = name === "mangle" && hook === H.OUTPUT;
        placed.push({ priority, serial, what: reroutes ? new RoutingRules(rules) : new Rules(rules) });
      }
    }
    for (const base of chains[hook]!) {
      const { priority, serial, type } = base;
      // Translation has its own places, at which its chains are asked in their order.
      if (type === "nat") translations.push({ priority: priority - natPriority(hook), serial, what: base });
      else
        placed.push({ priority, serial, what: type === "route" ? new RoutingRules(base) : new Rules(base) });
    }
    if (tables.installed.length === 0 && !hasChains) {
      byHook.push([]);
      continue;
    }
    const isFirst = hook === H.PREROUTING || hook === H.OUTPUT;
    if (isFirst && usesConntrack) placed.push({ priority: PRIORITY_CONNTRACK, serial: 0, what: TRACK });
    if (hook !== H.FORWARD && translates) {
      const what = new Translation(inOrder(translations), !isFirst);
      placed.push({ priority: natPriority(hook), serial: 0, what });
    }
    if (!isFirst && hook !== H.FORWARD) placed.push({ priority: PRIORITY_CONFIRM, serial: 0, what: CONFIRM });
    byHook.push(inOrder(placed));
  }
  return byHook;
}

function natPriority(hook: number): number {
  return hook === H.PREROUTING || hook === H.OUTPUT ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC;
}
