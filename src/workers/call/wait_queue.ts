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
  // Made when somebody waits: most files are closed before anybody has.
  #entries: Set<WaitEntry> | null = null;
  /** Entries of epoll sets: woken before the others, the last one first, which shows in epoll_wait. */
  #lasting: Set<WaitEntry> | null = null;

  get empty(): boolean {
    return (this.#entries?.size ?? 0) === 0 && (this.#lasting?.size ?? 0) === 0;
  }

  add(entry: WaitEntry): void {
    this.#entries ??= new Set();
    this.#entries.add(entry);
  }

  /** Adds an entry that stays for many wake-ups. */
  addLasting(entry: WaitEntry): void {
    this.#lasting ??= new Set();
    this.#lasting.add(entry);
  }

  remove(entry: WaitEntry): void {
    if (this.#entries?.delete(entry) !== true) this.#lasting?.delete(entry);
  }

  wake(events: number): void {
    const lasting = this.#lasting;
    if (lasting !== null && lasting.size > 0) wakeAll(lasting, events, true);
    const entries = this.#entries;
    if (entries !== null && entries.size > 0) wakeAll(entries, events, false);
  }
}

function wakeAll(members: ReadonlySet<WaitEntry>, events: number, lastFirst: boolean): void {
  if (members.size > 1) {
    wakeEach(lastFirst ? [...members].reverse() : [...members], members, events);
    return;
  }
  for (const only of members) {
    if ((only.events & events) !== 0 || (events & (POLLERR | POLLHUP)) !== 0) only.wake(events);
    return;
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
