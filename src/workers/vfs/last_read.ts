// What the last read of a task gave, for the case that it cannot be delivered (docs/hardening.md, F20). One for each
// task, so that a read makes no closure: the reply to a call comes before the next call.

import { EFAULT } from "../../shared/abi/errno.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Caller } from "../call/caller.ts";
import { type OpenFile, OWN_OFFSET } from "./file.ts";

interface Reader extends Caller {
  readonly lastRead: LastRead;
}

export class LastRead {
  readonly #task: Caller;
  /** Keeps no file open, and no file keeps much once it is released. */
  #file: OpenFile | null = null;
  #length = 0;

  constructor(task: Caller) {
    this.#task = task;
  }

  /** A read at the file's own position gave so many bytes. */
  set(file: OpenFile, length: number): void {
    this.#file = file;
    this.#length = length;
  }

  /** What the call answers when only the first bytes have arrived. */
  readonly onFault = (copied: number): number => {
    const file = this.#file;
    if (file === null) return -EFAULT;
    const read = file.undelivered(this.#task, WINDOW, this.#length, Math.min(copied, this.#length));
    return read > 0 ? read : -EFAULT;
  };
}

/** The same of a read at a position that was given: nothing has to be taken back. */
export function onPositionedFault(copied: number): number {
  return copied > 0 ? copied : -EFAULT;
}

/** So many bytes, which stand in the window, go to one buffer of the guest's. */
export function delivers(task: Reader, file: OpenFile, address: number, n: number, position: number): void {
  const { call, lastRead } = task;
  call.outAt(address, n, WINDOW);
  if (position === OWN_OFFSET) {
    lastRead.set(file, n);
    call.outFault = lastRead.onFault;
  } else call.outFault = onPositionedFault;
}
