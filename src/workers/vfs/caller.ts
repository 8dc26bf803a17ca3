// Tasks as calls on files know them. A Task is all of this.

import type { MemCaller } from "../mem/caller.ts";
import type { LastEvents } from "./anonymous/last_events.ts";
import type { VfsContext } from "./context.ts";
import type { FsState } from "./fs_state.ts";
import type { LastRead } from "./last_read.ts";
import type { ProcessCaller } from "./processes.ts";

export interface VfsCaller extends MemCaller, ProcessCaller {
  readonly kernel: VfsContext;
  fs: FsState;
  readonly lastRead: LastRead;
  readonly lastEvents: LastEvents;
}
