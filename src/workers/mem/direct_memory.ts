// Guest memory as sockets reach it in the middle of a call without the stub: what is longer than the window goes through one
// buffer, which the kernel thread itself fills from guest memory, or empties to it (direct_copy.ts says which memory that
// may be). Whoever uses the buffer is done with it before anybody else runs.

import type { Caller } from "../call/caller.ts";
import type { MemCaller } from "./caller.ts";
import { isDirectSource, isDirectTarget } from "./direct_copy.ts";

const STAGING = 1 << 17;

export class DirectMemory {
  #staging: Uint8Array | null = null;

  /** Of so many bytes a transfer takes at most. */
  get staging(): Uint8Array {
    this.#staging ??= new Uint8Array(STAGING);
    return this.#staging;
  }

  /** Fills the staging buffer from guest memory; false: it has to come by the window. */
  fetch(caller: Caller, address: number, length: number): boolean {
    // Callers of the kernel thread that has processes are tasks.
    const task = caller as MemCaller;
    if (!isDirectSource(task, address, length)) return false;
    const { native } = task.kernel;
    return native.copyFrom(task.stub.pid, address, this.staging, 0, length) === length;
  }

  mayDeliver(caller: Caller, address: number, length: number): boolean {
    return isDirectTarget(caller as MemCaller, address, length);
  }

  /** Empties the staging buffer to guest memory: how many bytes have arrived. */
  deliver(caller: Caller, address: number, length: number): number {
    const task = caller as MemCaller;
    return Math.max(0, task.kernel.native.copyTo(task.stub.pid, address, this.staging, 0, length));
  }
}
