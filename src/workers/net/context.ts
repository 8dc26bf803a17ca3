// What sockets of all families use of their kernel: what open files do, and inodes to stand on.

import type { CallContext } from "../call/context.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { DirectMemory } from "../mem/direct_memory.ts";
import type { FileHolder } from "../vfs/file_context.ts";
import type { Inode } from "../vfs/inode.ts";
import type { InterfaceOwner } from "./interfaces.ts";
import type { NetworkFinder } from "./named_networks.ts";
import type { Network } from "./network.ts";

export interface NetContext extends CallContext, FileHolder, NetworkFinder {
  /** The first network namespace. */
  readonly network: Network;
  /** The kernel thread that has the interfaces; null: it is this one. */
  readonly netThread: InterfaceOwner | null;
  /** How bytes get to guest memory without the stub; null: this kernel thread knows no memory. */
  readonly directMemory: DirectMemory | null;
  /** A number that no other socket of the sandbox has. */
  nextSocketCookie(): number;
  /** Inodes of sockets; null: thread 0 has them. */
  readonly anonymous: { socket(credentials: Credentials): Inode | null };
}
