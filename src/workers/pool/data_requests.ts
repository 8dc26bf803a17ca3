// What finds its way to a data thread: calls that stubs post to it, on files that thread 0 has lent. Whatever it does not
// serve itself is passed to thread 0.

import { nr } from "../../shared/abi/syscalls.ts";
import { POSTED_TO_MOVERS } from "../../shared/abi/unseen_calls.ts";
import { kindOf, sequenceOf } from "../../shared/ring/claims.ts";
import { RDI } from "../../shared/ring/layout.ts";
import { Request } from "../../shared/ring/slot_states.ts";
import type { Call } from "../call/call.ts";
import { Dispatcher } from "../call/dispatch.ts";
import { BorrowedFile } from "./borrowed_file.ts";
import { DATA_HANDLERS } from "./data_calls.ts";
import type { DataKernel } from "./data_kernel.ts";
import { DataTask } from "./data_task.ts";
import type { PoolRequests } from "./pool_kernel.ts";
import { ShownTraps } from "./shown_traps.ts";

export class DataRequests implements PoolRequests {
  readonly #kernel: DataKernel;
  readonly #dispatcher: Dispatcher<DataTask>;
  /** By slot number. */
  readonly #tasks: (DataTask | undefined)[] = [];
  /** By record. */
  readonly #files: (BorrowedFile | undefined)[] = [];
  readonly #served: ReadonlySet<number>;
  readonly #shown: ShownTraps;

  /** `every`: of the calls that trap here thread 0 is shown one in so many; 0: none. */
  constructor(kernel: DataKernel, every: number) {
    this.#kernel = kernel;
    this.#shown = new ShownTraps(every);
    this.#dispatcher = new Dispatcher(kernel, new Map(Object.entries(DATA_HANDLERS)));
    this.#served = new Set(POSTED_TO_MOVERS.map(nr));
  }

  serve(slot: number, request: number, nr: number): void {
    const kernel = this.#kernel;
    const { wakes } = kernel.slots;
    kernel.counters.requests++;
    if (!this.#goesOn(slot, request) && !this.#begins(slot, request, nr))
      kernel.passRequest(slot, request, nr);
    else if (kernel.slots.wakes === wakes) kernel.served();
    kernel.longTurns.served();
    if (kernel.nextSteps.any) kernel.nextSteps.run();
  }

  /** What a stub posts in the middle of a call here, or what the last one gave has not arrived: whether it was that. */
  #goesOn(slot: number, request: number): boolean {
    const task = this.#tasks[slot];
    if (task === undefined) return false;
    const { call } = task;
    const kind = kindOf(request);
    if (kind === Request.COPY_READY && call.expectsOutcome) {
      task.goOn(request);
      this.#attempt(call, () => call.posted());
      return true;
    }
    if (kind !== Request.OUT_FAULT || call.expectsOutcome) return false;
    call.takeBack(sequenceOf(request), call.nr);
    this.#attempt(call, () => call.outFaulted());
    return true;
  }

  #begins(slot: number, request: number, nr: number): boolean {
    const kernel = this.#kernel;
    const kind = kindOf(request);
    if (kind === Request.SYSCALL ? this.#shown.isNext() : kind !== Request.PATCHED) return false;
    if (!this.#served.has(nr) || !kernel.page.isRouted(nr)) return false;
    const file = this.fileOf(slot);
    if (file === null) return false;
    const task = this.#taskAt(slot);
    task.begin(request, nr, file);
    this.#attempt(task.call, () => this.#dispatcher.serve(task, nr));
    return true;
  }

  #taskAt(slot: number): DataTask {
    const known = this.#tasks[slot];
    if (known !== undefined) return known;
    const made = new DataTask(this.#kernel, slot);
    this.#tasks[slot] = made;
    return made;
  }

  /** What the descriptor of the call in a slot names, if nothing stands between that call and guest code; else null. */
  fileOf(slot: number): BorrowedFile | null {
    const kernel = this.#kernel;
    if (kernel.attention.get(slot) !== 0 || kernel.filesAreWatched) return null;
    const record = kernel.records.find(slot, kernel.slots.word(slot, RDI));
    if (record < 0) return null;
    const file = this.#fileAt(record);
    return file.begin() ? file : null;
  }

  #fileAt(record: number): BorrowedFile {
    const known = this.#files[record];
    if (known?.isCurrent === true) return known;
    const made = new BorrowedFile(this.#kernel, record);
    this.#files[record] = made;
    return made;
  }

  #attempt(call: Call, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.onThrow(call, error);
    }
  }

  /** The slot was closed. */
  closed(slot: number): void {
    this.#tasks[slot]?.end();
    this.#tasks[slot] = undefined;
  }

  /** Nothing waits here: what would is thread 0's. */
  tasks(): DataTask[] {
    return [];
  }

  onThrow(call: Call, error: unknown): void {
    this.#kernel.throws.inCall(call, error);
  }
}
