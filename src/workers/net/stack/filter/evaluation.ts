// A packet at a hook, as matches and targets of rules see it. One object is filled for each packet.

import type { StackCore } from "../core.ts";
import type { NetDevice } from "../device.ts";
import { RULES_A_PACKET } from "../limits.ts";
import type { Packet } from "../packet.ts";
import type { Conntrack } from "./conntrack.ts";
import { NameWords } from "./device_name.ts";
import type { Nat } from "./nat.ts";
import { Registers, Returns } from "./nft/registers.ts";
import { PacketParts } from "./packet_parts.ts";

// NF_INET_*: where on its way a packet is.
export const PREROUTING = 0;
export const INPUT = 1;
export const FORWARD = 2;
export const OUTPUT = 3;
export const POSTROUTING = 4;
export const HOOKS = 5;

// What becomes of it; the first two are NF_DROP and NF_ACCEPT.
export const DROP = 0;
export const ACCEPT = 1;
/** The next rule is looked at. */
export const CONTINUE = 2;

/** What rules do beside saying what becomes of a packet. */
export interface FilterActions {
  readonly core: StackCore;
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  /** Tells the sender by an ICMP message that it was refused. */
  refuse(at: Evaluation, code: number): void;
  /** Ends the sender's connection. */
  reset(at: Evaluation): void;
  log(at: Evaluation, level: number, prefix: string): void;
  /** Finds the way of a packet whose destination or mark is another now: 0 or a negative errno. */
  reroute(at: Evaluation): number;
}

export class Evaluation {
  readonly actions: FilterActions;
  readonly parts = new PacketParts();
  packet!: Packet;
  hook = 0;
  input: NetDevice | null = null;
  output: NetDevice | null = null;
  /** What those two are called. */
  readonly inputName = new NameWords();
  readonly outputName = new NameWords();
  /** What rules of nf_tables have loaded, and where their chains go on. */
  readonly registers = new Registers();
  readonly returns = new Returns();
  /** So many more are looked at, in all tables of the hook. */
  rulesLeft = 0;
  /** A match cannot say whether it matches, since the packet is broken: it is dropped. */
  isBroken = false;

  constructor(actions: FilterActions) {
    this.actions = actions;
  }

  begin(packet: Packet, hook: number, input: NetDevice | null, output: NetDevice | null): void {
    this.packet = packet;
    this.hook = hook;
    this.input = input;
    this.inputName.readDevice(input);
    this.setOutput(output);
    this.isBroken = false;
    this.rulesLeft = RULES_A_PACKET;
    this.parts.read(packet, packet.isV6, packet.network, packet.end);
  }

  setOutput(output: NetDevice | null): void {
    this.output = output;
    this.outputName.readDevice(output);
  }

  /** Bytes of the packet, its IP header among them. */
  get length(): number {
    return this.packet.end - this.packet.network;
  }

  /** The packet is broken, and nothing matches. */
  broken(): false {
    this.isBroken = true;
    return false;
  }
}

/** Rules that say what becomes of a packet. */
export interface Ruleset {
  /** DROP or ACCEPT. */
  evaluate(at: Evaluation): number;
}

export interface Match {
  matches(at: Evaluation): boolean;
}

export interface Target {
  /** DROP, ACCEPT or CONTINUE. */
  apply(at: Evaluation): number;
}
