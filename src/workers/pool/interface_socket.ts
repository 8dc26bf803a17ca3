// What the kernel thread NET answers ioctls by that are about interfaces, whatever socket of another kernel thread they were
// asked on: a socket that nobody has. Those about addresses are passed of sockets of AF_INET alone.

import { AF_INET, SOCK_RAW } from "../../shared/abi/socket.ts";
import type { NetCaller } from "../net/caller.ts";
import { addressIoctl } from "../net/inet/inet_ioctls.ts";
import { NetlinkSocket } from "../net/netlink/netlink_socket.ts";
import type { Protocol } from "../net/netlink/protocols.ts";
import type { Network } from "../net/network.ts";

export class InterfaceSocket extends NetlinkSocket {
  constructor(network: Network, protocol: Protocol, number: number) {
    super(network, protocol, SOCK_RAW, number, 0);
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    return (
      addressIoctl(task, this.network, AF_INET, request, argument) ?? super.ioctl(task, request, argument)
    );
  }
}
