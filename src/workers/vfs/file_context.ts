// What open files use of their kernel.

import type { Caller } from "../call/caller.ts";
import type { FileEvents } from "./file_events.ts";
import type { LockTable } from "./file_locks.ts";
import type { FileSystemContext } from "./inode.ts";

export interface FileContext extends FileSystemContext {
  readonly fileEvents: FileEvents;
  readonly locks: LockTable;
}

/** Who calls on an open file. */
export interface FileCaller extends Caller {
  readonly kernel: FileContext;
}
