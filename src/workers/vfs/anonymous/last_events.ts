// What the last epoll_wait of a task has reported, for the case that it cannot be delivered (docs/hardening.md, F20).
// As last_read.ts, one for each task; of many events it would keep too much alive, so those have an object each time.

import { EFAULT } from "../../../shared/abi/errno.ts";
import { epoll_event } from "../../../shared/abi/structs.ts";
import { type EpollFile, Reported } from "./epoll.ts";

export class LastEvents {
  static readonly MAX = 4;
  readonly reported = new Reported();
  #epoll: EpollFile | null = null;
  #count = 0;

  set(epoll: EpollFile, count: number): void {
    this.#epoll = epoll;
    this.#count = count;
  }

  /** What the call answers when only the first bytes have arrived. */
  readonly onFault = (copied: number): number =>
    this.#epoll === null ? -EFAULT : takeBack(this.#epoll, this.reported, this.#count, copied);
}

export function takeBack(epoll: EpollFile, reported: Reported, count: number, copied: number): number {
  const delivered = Math.min(Math.floor(copied / epoll_event.size), count);
  epoll.takeBack(reported, delivered, count);
  return delivered > 0 ? delivered : -EFAULT;
}
