// The network of the host that the caller gave to a sandbox (--network=host), as its sockets see it.

import type { Caller } from "../../call/caller.ts";
import type { SleepSet } from "../../sleep_set.ts";
import type { KeptReads } from "../inet/kept_reads.ts";
import type { Address } from "../socket.ts";

export interface HostNetwork {
  /** What the kernel thread that has its sockets waits for. */
  readonly sleep: SleepSet;
  /** Where bytes are between the host's socket and whoever gets them, TRANSFER_MAX of them at most: for no longer than a call to the host. */
  readonly passing: Uint8Array;
  /** What streams have given to readers of late. */
  readonly keptReads: KeptReads;
  /** Binds a descriptor to a port that the host does not give to everybody: 0 or a negative errno. */
  bind(task: Caller, fd: number, address: Address): Generator<void, number, void>;
}
