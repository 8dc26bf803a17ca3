// Numbers of the descriptors that a stub is given, for the length of one list or for as long as its guest has the file open
// (kept_files.ts). While it is there a sibling thread can map and read it, too (F1), so that none may be left behind: whoever
// drops its privileges later, or is forked by who had them, would have the file still.

import { DONATED_FD, DOORBELL_FD } from "../../shared/ring/layout.ts";

export class Donations {
  readonly #used = new Set<number>();

  /** A number that is nobody's until end(); -1: there is none. */
  begin(): number {
    for (let fd = DONATED_FD; fd < DOORBELL_FD; fd++)
      if (!this.#used.has(fd)) {
        this.#used.add(fd);
        return fd;
      }
    return -1;
  }

  /** A number that a fork has brought along. */
  take(fd: number): void {
    this.#used.add(fd);
  }

  /** It is closed. */
  end(fd: number): void {
    this.#used.delete(fd);
  }
}
