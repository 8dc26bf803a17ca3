// Readiness: what poll, and calls that wait for a file, subscribe to. An entry is woken with the
// events that came (POLLIN, ...) and looks at the file again itself.

export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLNVAL = 0x020;
export const POLLRDNORM = 0x040;
export const POLLWRNORM = 0x100;

export interface WaitEntry {
  /** Events that wake it; POLLERR and POLLHUP always do. */
  readonly events: number;
  /** Of such entries one is woken at a time: the first that does not answer false. */
  readonly exclusive?: boolean;
  wake(events: number): boolean | void;
}

export class WaitQueue {
  readonly #entries = new Set<WaitEntry>();

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** Events that some entry waits for. */
  get interest(): number {
    let events = 0;
    for (const entry of this.#entries) events |= entry.events;
    return events;
  }

  add(entry: WaitEntry): void {
    this.#entries.add(entry);
  }

  remove(entry: WaitEntry): void {
    this.#entries.delete(entry);
  }

  wake(events: number): void {
    if (this.#entries.size === 0) return;
    let one = false;
    // An entry may remove itself, or others, while it is woken.
    for (const entry of [...this.#entries]) {
      if ((entry.events & events) === 0 && (events & (POLLERR | POLLHUP)) === 0) continue;
      if (!this.#entries.has(entry) || (one && entry.exclusive === true)) continue;
      if (entry.wake(events) !== false && entry.exclusive === true) one = true;
    }
  }
}
