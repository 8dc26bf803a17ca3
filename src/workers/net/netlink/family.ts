// AF_NETLINK as an address family: which sockets there are.

import { ENFILE, EOPNOTSUPP, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from "../../../shared/abi/errno.ts";
import { NETLINK_NETFILTER } from "../../../shared/abi/nftables.ts";
import { SOCK_DGRAM, SOCK_RAW } from "../../../shared/abi/socket.ts";
import type { Creator, Family } from "../family.ts";
import { NetlinkSocket } from "./netlink_socket.ts";
import { PROTOCOLS } from "./protocols.ts";

function create(
  { kernel, network }: Creator,
  type: number,
  protocol: number,
  status: number,
): NetlinkSocket | number {
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) return -ESOCKTNOSUPPORT;
  const found = PROTOCOLS.get(protocol);
  // What the host's packets meet is nobody's here to say.
  const isHosts = protocol === NETLINK_NETFILTER && network.devices.isHosts;
  if (found === undefined || isHosts) return -EPROTONOSUPPORT;
  if (!kernel.heap.hasRoom("sockets")) return -ENFILE;
  return new NetlinkSocket(network, found, type, protocol, status);
}

export const NETLINK: Family<Creator> = {
  isOnNet: true,
  create,
  createPair: (by, type, protocol, status) => {
    const made = create(by, type, protocol, status);
    if (typeof made === "number") return made;
    made.release();
    return -EOPNOTSUPP;
  },
};
