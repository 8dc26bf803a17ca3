// The packet filter of a stack: tables of rules, conntrack and translation at the hooks of a packet's way, in Linux's order
// (NF_IP_PRI_*): raw, conntrack, mangle, translation of destinations, filter, translation of sources, confirmation.
//
// It stands in core.hooks from when there is a table of rules on. Whatever it sends itself (REJECT) goes through the same
// hooks, from within a rule that then says DROP.

import { EPERM } from "../../../../shared/abi/errno.ts";
import { RTN_LOCAL } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { NetDevice } from "../device.ts";
import type { PacketHooks } from "../hooks.ts";
import * as Icmp from "../icmp/format.ts";
import type { Icmp4 } from "../icmp/icmp4.ts";
import type { Icmp6 } from "../icmp/icmp6.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import type { Packet } from "../packet.ts";
import { Flow } from "../route/flow.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import { hasRightChecksum } from "./checksum.ts";
import { Conntrack } from "./conntrack.ts";
import * as H from "./evaluation.ts";
import { Evaluation, type FilterActions } from "./evaluation.ts";
import { logLine } from "./log_line.ts";
import { isError, Nat } from "./nat.ts";
import { sendReset } from "./reset.ts";
import type { RuleTable } from "./rule_table.ts";
import { FamilyTables } from "./tables.ts";
import { NEW } from "./tracked.ts";

/** Lines of LOG in a second, in µs between two, and how many may come at once. */
const LOG_INTERVAL_US = 100_000;
const LOG_BURST = 20;
/** REJECT answers, and its answer is looked at too: no deeper than that. */
const DEPTH_MAX = 3;

export class Filter implements PacketHooks, FilterActions {
  readonly core: StackCore;
  readonly #icmp4: Icmp4;
  readonly #icmp6: Icmp6;
  readonly #ip4Output: Ip4Output;
  readonly #ip6Output: Ip6Output;
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly tables4 = new FamilyTables(false, () => this.#tablesChanged());
  readonly tables6 = new FamilyTables(true, () => this.#tablesChanged());
  /** Where lines of LOG go. */
  onLog: (level: number, line: string) => void = () => {};
  outType = 0;
  readonly #evaluations: readonly Evaluation[];
  #depth = 0;
  readonly #way = new Flow();
  readonly #answerFlow = new Flow();
  #logUs = 0;

  constructor(core: StackCore, icmp4: Icmp4, icmp6: Icmp6, ip4Output: Ip4Output, ip6Output: Ip6Output) {
    this.core = core;
    this.#icmp4 = icmp4;
    this.#icmp6 = icmp6;
    this.#ip4Output = ip4Output;
    this.#ip6Output = ip6Output;
    this.conntrack = new Conntrack(core);
    this.nat = new Nat(core, this.conntrack);
    this.#evaluations = Array.from({ length: DEPTH_MAX + 1 }, () => new Evaluation(this));
  }

  #tablesChanged(): void {
    const isEmpty = this.tables4.isEmpty && this.tables6.isEmpty;
    this.core.hooks = isEmpty ? null : this;
  }

  /** What its owner is charged for rules. */
  get charge(): number {
    return this.tables4.charge + this.tables6.charge;
  }

  tables(isV6: boolean): FamilyTables {
    return isV6 ? this.tables6 : this.tables4;
  }

  tracks(isV6: boolean): boolean {
    return this.tables(isV6).usesConntrack;
  }

  // ---- Hooks ----

  #begin(packet: Packet, hook: number, input: NetDevice | null, output: NetDevice | null): Evaluation {
    const at = this.#evaluations[this.#depth]!;
    at.begin(packet, hook, input, output);
    return at;
  }

