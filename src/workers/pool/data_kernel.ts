// The kernel of a data thread: it serves calls that are about bytes alone, and has nothing that lasts.

import { OpenRecords } from "../../shared/ring/open_records.ts";
import { CONTROL_MOVED, CONTROL_WORDS } from "../../shared/ring/private_sab.ts";
import type { ThreadParts } from "../thread_parts.ts";
import type { BorrowedFile } from "./borrowed_file.ts";
import { DataRequests } from "./data_requests.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { MoverPlacement } from "./mover_placement.ts";
import { PoolKernel, type PoolPlace } from "./pool_kernel.ts";

export class DataKernel extends PoolKernel {
  readonly requests: DataRequests;
  readonly records: OpenRecords;
  override readonly placement = new MoverPlacement(this);
  readonly #movers: Int32Array;
  readonly #control: Int32Array;

  /** `every`: of the calls that trap thread 0 is shown one in so many; 0: none. */
  constructor(parts: ThreadParts, place: PoolPlace, every: number) {
    super(parts, place);
    this.records = new OpenRecords(parts.sab, this.thread);
    this.#movers = parts.sab.movers;
    this.#control = parts.sab.control;
    this.requests = new DataRequests(this, every);
  }

  /** It has served a call whose stub did not sleep over it: thread 0 counts on those. */
  served(): void {
    const at = this.thread * CONTROL_WORDS + CONTROL_MOVED;
    this.#control[at] = (this.#control[at]! + 1) | 0;
  }

  fileOf(slot: number): BorrowedFile | null {
    return this.requests.fileOf(slot);
  }

  /** Somebody is to be told of what is read and written, which is thread 0's to do. */
  get filesAreWatched(): boolean {
    return this.#movers[0] !== 0;
  }

  /** Thread 0 is told that the position of a file is free, which it has waited for. */
  positionFree(open: number): void {
    const record = this.record(Message.POSITION_FREE);
    record[M.RECORD] = open;
    this.sendBack();
  }

  protected override receive(record: Int32Array): void {
    switch (record[M.KIND]) {
      case Message.CLOSED:
        this.requests.closed(record[M.SLOT]!);
        return;
      default:
        throw new Error(`a message of kind ${record[M.KIND]} from thread 0`);
    }
  }
}
