// The packet filter of a stack: tables of rules of iptables and nf_tables, conntrack and translation at the hooks of a
// packet's way (stations.ts says in which order).
//
// It stands in core.hooks from when there is a table of iptables, or a base chain of nf_tables, on. Whatever it sends itself
// (REJECT) goes through the same hooks, from within a rule that then says DROP.

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
import { Nat } from "./nat.ts";
import { Nft } from "./nft/nft.ts";
import { sendReset } from "./reset.ts";
import { type Station, stationsOf } from "./stations.ts";
import { FamilyTables } from "./tables.ts";

/** Lines of LOG in a second, in µs between two, and how many may come at once. */
const LOG_INTERVAL_US = 100_000;
const LOG_BURST = 20;
/** REJECT answers, and its answer is looked at too: no deeper than that. */
const DEPTH_MAX = 3;
const NO_STATIONS: readonly (readonly Station[])[] = Array.from({ length: H.HOOKS }, () => []);

export class Filter implements PacketHooks, FilterActions {
  readonly core: StackCore;
  readonly #icmp4: Icmp4;
  readonly #icmp6: Icmp6;
  readonly #ip4Output: Ip4Output;
  readonly #ip6Output: Ip6Output;
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly tables4 = new FamilyTables(
    false,
    () => this.#rulesChanged(),
    () => this.newSerial(),
  );
  readonly tables6 = new FamilyTables(
    true,
    () => this.#rulesChanged(),
    () => this.newSerial(),
  );
  readonly nft = new Nft(
    () => this.#rulesChanged(),
    () => this.newSerial(),
  );
  #stations4: readonly (readonly Station[])[] = NO_STATIONS;
  #stations6: readonly (readonly Station[])[] = NO_STATIONS;
  #lastSerial = 0;
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

  /** What tells the newer one of two tables or chains. */
  newSerial(): number {
    return ++this.#lastSerial;
  }

  #rulesChanged(): void {
    const isEmpty = this.tables4.isEmpty && this.tables6.isEmpty && this.nft.isEmpty;
    this.#stations4 = stationsOf(this.tables4, this.nft);
    this.#stations6 = stationsOf(this.tables6, this.nft);
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
    return this.tables(isV6).usesConntrack || this.nft.chains(isV6).usesConntrack;
  }

  // ---- Hooks ----

  #pass(packet: Packet, hook: number, input: NetDevice | null, output: NetDevice | null): number {
    const stations = (packet.isV6 ? this.#stations6 : this.#stations4)[hook]!;
    if (stations.length === 0) return 0;
    const at = this.#evaluations[this.#depth]!;
    at.begin(packet, hook, input, output);
    for (let i = 0; i < stations.length; i++) {
      const error = stations[i]!.pass(at);
      if (error < 0) return error;
    }
    return 0;
  }

  prerouting(packet: Packet): boolean {
    // Who sent it on this host is nobody's concern any more.
    packet.owner = null;
    return this.#pass(packet, H.PREROUTING, packet.device, null) === 0;
  }

  input(packet: Packet): boolean {
    const isLet = this.#pass(packet, H.INPUT, packet.device, null) === 0;
    // While it waits in a queue its flow may end, and is not kept for it.
    packet.flow = null;
    return isLet;
  }

  forward(packet: Packet, arrival: NetDevice): boolean {
    return this.#pass(packet, H.FORWARD, arrival, packet.device) === 0;
  }

  output(packet: Packet, type: number): number {
    this.outType = type;
    return this.#pass(packet, H.OUTPUT, null, packet.device);
  }

  postrouting(packet: Packet): boolean {
    return this.#pass(packet, H.POSTROUTING, null, packet.device) === 0;
  }

  /** ip_route_me_harder: the way of a packet whose destination or mark is another now. */
  reroute(at: Evaluation): number {
    const { core } = this;
    const { packet } = at;
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
