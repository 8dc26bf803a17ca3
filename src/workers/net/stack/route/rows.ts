// Routes, rules and addresses as rtnetlink tells them: plain rows, from which the lookup structures are made (tables.ts)
// and which dumps show. The stack never changes one.

import type { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";

export type IpFamily = typeof AF_INET | typeof AF_INET6;

export interface RouteRow {
  readonly family: IpFamily;
  readonly table: number;
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  /** RTN_*, RT_SCOPE_*, RTPROT_* */
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  /** Null: none is preferred. */
  readonly source: Uint8Array | null;
  /** Null: of a route that leads nowhere. */
  readonly device: { readonly index: number } | null;
  readonly metric: number;
  /** Undefined or null: destinations are on the link. */
  readonly gateway?: Uint8Array | null;
  /** 0 or undefined: the device's. */
  readonly mtu?: number;
  /** 0 or undefined: any. */
  readonly tos?: number;
}

export interface RuleRow {
  readonly family: IpFamily;
  readonly priority: number;
  readonly table: number;
  /** FR_ACT_*; undefined: to the table. */
  readonly action?: number;
  /** FR_ACT_GOTO's. */
  readonly target?: number;
  readonly isInverted?: boolean;
  /** Prefixes, 0 bits or undefined: any. */
  readonly source?: Uint8Array | null;
  readonly sourceLength?: number;
  readonly destination?: Uint8Array | null;
  readonly destinationLength?: number;
  readonly mark?: number;
  /** 0 or undefined: marks are not looked at. */
  readonly markMask?: number;
  /** "" or undefined: any. Packets that the host itself sends come from lo. */
  readonly inputDevice?: string;
  readonly outputDevice?: string;
  readonly tos?: number;
  /** Routes of at most that prefix length do not count; -1 or undefined: all do. */
  readonly suppressPrefixLength?: number;
}

export interface AddressRow {
  readonly family: IpFamily;
  readonly address: Uint8Array;
  readonly prefixLength: number;
  /** RT_SCOPE_* */
  readonly scope: number;
  /** IFA_F_* */
  readonly flags?: number;
}

/** The kinds of route (rtnetlink(7)) and of rule that lookups tell apart. */
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_ANYCAST = 4;
export const RTN_MULTICAST = 5;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;
export const RTN_THROW = 9;
export const FR_ACT_TO_TBL = 1;
export const FR_ACT_GOTO = 2;
export const FR_ACT_NOP = 3;
export const FR_ACT_BLACKHOLE = 6;
export const FR_ACT_UNREACHABLE = 7;
export const FR_ACT_PROHIBIT = 8;
