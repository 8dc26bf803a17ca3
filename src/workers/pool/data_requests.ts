// What finds its way to a data thread: calls that stubs post to it. Whatever it does not serve itself is passed to
// thread 0.

import type { Call } from "../call/call.ts";
import type { DataKernel } from "./data_kernel.ts";
import type { PoolRequests } from "./pool_kernel.ts";

export class DataRequests implements PoolRequests {
  readonly #kernel: DataKernel;

  constructor(kernel: DataKernel) {
    this.#kernel = kernel;
  }

  serve(slot: number, request: number, nr: number): void {
    const kernel = this.#kernel;
    kernel.counters.requests++;
    kernel.passRequest(slot, request, nr);
    kernel.longTurns.served();
    if (kernel.nextSteps.any) kernel.nextSteps.run();
  }

  /** Who makes calls in the slot is to be told anew. */
  forgetTask(_slot: number): void {}

  /** The slot was closed. */
  closed(_slot: number): void {}

  onThrow(call: Call, error: unknown): void {
    this.#kernel.throws.inCall(call, error);
  }
}
