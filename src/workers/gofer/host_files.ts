// What mounts of the host's files know of each other: two of them may show the same file (the volumes of a pod's
// containers do, and mounts of one container that overlap). Each believes for a while what the host has told; what is
// changed by one of them is seen by all at once.

import type { Mapped } from "../mem/vma.ts";
import type { LentInode } from "../vfs/loan.ts";
import { ByFile } from "./by_file.ts";

/** Counts the times that a file, or the names of a directory, were changed from within. */
export interface FileChanges {
  count: number;
  /** Other kernel threads write to it; null: none does. */
  lent: LentInode | null;
}

const none = (): FileChanges => ({ count: 0, lent: null });

export class HostFiles {
  readonly #mapped = new ByFile<Mapped>();
  readonly #changes = new ByFile<FileChanges>();

  /** What mappings of a file have in common, futexes in them for one; `make` gives it if there is none. */
  mapped(dev: number, ino: number, make: () => Mapped): Mapped {
    return this.#mapped.get(dev, ino, make);
  }

  changes(dev: number, ino: number): FileChanges {
    return this.#changes.get(dev, ino, none);
  }
}
