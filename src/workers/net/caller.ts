// Tasks as sockets know them: whose calls name open files. Nothing else of a process, since a kernel thread that has
// none serves them as well.

import type { Caller } from "../call/caller.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { NetContext } from "./context.ts";
import type { NamedNetworks } from "./named_networks.ts";
import type { Network } from "./network.ts";

export interface NetCaller extends Caller {
  readonly kernel: NetContext;
  readonly files: {
    /** Of no other table. */
    readonly id: number;
    get(fd: number): OpenFile | undefined;
  };
}

/** Who asks the kernel for something by a message, which may be served behind the call. */
export interface Requester extends Pick<NetCaller, "kernel" | "credentials"> {
  /** That of the socket by which it asks. */
  readonly network: Network;
  /** Others that the request names. */
  readonly named: NamedNetworks;
}
