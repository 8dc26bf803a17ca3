// Numbers of the descriptors that a stub is given, each for the length of one list: to map a file. While it is there a sibling
// thread can map it, too (F1), so that no list may leave one behind: whoever drops its privileges later, or is forked by who
// had them, would have the file still.

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

  /** The list has ended, and has closed it. */
  end(fd: number): void {
    this.#used.delete(fd);
  }
}
