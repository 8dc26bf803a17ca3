// The kernel of a data thread: it serves calls that are about bytes alone, and has nothing that lasts.

import type { ThreadParts } from "../thread_parts.ts";
import { DataRequests } from "./data_requests.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { PoolKernel, type PoolPlace } from "./pool_kernel.ts";

/** Nothing that it makes outlives a call. */
const NO_MEMORY = 0;

export class DataKernel extends PoolKernel {
  readonly requests: DataRequests;

  constructor(parts: ThreadParts, place: Omit<PoolPlace, "memoryPart">) {
    super(parts, { ...place, memoryPart: NO_MEMORY });
    this.requests = new DataRequests(this);
  }

  protected override receive(record: Int32Array): void {
    switch (record[M.KIND]) {
      case Message.FORGET_TASK:
        this.requests.forgetTask(record[M.SLOT]!);
        return;
      case Message.CLOSED:
        this.requests.closed(record[M.SLOT]!);
        return;
      default:
        throw new Error(`a message of kind ${record[M.KIND]} from thread 0`);
    }
  }
}
