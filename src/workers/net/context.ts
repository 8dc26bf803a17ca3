// What sockets of all families use of their kernel: what open files do, and inodes to stand on.

import type { CallContext } from "../call/context.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { DirectMemory } from "../mem/direct_memory.ts";
import type { FileHolder } from "../vfs/file_context.ts";
import type { Inode } from "../vfs/inode.ts";
import type { Devices } from "./devices/devices.ts";
import type { InetStack } from "./inet/inet_stack.ts";
import type { InterfaceOwner } from "./interfaces.ts";
import type { NetlinkPorts } from "./netlink/ports.ts";
import type { RouteNotifier } from "./netlink/route/notifier.ts";

export interface NetContext extends CallContext, FileHolder {
  readonly netlinkPorts: NetlinkPorts;
  readonly devices: Devices;
  readonly routeNotifier: RouteNotifier;
  readonly inet: InetStack;
  /** The kernel thread that has the interfaces; null: it is this one. */
  readonly netThread: InterfaceOwner | null;
  /** How bytes get to guest memory without the stub; null: this kernel thread knows no memory. */
  readonly directMemory: DirectMemory | null;
  /** A number that no other socket of the sandbox has. */
  nextSocketCookie(): number;
  /** Inodes of sockets; null: thread 0 has them. */
  readonly anonymous: { socket(credentials: Credentials): Inode | null };
}
