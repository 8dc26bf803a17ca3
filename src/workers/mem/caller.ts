// Tasks as memory knows them.

import type { Caller } from "../call/caller.ts";
import type { Pool } from "../patch/patches.ts";
import type { FileTable } from "../vfs/file_table.ts";
import type { AddressSpace } from "./address_space.ts";
import type { Donations } from "./donations.ts";
import type { KeptFiles } from "./kept_files.ts";

/** The host process of an address space. */
export interface Stub {
  readonly space: AddressSpace;
  readonly donations: Donations;
  readonly kept: KeptFiles;
  /** It has been given a file over which the host may take long: whatever stands in its memory may be that. */
  hasSlowFile: boolean;
  /** 0 until it is known. */
  readonly pid: number;
  /** The host process whose private memory is this address space's; 0 if there is none yet. */
  readonly readablePid: number;
  /** No other thread executes what is in the task's memory. */
  isAlone(task: Caller): boolean;
  /** Interrupts all other threads, which may be in a trampoline of the pool; they report later. */
  takeOthersOut(task: Caller, pool: Pool): void;
}

export interface MemCaller extends Caller {
  readonly stub: Stub;
  files: FileTable;
}
