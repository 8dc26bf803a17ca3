// Readiness: what poll, and calls that wait for a file, subscribe to. An entry is woken with the
// events that came (POLLIN, ...) and looks at the file again itself.

import { POLLERR, POLLHUP } from "../../shared/abi/poll.ts";

export interface WaitEntry {
  /** Events that wake it; POLLERR and POLLHUP always do. */
  readonly events: number;
  /** Of such entries one is woken at a time: the first that does not answer false. */
  readonly exclusive?: boolean;
  wake(events: number): unknown;
}

export class WaitQueue {
  readonly #entries = new Set<WaitEntry>();
  /** Entries of epoll sets: woken before the others, the last one first, which shows in epoll_wait. */
  readonly #lasting = new Set<WaitEntry>();

  get empty(): boolean {
    return this.#entries.size === 0 && this.#lasting.size === 0;
  }

  add(entry: WaitEntry): void {
    this.#entries.add(entry);
  }

  /** Adds an entry that stays for many wake-ups. */
  addLasting(entry: WaitEntry): void {
    this.#lasting.add(entry);
  }

  remove(entry: WaitEntry): void {
    if (!this.#entries.delete(entry)) this.#lasting.delete(entry);
  }

  wake(events: number): void {
    if (this.#lasting.size > 0) wakeEach([...this.#lasting].reverse(), this.#lasting, events);
    if (this.#entries.size > 0) wakeEach([...this.#entries], this.#entries, events);
  }
}

// An entry may remove itself, or others, while it is woken: from `members`.
function wakeEach(entries: readonly WaitEntry[], members: ReadonlySet<WaitEntry>, events: number): void {
  let one = false;
  for (const entry of entries) {
    if ((entry.events & events) === 0 && (events & (POLLERR | POLLHUP)) === 0) continue;
    if (!members.has(entry) || (one && entry.exclusive === true)) continue;
    if (entry.wake(events) !== false && entry.exclusive === true) one = true;
  }
}
