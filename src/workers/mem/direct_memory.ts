// Guest memory as sockets reach it in the middle of a call without the stub: what is longer than the window is copied by the
// kernel thread itself between guest memory and where a protocol keeps it, piece by piece (direct_copy.ts says which memory
// that may be). Nobody else runs before it is done.

import type { Caller } from "../call/caller.ts";
import { Iovecs } from "../iovecs.ts";
import type { Native } from "../native.ts";
import type { MemCaller } from "./caller.ts";
import { isDirectSource, isDirectTarget } from "./direct_copy.ts";

/** Of so many bytes a transfer takes at most. */
export const TRANSFER_MAX = 1 << 17;

/** Where bytes stand in the kernel's memory: arrays that do not move, what of each is meant, and how many there are. */
export interface KernelPieces {
  readonly count: number;
  readonly arrays: readonly Uint8Array[];
  readonly offsets: readonly number[];
  readonly lengths: readonly number[];
}

export class DirectMemory {
  readonly #iovecs: Iovecs;

  constructor(native: Native) {
    this.#iovecs = new Iovecs(native);
  }

  #list({ count, arrays, offsets, lengths }: KernelPieces): void {
    for (let i = 0; i < count; i++) this.#iovecs.put(i, arrays[i]!, offsets[i]!, lengths[i]!);
  }

  mayFetch(caller: Caller, address: number, length: number): boolean {
    // Callers of the kernel thread that has processes are tasks.
    return isDirectSource(caller as MemCaller, address, length);
  }

  /** Fills the pieces, so many bytes in all, from guest memory; false: it has to come by the window. */
  fetch(caller: Caller, address: number, length: number, pieces: KernelPieces): boolean {
    const { stub, kernel } = caller as MemCaller;
    this.#list(pieces);
    return kernel.native.fillPieces(stub.pid, address, length, pieces.count) === length;
  }

  mayDeliver(caller: Caller, address: number, length: number): boolean {
    return isDirectTarget(caller as MemCaller, address, length);
  }

  /** Copies the pieces, so many bytes in all, to guest memory: how many bytes have arrived. */
  deliver(caller: Caller, address: number, length: number, pieces: KernelPieces): number {
    const { stub, kernel } = caller as MemCaller;
    this.#list(pieces);
    return Math.max(0, kernel.native.emptyPieces(stub.pid, address, length, pieces.count));
  }

  /**
   * Receives from a stream of the host's, by way of an array: how many bytes have come, or a negative errno. How many of them
   * have arrived is the first of the scratch area's words; the others are in the array.
   */
  receive(caller: Caller, fd: number, address: number, length: number, by: Uint8Array): number {
    const { stub, kernel } = caller as MemCaller;
    return kernel.native.receiveTo(fd, stub.pid, address, length, by);
  }

  /** Sends to a stream of the host's, by way of an array: how many bytes it has taken; -EFAULT: they have to come by the window. */
  send(caller: Caller, fd: number, address: number, length: number, by: Uint8Array): number {
    const { stub, kernel } = caller as MemCaller;
    return kernel.native.sendFrom(fd, stub.pid, address, length, by);
  }
}
