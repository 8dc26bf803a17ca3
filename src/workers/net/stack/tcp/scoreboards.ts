// The scoreboards of a stack's connections. One that has nothing under way has none of its own, so that an idle connection is
// small; what it gives back is the next one's.

import { EntriesPool } from "./entries.ts";
import { Scoreboard } from "./scoreboard.ts";

const KEPT_MAX = 256;

export class Scoreboards {
  readonly #entries = new EntriesPool();
  readonly #free: Scoreboard[] = [];
  /** Of all that have nothing under way: nothing is ever noted there. */
  readonly empty = new Scoreboard(this.#entries);

  take(): Scoreboard {
    return this.#free.pop() ?? new Scoreboard(this.#entries);
  }

  /** One that has nothing in it. */
  put(board: Scoreboard): void {
    if (this.#free.length < KEPT_MAX) this.#free.push(board);
  }
}
