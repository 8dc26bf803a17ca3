// Descriptors that a stub was given and has still. To give one costs a notification, two wake-ups; programs map a file several
// times in a row, each library in four pieces: so the next mapping of the same file finds it there. A process could map it
// anew behind the kernel's back, as it could while it was given (F1): it is the guest's own, for reading.
//
// It goes when the guest unmaps a file that it has closed, or another file is given under its number. It does not count for longer than
// attributes are believed, nor when the file was changed: in an overlay of the host's it would be another file's.

import { DONATED_FD } from "../../shared/ring/layout.ts";
import { BELIEVED_NS } from "../vfs/believed.ts";
import type { Changing } from "../vfs/file.ts";
import type { Mapped } from "./vma.ts";

interface Kept {
  readonly file: Changing;
  readonly backing: Mapped;
  readonly changeCount: number;
  readonly untilNs: number;
}

/** A stub's, by their numbers there. */
export class Donations {
  readonly #kept: (Kept | null)[] = [];

  /** Whether this file's can be mapped by that number. */
  has(fd: number, file: Changing, nowNs: number): boolean {
    const kept = this.#kept[fd - DONATED_FD] ?? null;
    return kept?.file === file && kept.changeCount === file.changeCount && nowNs < kept.untilNs;
  }

  /** What was mapped by that number and is not open otherwise; null: nothing is. */
  unneeded(fd: number): Mapped | null {
    const kept = this.#kept[fd - DONATED_FD] ?? null;
    return kept === null || kept.file.isOpen ? null : kept.backing;
  }

  keep(fd: number, file: Changing, backing: Mapped, nowNs: number): void {
    const { changeCount } = file;
    this.#kept[fd - DONATED_FD] = { file, backing, changeCount, untilNs: nowNs + BELIEVED_NS };
  }

  /** It is closed, or another's. */
  forget(fd: number): void {
    if (fd - DONATED_FD < this.#kept.length) this.#kept[fd - DONATED_FD] = null;
  }
}
