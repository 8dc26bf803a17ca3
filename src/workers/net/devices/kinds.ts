// The kinds of devices that come and go by request (ip-link(8)), a row each.

import * as N from "../../../shared/abi/netlink.ts";

const ETHERNET_MTU = 1500;
/** ETH_MIN_MTU, ETH_MAX_MTU */
const [MTU_MIN, MTU_MAX] = [68, 65535];

export interface VirtualKind {
  /** What `ip link add type` calls it, and how its devices are called that get no name. */
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  readonly mtu: number;
  /** As a maximum 0 is none. */
  readonly minMtu: number;
  readonly maxMtu: number;
  /** There are neighbours at its other end. */
  readonly hasLink: boolean;
}

export const DUMMY: VirtualKind = {
  name: "dummy",
  flags: N.IFF_BROADCAST | N.IFF_NOARP,
  mtu: ETHERNET_MTU,
  minMtu: 0,
  maxMtu: 0,
  hasLink: false,
};

export const BRIDGE: VirtualKind = {
  name: "bridge",
  flags: N.IFF_BROADCAST | N.IFF_MULTICAST,
  mtu: ETHERNET_MTU,
  minMtu: MTU_MIN,
  maxMtu: MTU_MAX,
  hasLink: true,
};

export const VETH: VirtualKind = {
  name: "veth",
  flags: N.IFF_BROADCAST | N.IFF_MULTICAST,
  mtu: ETHERNET_MTU,
  minMtu: MTU_MIN,
  maxMtu: MTU_MAX,
  hasLink: true,
};
