// What open files use of their kernel.

import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { FileEvents } from "./file_events.ts";
import type { LockTable } from "./file_locks.ts";
import type { FileSystemContext } from "./inode.ts";
import type { Lending } from "./loan.ts";

/** For who holds open files. */
export interface FileHolder extends CallContext {
  readonly fileEvents: FileEvents;
  readonly locks: LockTable;
}

export interface FileContext extends FileSystemContext, FileHolder {
  readonly fileEvents: FileEvents;
  /** Who lends files to other kernel threads; null: there are none that would take them. */
  readonly lending: Lending | null;
  /** A number for a new descriptor table. */
  nextTableId(): number;
}

/** Who calls on an open file. */
export interface FileCaller extends Caller {
  readonly kernel: FileContext;
}
