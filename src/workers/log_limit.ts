// How often a line of the log may come that a guest can cause: some in a row, and then one in a while for each
// message, which says how many were left out. No guest fills the host's disk.

const BURST = 20;
const INTERVAL_MS = 10_000;
/** Messages are constants of the program: this is never reached unless one is not. */
const MESSAGES_MAX = 256;

interface Kind {
  /** Lines that may come at once. */
  left: number;
  /** When one more may. */
  nextMs: number;
  omitted: number;
}

export class LogLimit {
  readonly #kinds = new Map<string, Kind>();

  /** Lines of that message that were left out before this one, or -1: this one is left out as well. */
  admit(message: string, nowMs: number): number {
    const kind = this.#kindOf(message, nowMs);
    const earned = Math.floor((nowMs - kind.nextMs) / INTERVAL_MS) + 1;
    if (earned > 0) {
      kind.left = Math.min(BURST, kind.left + earned);
      kind.nextMs += earned * INTERVAL_MS;
    }
    if (kind.left === 0) {
      kind.omitted++;
      return -1;
    }
    kind.left--;
    const { omitted } = kind;
    kind.omitted = 0;
    return omitted;
  }

  #kindOf(message: string, nowMs: number): Kind {
    const key = this.#kinds.has(message) || this.#kinds.size < MESSAGES_MAX ? message : "";
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const made = { left: BURST, nextMs: nowMs + INTERVAL_MS, omitted: 0 };
    this.#kinds.set(key, made);
    return made;
  }
}
