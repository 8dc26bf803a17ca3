// eventfd(2): a counter of 64 bits in two words; reading takes it, writing adds to it.

import { EAGAIN, EINVAL } from "../../../shared/abi/errno.ts";
import { O_RDWR } from "../../../shared/abi/fcntl.ts";
import { EFD_SEMAPHORE, POLLERR, POLLIN, POLLOUT } from "../../../shared/abi/poll.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import { AnonymousFile } from "./anonymous_file.ts";

const SIZE = 8;
const WORD = 0x100000000;
const ALL = 0xffffffff;

export class EventFile extends AnonymousFile {
  protected readonly kind = "[eventfd]";
  readonly #semaphore: boolean;
  #low: number;
  #high = 0;
  readonly #id: number;

  constructor(kernel: VfsContext, initial: number, flags: number, status: number) {
    super(kernel, O_RDWR | status);
    this.#semaphore = (flags & EFD_SEMAPHORE) !== 0;
    this.#low = initial >>> 0;
    this.#id = kernel.anonymous.nextEventId();
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    if (length < SIZE) return -EINVAL;
    if (this.#low === 0 && this.#high === 0) return -EAGAIN;
    const one = this.#semaphore;
    task.call.view.setUint32(task.call.base + offset, one ? 1 : this.#low, true);
    task.call.view.setUint32(task.call.base + offset + 4, one ? 0 : this.#high, true);
    if (!one) this.#low = this.#high = 0;
    else if (this.#low > 0) this.#low--;
    else {
      this.#low = ALL;
      this.#high--;
    }
    this.waiters.wake(POLLOUT);
    return SIZE;
  }

  /** Adds to it, for who does not wait: up to 2^64 - 1, which no write comes to, and which polls tell as an error. */
  add(count: number): void {
    const sum = this.#low + count;
    if (sum < WORD) this.#low = sum;
    else if (this.#high === ALL) this.#low = ALL;
    else {
      this.#low = sum % WORD;
      this.#high++;
    }
    this.waiters.wake(POLLIN);
  }

  override write(task: VfsCaller, offset: number, length: number): number {
    if (length !== SIZE) return -EINVAL;
    const low = task.call.view.getUint32(task.call.base + offset, true);
    const high = task.call.view.getUint32(task.call.base + offset + 4, true);
    if (low === ALL && high === ALL) return -EINVAL;
    const sum = this.#low + low;
    const top = this.#high + high + (sum >= WORD ? 1 : 0);
    // The counter stays below 2^64 - 1.
    if (top > ALL || (top === ALL && sum % WORD === ALL)) return -EAGAIN;
    this.#low = sum % WORD;
    this.#high = top;
    if (this.#low !== 0 || this.#high !== 0) this.waiters.wake(POLLIN);
    return SIZE;
  }

  override info(): Iterable<string> {
    const [high, low] = [this.#high.toString(16), this.#low.toString(16)];
    const count = this.#high === 0 ? low : high + low.padStart(8, "0");
    const semaphore = Number(this.#semaphore);
    return [
      `eventfd-count: ${count.padStart(16)}\neventfd-id: ${this.#id}\neventfd-semaphore: ${semaphore}\n`,
    ];
  }

  poll(): number {
    let events = 0;
    if (this.#low !== 0 || this.#high !== 0) events |= POLLIN;
    if (this.#high === ALL && this.#low === ALL) events |= POLLERR;
    if (this.#high < ALL || this.#low < ALL - 1) events |= POLLOUT;
    return events;
  }
}
