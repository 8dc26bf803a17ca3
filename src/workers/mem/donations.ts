// Descriptors of files that a stub is given, to map them. To give one costs a notification, two wake-ups; programs map a file
// several times in a row, each library in four pieces: so one for reading stays, and the next mapping of the same file finds it
// there. A process could map it anew behind the kernel's back, as it could while it was given (F1): it is the guest's own.
//
// It goes when the guest unmaps a file that it has closed, or has mapped others since. It does not count for longer than
// attributes are believed, nor when the file was changed: in an overlay of the host's it would be another file's.

import { DONATED_FD, DOORBELL_FD } from "../../shared/ring/layout.ts";
import { BELIEVED_NS } from "../vfs/believed.ts";
import type { Changing } from "../vfs/file.ts";
import type { Mapped } from "./vma.ts";

/** That stay. */
const KEPT_MAX = 2;

/** A number there that is in use. */
export interface Given {
  readonly fd: number;
  /** Lists under way that it stands in. */
  users: number;
  /** What it is kept for; null: for nobody. */
  kept: Kept | null;
}

interface Kept {
  readonly file: Changing;
  readonly backing: Mapped;
  readonly changeCount: number;
  readonly untilNs: number;
}

/** A stub's. What begins with begin() or close() ends with end(), when the list has ended. */
export class Donations {
  /** Those that were given first, first. */
  readonly #given: Given[] = [];

  /** The number by which a file is to be mapped; it is to be given if it is kept for nobody. Null: all are in use. */
  begin(file: Changing | undefined, nowNs: number): Given | null {
    const known = file === undefined ? undefined : this.#given.find(({ kept }) => isOf(kept, file, nowNs));
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const fd = this.#free();
    if (fd < 0) return null;
    const given: Given = { fd, users: 1, kept: null };
    this.#given.push(given);
    return given;
  }

  /** It is open there, and stays so. */
  keep(given: Given, file: Changing, backing: Mapped, nowNs: number): void {
    given.kept = { file, backing, changeCount: file.changeCount, untilNs: nowNs + BELIEVED_NS };
  }

  /** One that stays no longer, beside those that the mapping of a further file needs. Null: there is none. */
  closeOldest(): Given | null {
    const kept = this.#given.filter((given) => given.kept !== null);
    return kept.length < KEPT_MAX ? null : this.#close(kept.find(({ users }) => users === 0));
  }

  /** That of what is about to be unmapped, where no file is open that it needs. Null: there is none. */
  closeUnneeded(backing: object | null): Given | null {
    if (backing === null) return null;
    return this.#close(
      this.#given.find(
        ({ kept, users }) => users === 0 && kept !== null && kept.backing === backing && !kept.file.isOpen,
      ),
    );
  }

  /** The list has ended. */
  end(given: Given): void {
    if (--given.users > 0 || given.kept !== null) return;
    this.#given.splice(this.#given.indexOf(given), 1);
  }

  // Its number is nobody else's until the list that closes it has ended.
  #close(given: Given | undefined): Given | null {
    if (given === undefined) return null;
    given.kept = null;
    given.users++;
    return given;
  }

  #free(): number {
    for (let fd = DONATED_FD; fd < DOORBELL_FD; fd++)
      if (this.#given.every((given) => given.fd !== fd)) return fd;
    return -1;
  }
}

function isOf(kept: Kept | null, file: Changing, nowNs: number): boolean {
  return kept?.file === file && kept.changeCount === file.changeCount && nowNs < kept.untilNs;
}
