// Tasks as sockets know them.

import type { VfsCaller } from "../vfs/caller.ts";
import type { NetContext } from "./context.ts";

export interface NetCaller extends VfsCaller {
  readonly kernel: NetContext;
}