  #passes(table: RuleTable | null, at: Evaluation): boolean {
    return table === null || table.evaluate(at) === H.ACCEPT;
  }

  prerouting(packet: Packet): boolean {
    // Who sent it on this host is nobody's concern any more.
    packet.owner = null;
    const tables = this.tables(packet.isV6);
    if (tables.isEmpty) return true;
    const at = this.#begin(packet, H.PREROUTING, packet.device, null);
    return (
      this.#passes(tables.raw, at) &&
      (!tables.usesConntrack || this.conntrack.track(packet, at.parts)) &&
      this.#passes(tables.mangle, at) &&
      this.#translates(tables.nat, at, false)
    );
  }

  input(packet: Packet): boolean {
    const tables = this.tables(packet.isV6);
    if (tables.isEmpty) return true;
    const at = this.#begin(packet, H.INPUT, packet.device, null);
    const isLet =
      this.#passes(tables.mangle, at) &&
      this.#passes(tables.filter, at) &&
      this.#translates(tables.nat, at, true) &&
      this.conntrack.confirm(packet);
    // While it waits in a queue its flow may end, and is not kept for it.
    packet.flow = null;
    return isLet;
  }

  forward(packet: Packet, arrival: NetDevice): boolean {
    const tables = this.tables(packet.isV6);
    if (tables.isEmpty) return true;
    const at = this.#begin(packet, H.FORWARD, arrival, packet.device);
    return this.#passes(tables.mangle, at) && this.#passes(tables.filter, at);
  }

  output(packet: Packet, type: number): number {
    this.outType = type;
    const tables = this.tables(packet.isV6);
    if (tables.isEmpty) return 0;
    const at = this.#begin(packet, H.OUTPUT, null, packet.device);
    if (!this.#passes(tables.raw, at)) return -EPERM;
    if (tables.usesConntrack && !this.conntrack.track(packet, at.parts)) return -EPERM;
    if (tables.mangle !== null) {
      const { mark } = packet;
      if (!this.#passes(tables.mangle, at)) return -EPERM;
      if (packet.mark !== mark) {
        const error = this.#reroute(packet, at);
        if (error < 0) return error;
      }
    }
    if (tables.nat !== null) {
      const { destination0, destination1, destination2, destination3 } = packet;
      if (!this.#translates(tables.nat, at, false)) return -EPERM;
      const isOther =
        packet.destination3 !== destination3 ||
        packet.destination2 !== destination2 ||
        packet.destination1 !== destination1 ||
        packet.destination0 !== destination0;
      if (isOther) {
        const error = this.#reroute(packet, at);
        if (error < 0) return error;
      }
    }
    return this.#passes(tables.filter, at) ? 0 : -EPERM;
  }

  postrouting(packet: Packet): boolean {
    const tables = this.tables(packet.isV6);
    if (tables.isEmpty) return true;
    const at = this.#begin(packet, H.POSTROUTING, null, packet.device);
    return (
      this.#passes(tables.mangle, at) &&
      this.#translates(tables.nat, at, true) &&
      this.conntrack.confirm(packet)
    );
  }

  // ---- Translation ----

  /** A new flow asks the table, and each packet gets what its flow says. False: it is dropped. */
  #translates(table: RuleTable | null, at: Evaluation, isSource: boolean): boolean {
    const { packet, parts } = at;
    const { flow } = packet;
    if (table === null || flow === null) return true;
    if (isError(packet, parts)) {
      this.nat.translateError(packet, parts, isSource);
      return true;
    }
    if (packet.flowInfo === NEW && !this.nat.isDone(flow, isSource)) {
      this.nat.isForLink = at.output !== null && !at.output.isLoopback;
      if (table.evaluate(at) !== H.ACCEPT) return false;
      if (!this.nat.isDone(flow, isSource)) this.nat.setupNothing(flow, isSource);
    }
    this.nat.translate(packet, parts, isSource);
    return true;
  }

  /** ip_route_me_harder: the way of a packet whose destination or mark is another now. */
  #reroute(packet: Packet, at: Evaluation): number {
    const { core } = this;
    const flow = this.#way;
    const { source0, source1, source2, source3 } = packet;
    flow.reset(packet.isV6);
    flow.setDestination(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
    const isOwn = core.tables.addressType(source0, source1, source2, source3) === RTN_LOCAL;
    if (isOwn) flow.setSource(source0, source1, source2, source3);
    else flow.setSource(0, 0, packet.isV6 ? 0 : source2, 0);
    flow.mark = packet.mark;
    flow.protocol = packet.protocol;
    flow.user = packet.owner?.uid ?? 0;
    const error = (packet.isV6 ? routeOutput6 : routeOutput4)(core, flow, true);
    if (error < 0) return error;
    packet.device = flow.device;
    packet.setNextHop(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
    at.setOutput(flow.device);
    this.outType = flow.type;
    return 0;
  }

  // ---- What rules do ----

  /** Sends something while a packet is looked at, whose way must not be lost. */
  #answer(send: () => void): void {
    if (this.#depth >= DEPTH_MAX) return;
    const { outputFlow } = this.core;
    const { outType } = this;
    this.core.outputFlow = this.#depth === 0 ? this.#answerFlow : new Flow();
    this.#depth++;
    send();
    this.#depth--;
    this.core.outputFlow = outputFlow;
    this.outType = outType;
  }

  refuse({ packet, parts }: Evaluation, code: number): void {
    if (!hasRightChecksum(packet, parts)) return;
    this.core.counters.filter.refused++;
    this.#answer(() => {
      if (packet.isV6) this.#icmp6.sendError(packet, Icmp.UNREACHABLE6, code, 0);
      else this.#icmp4.sendError(packet, Icmp.DESTINATION_UNREACHABLE, code, 0);
    });
  }

  reset(at: Evaluation): void {
    if (!hasRightChecksum(at.packet, at.parts)) return;
    this.core.counters.filter.refused++;
    this.#answer(() => sendReset(this.core, this.#ip4Output, this.#ip6Output, at));
  }

  log(at: Evaluation, level: number, prefix: string): void {
    const { core } = this;
    core.counters.filter.logged++;
    this.#logUs = Math.max(this.#logUs, core.nowUs - LOG_BURST * LOG_INTERVAL_US);
    if (this.#logUs + LOG_INTERVAL_US > core.nowUs) return;
    this.#logUs += LOG_INTERVAL_US;
    this.onLog(level, logLine(at, prefix));
  }
}
