// Tasks as calls on files know them. A Task is all of this.

import type { DeviceRules } from "../../shared/device_rules.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { MemCaller } from "../mem/caller.ts";
import type { LastEvents } from "./anonymous/last_events.ts";
import type { VfsContext } from "./context.ts";
import type { FsState } from "./fs_state.ts";
import type { LastRead } from "./last_read.ts";
import type { ProcessCaller } from "./processes.ts";

/** The container that a task is of. */
export interface VfsContainer {
  /** Which devices its programs may open and make; null: all. */
  readonly deviceRules: DeviceRules | null;
}

/** To whom the namespaces belong that file systems show which the task mounts. */
export interface OwnersOfShown {
  readonly pids: UserNamespace;
  readonly network: UserNamespace;
  readonly ipc: UserNamespace;
  readonly cgroups: UserNamespace;
}

export interface VfsCaller extends MemCaller, ProcessCaller {
  readonly kernel: VfsContext;
  readonly container: VfsContainer;
  readonly ownersOfShown: OwnersOfShown;
  fs: FsState;
  readonly lastRead: LastRead;
  readonly lastEvents: LastEvents;
}
