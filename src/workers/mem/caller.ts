// Tasks as memory knows them.

import type { Caller } from "../call/caller.ts";
import type { FileTable } from "../vfs/file_table.ts";
import type { AddressSpace } from "./address_space.ts";

/** The host process of an address space. */
export interface Stub {
  readonly space: AddressSpace;
  /** 0 until it is known. */
  readonly pid: number;
  /** Number of a slot in this address space: names its donated descriptor. */
  slotIndex(slot: number): number;
}

export interface MemCaller extends Caller {
  readonly stub: Stub;
  files: FileTable;
}
