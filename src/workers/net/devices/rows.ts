// What a network namespace is configured with, as plain rows: devices, their addresses, routes, rules and neighbours.
// They are changed through devices.ts and the files beside it alone, which tell of each change.

import type { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Namespace } from "./namespace.ts";

export type InternetFamily = typeof AF_INET | typeof AF_INET6;

export interface Device {
  /** The namespace that it is in now. */
  home: Namespace;
  index: number;
  name: string;
  /** Other names that it goes by. */
  readonly otherNames: string[];
  alias: string;
  /** What `ip link add type` calls it; null: it was not made so. */
  readonly kind: string | null;
  /** ARPHRD_* */
  readonly type: number;
  /** IFF_*: IFF_RUNNING: it is up, and so is what is at its other end. */
  flags: number;
  mtu: number;
  /** Bounds of the MTU; as a maximum 0 is none. */
  readonly minMtu: number;
  readonly maxMtu: number;
  /** Packets that may wait to be sent. */
  txQueue: number;
  group: number;
  address: Uint8Array;
  broadcast: Uint8Array;
  /** It is on an Ethernet, where there are neighbours; their addresses, and duplicates of its own, are looked for. */
  readonly hasLink: boolean;
  /** There is no IPv6 on it; and what routers advertise there is not believed. */
  isInet6Off: boolean;
  ignoresRouters: boolean;
  /** It has been up. */
  wasUp: boolean;
  /** The bridge that it is a port of. */
  master: Device | null;
  /** Who is privileged has given it its address: a bridge keeps it. */
  hasOwnAddress: boolean;
  /** The other end, of a veth device; it may be in another namespace. */
  peer: Device | null;
  /** What joins the stacks of both ends (stack/link/cable.ts), which alone look at it. */
  cable: object | null;
  /** AF_INET: primary addresses first; AF_INET6: wide scopes first. */
  readonly inet: DeviceAddress[];
  readonly inet6: DeviceAddress[];
}

/** What has gone over a device. */
export interface DeviceCounts {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxDropped: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txDropped: number;
}

export interface DeviceAddress {
  readonly device: Device;
  readonly family: InternetFamily;
  readonly address: Uint8Array;
  /** The other end's, of a point-to-point address; else the same. */
  readonly peer: Uint8Array;
  broadcast: Uint8Array | null;
  readonly prefixLength: number;
  /** RT_SCOPE_* */
  readonly scope: number;
  /** IFA_F_* */
  flags: number;
  /** Of AF_INET alone. */
  label: string;
  /** IFAPROT_* */
  protocol: number;
  /** Of the route to its network; 0: as usual. */
  metric: number;
  /** Seconds, as they were given; FOREVER: without end. */
  validSeconds: number;
  preferredSeconds: number;
  /** When that was, in nanoseconds of the monotonic clock; and when it was made. */
  changedNs: number;
  readonly madeNs: number;
}

export const FOREVER = 0xffffffff;

export interface Route {
  readonly family: InternetFamily;
  readonly table: number;
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  readonly tos: number;
  /** RTN_*, RT_SCOPE_*, RTPROT_*, RTNH_F_* */
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  readonly flags: number;
  /** Null: none is preferred. */
  readonly source: Uint8Array | null;
  /** Null: the destination is on the link. */
  readonly gateway: Uint8Array | null;
  /** Null: packets go nowhere. */
  readonly device: Device | null;
  readonly metric: number;
  /** RTAX_* */
  readonly metrics: ReadonlyMap<number, number>;
  /** ICMPV6_ROUTER_PREF_* */
  readonly preference: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface Rule {
  readonly family: InternetFamily;
  readonly priority: number;
  /** FR_ACT_* */
  readonly action: number;
  readonly table: number;
  /** The priority of the rule to go on with; 0: none. */
  readonly target: number;
  readonly source: Uint8Array | null;
  readonly sourceLength: number;
  readonly destination: Uint8Array | null;
  readonly destinationLength: number;
  readonly tos: number;
  /** FIB_RULE_INVERT */
  readonly isInverted: boolean;
  /** Names of devices; "": any. */
  readonly input: string;
  readonly output: string;
  readonly mark: number;
  readonly mask: number;
  readonly users: PortRange | null;
  readonly ipProtocol: number;
  readonly sourcePorts: PortRange | null;
  readonly destinationPorts: PortRange | null;
  /** Routes with prefixes of at most that length do not count; -1: all do. */
  readonly suppressLength: number;
  readonly suppressGroup: number;
  /** RTPROT_* */
  readonly protocol: number;
}

export interface Neighbour {
  readonly family: InternetFamily;
  readonly device: Device;
  readonly address: Uint8Array;
  /** Null: it is not known. */
  linkAddress: Uint8Array | null;
  /** NUD_*, NTF_*, RTPROT_* */
  state: number;
  flags: number;
  protocol: number;
}

/** What has changed: a row as it is now, or, where it is gone, as it was. */
export type Change =
  | { readonly kind: "link"; readonly isGone: boolean; readonly row: Device; readonly changedFlags: number }
  | { readonly kind: "address"; readonly isGone: boolean; readonly row: DeviceAddress }
  /** `how`: NLM_F_* that say what became of others. */
  | { readonly kind: "route"; readonly isGone: boolean; readonly row: Route; readonly how: number }
  /** Routes that went along with something else, of which nobody is told one by one. */
  | { readonly kind: "routes"; readonly isGone: true; readonly rows: readonly Route[] }
  | { readonly kind: "rule"; readonly isGone: boolean; readonly row: Rule }
  | { readonly kind: "neighbour"; readonly isGone: boolean; readonly row: Neighbour };
