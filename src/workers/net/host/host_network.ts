// The network of the host that the caller gave to a sandbox (--network=host), as its sockets see it.

import type { Caller } from "../../call/caller.ts";
import type { SleepSet } from "../../sleep_set.ts";
import type { Address } from "../socket.ts";

export interface HostNetwork {
  /** What the kernel thread that has its sockets waits for. */
  readonly sleep: SleepSet;
  /** Binds a descriptor to a port that the host does not give to everybody: 0 or a negative errno. */
  bind(task: Caller, fd: number, address: Address): Generator<void, number, void>;
}
