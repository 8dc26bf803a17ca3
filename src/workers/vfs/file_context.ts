// What open files use of their kernel.

import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { FileEvents } from "./file_events.ts";
import type { LockTable } from "./file_locks.ts";
import type { FileSystemContext } from "./inode.ts";

/** For who holds open files. */
export interface FileHolder extends CallContext {
  readonly fileEvents: FileEvents;
  readonly locks: LockTable;
}

export interface FileContext extends FileSystemContext, FileHolder {
  readonly fileEvents: FileEvents;
  /** A number for a new descriptor table. */
  nextTableId(): number;
}

/** Who calls on an open file. */
export interface FileCaller extends Caller {
  readonly kernel: FileContext;
}
