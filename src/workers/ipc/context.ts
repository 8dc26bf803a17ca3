// What System V IPC uses of its kernel, beside what files do.

import type { UserCounts } from "../credentials/user_counts.ts";
import type { VfsContext } from "../vfs/context.ts";
import type { Space } from "../vfs/memory/file_data.ts";
import type { IpcCaller } from "./caller.ts";
import type { IpcNamespace } from "./namespace.ts";

export interface IpcContext extends VfsContext {
  /** Where segments are charged: with the files of memfd_create. */
  readonly ipcSpace: Space;
  /** Bytes that users have set aside for POSIX message queues (RLIMIT_MSGQUEUE). */
  readonly queueBytes: UserCounts;
  current: IpcCaller | null;
  /** The IPC namespace of programs that are started from outside. */
  readonly ipc: IpcNamespace;
}
