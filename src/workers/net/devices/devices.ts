// The sandbox's network interfaces, their addresses and the routes and rules that follow from them: what rtnetlink(7)
// and netdevice(7) tell.

import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";

export interface Device {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_* */
  readonly type: number;
  /** IFF_* */
  readonly flags: number;
  readonly mtu: number;
  /** Packets that may wait to be sent. */
  readonly txQueue: number;
  readonly address: Uint8Array;
  readonly broadcast: Uint8Array;
  readonly addresses: readonly DeviceAddress[];
}

export interface DeviceAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly address: Uint8Array;
  readonly prefixLength: number;
  /** RT_SCOPE_* */
  readonly scope: number;
}

export interface Route {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly table: number;
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  /** RTN_*, RT_SCOPE_*, RTPROT_* */
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  /** Null: none is preferred. */
  readonly source: Uint8Array | null;
  readonly device: Device;
  readonly metric: number;
}

export interface Rule {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly priority: number;
  readonly table: number;
}

const LOOPBACK_MTU = 65536;
const LOOPBACK_4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_4_NET = Uint8Array.of(127, 0, 0, 0);
const LOOPBACK_4_BROADCAST = Uint8Array.of(127, 255, 255, 255);
const LOOPBACK_6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

const LOOPBACK: Device = {
  index: 1,
  name: "lo",
  type: N.ARPHRD_LOOPBACK,
  flags: N.IFF_UP | N.IFF_LOOPBACK | N.IFF_RUNNING,
  mtu: LOOPBACK_MTU,
  txQueue: 1000,
  address: new Uint8Array(6),
  broadcast: new Uint8Array(6),
  addresses: [
    { family: AF_INET, address: LOOPBACK_4, prefixLength: 8, scope: N.RT_SCOPE_HOST },
    { family: AF_INET6, address: LOOPBACK_6, prefixLength: 128, scope: N.RT_SCOPE_HOST },
  ],
};

function local(destination: Uint8Array, prefixLength: number, type: number, scope: number): Route {
  return {
    family: AF_INET,
    table: N.RT_TABLE_LOCAL,
    destination,
    prefixLength,
    type,
    scope,
    protocol: N.RTPROT_KERNEL,
    source: LOOPBACK_4,
    device: LOOPBACK,
    metric: 0,
  };
}

const ROUTES: readonly Route[] = [
  local(LOOPBACK_4_NET, 8, N.RTN_LOCAL, N.RT_SCOPE_HOST),
  local(LOOPBACK_4, 32, N.RTN_LOCAL, N.RT_SCOPE_HOST),
  local(LOOPBACK_4_BROADCAST, 32, N.RTN_BROADCAST, N.RT_SCOPE_LINK),
  {
    ...local(LOOPBACK_6, 128, N.RTN_LOCAL, N.RT_SCOPE_UNIVERSE),
    family: AF_INET6,
    source: null,
  },
];

/** Numbers of the rules that every network namespace begins with. */
const RULES: readonly Rule[] = [
  { family: AF_INET, priority: 0, table: N.RT_TABLE_LOCAL },
  { family: AF_INET, priority: 32766, table: N.RT_TABLE_MAIN },
  { family: AF_INET, priority: 32767, table: N.RT_TABLE_DEFAULT },
  { family: AF_INET6, priority: 0, table: N.RT_TABLE_LOCAL },
  { family: AF_INET6, priority: 32766, table: N.RT_TABLE_MAIN },
];

/** Those of a network namespace whose only interface is lo. */
export class Devices {
  readonly all: readonly Device[] = [LOOPBACK];
  readonly routes: readonly Route[] = ROUTES;
  readonly rules: readonly Rule[] = RULES;

  byIndex(index: number): Device | undefined {
    return this.all.find((device) => device.index === index);
  }

  byName(name: string): Device | undefined {
    return this.all.find((device) => device.name === name);
  }
}
