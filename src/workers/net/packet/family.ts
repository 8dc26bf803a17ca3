// AF_PACKET as an address family: which sockets there are, and who may have them.

import { ENFILE, EOPNOTSUPP, EPERM, ESOCKTNOSUPPORT } from "../../../shared/abi/errno.ts";
import { SOCK_DGRAM, SOCK_PACKET, SOCK_RAW } from "../../../shared/abi/socket.ts";
import type { Creator, Family } from "../family.ts";
import { mayUseRaw } from "../privileges.ts";
import { PacketSocket } from "./packet_socket.ts";

const TYPES: ReadonlySet<number> = new Set([SOCK_RAW, SOCK_DGRAM, SOCK_PACKET]);

/** The protocol is in network order, and of 16 bits. */
function frameTypeOf(protocol: number): number {
  return ((protocol & 0xff) << 8) | ((protocol >> 8) & 0xff);
}

export const PACKET: Family<Creator> = {
  isOnNet: true,
  refuses: (task, type) => {
    if (!mayUseRaw(task, task.network)) return -EPERM;
    return TYPES.has(type) ? 0 : -ESOCKTNOSUPPORT;
  },
  create: ({ credentials, kernel, network }, type, protocol, status) => {
    if (!kernel.heap.hasRoom("sockets") || !kernel.heap.hasRoom("packetSockets")) return -ENFILE;
    const inode = kernel.anonymous.socket(credentials);
    return new PacketSocket(network, inode, type, frameTypeOf(protocol), status, credentials.euid);
  },
  createPair: () => -EOPNOTSUPP,
};
