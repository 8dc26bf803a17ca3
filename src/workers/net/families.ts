// The address families that a sandbox has, and whose sockets all of them are.

import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX } from "../../shared/abi/socket.ts";
import type { NetCaller } from "./caller.ts";
import type { Creator, Family, SocketMaker } from "./family.ts";
import { INET, INET6 } from "./inet/family.ts";
import type { InterfaceOwner } from "./interfaces.ts";
import { NETLINK } from "./netlink/family.ts";
import { PACKET } from "./packet/family.ts";
import type { SocketFile } from "./socket.ts";
import type { UnixCaller, UnixContext } from "./unix/context.ts";
import { UNIX } from "./unix/family.ts";

/** Makes sockets of the host's network. */
export interface HostSocketMaker {
  create(
    task: NetCaller & Creator,
    domain: number,
    type: number,
    protocol: number,
    status: number,
  ): Generator<void, SocketFile | number, void>;
}

export interface FamilyContext extends UnixContext {
  /** The kernel thread that the sockets of some are on; null: it is this one. */
  readonly netThread: (SocketMaker & InterfaceOwner) | null;
  /** Whose the sockets of the internet's families are; null: the sandbox's own stack's. */
  readonly hostNetwork: HostSocketMaker | null;
}

export interface FamilyCaller extends UnixCaller {
  readonly kernel: FamilyContext;
}

/** Those whose sockets a kernel thread of their own may have. */
export const FAMILIES_ON_NET: ReadonlyMap<number, Family<Creator>> = new Map([
  [AF_NETLINK, NETLINK],
  [AF_INET, INET],
  [AF_INET6, INET6],
  [AF_PACKET, PACKET],
]);

export const FAMILIES: ReadonlyMap<number, Family<FamilyCaller>> = new Map<number, Family<FamilyCaller>>([
  [AF_UNIX, UNIX],
  ...FAMILIES_ON_NET,
]);
