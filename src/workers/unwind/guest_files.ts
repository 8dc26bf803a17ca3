// Files that guests have mapped, as whoever looks for symbols or frames reads them: opened when they are first asked for, since the process
// may be gone when they are read, and kept until they are let go. Each holds a descriptor of the host's; there are not many.

import { S_IFREG } from "../../shared/abi/stat.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Vdso } from "../mem/vdso.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Native } from "../native.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import type { MappedFile } from "../vfs/file.ts";
import { contextOf } from "../vfs/lookup.ts";
import { closeMapped, readMapped } from "../vfs/mapped_file.ts";
import { FileTarget, walkPath } from "../vfs/path_walk.ts";

const FILES_MAX = 64;

export interface GuestFilesContext {
  readonly native: Native;
  readonly rootCredentials: Credentials;
  readonly vdso: Vdso;
}

export class GuestFile {
  readonly number: number;
  readonly #native: Native;
  /** Null: it cannot be read, or not any more. */
  #mapped: MappedFile | null;
  readonly #isOurs: boolean;

  /** `isOurs`: the descriptor is one of the kernel's own, and stays open. */
  constructor(number: number, native: Native, mapped: MappedFile | null, isOurs: boolean) {
    this.number = number;
    this.#native = native;
    this.#mapped = mapped;
    this.#isOurs = isOurs;
  }

  get isReadable(): boolean {
    return this.#mapped !== null;
  }

  readonly read = (offset: number, length: number): Uint8Array | null => {
    if (this.#mapped === null) return null;
    const bytes = readMapped(this.#native, this.#mapped, offset, length);
    return typeof bytes === "number" ? null : bytes;
  };

  close(): void {
    if (this.#mapped !== null && !this.#isOurs) closeMapped(this.#native, this.#mapped);
    this.#mapped = null;
  }
}

export class GuestFiles {
  readonly #kernel: GuestFilesContext;
  readonly #files = new Map<number, GuestFile>();

  constructor(kernel: GuestFilesContext) {
    this.#kernel = kernel;
  }

  /** What is mapped for a task; null: there are too many. */
  of(task: VfsCaller, backing: Mapped): GuestFile | null {
    const known = this.#files.get(backing.id);
    if (known !== undefined) return known;
    const number = this.#files.size;
    if (number >= FILES_MAX) return null;
    const { native, vdso } = this.#kernel;
    const isOurs = backing === vdso.backing;
    const mapped = isOurs ? { backing, hostFd: vdso.hostFd, offset: 0 } : this.#open(task, backing);
    const file = new GuestFile(number, native, mapped, isOurs);
    this.#files.set(backing.id, file);
    return file;
  }

  /** What is mapped may have no name any more, and what has its name may be another file. */
  #open(task: VfsCaller, backing: Mapped): MappedFile | null {
    if (backing.isSlow === true || !backing.path.startsWith("/")) return null;
    const { native } = this.#kernel;
    const { kernel } = task;
    const { current } = kernel;
    // On nobody's behalf: where the host would take its time, there is no answer.
    kernel.current = null;
    try {
      const found = walkPath(contextOf(task), task.fs.root, backing.path, { follow: true });
      if (typeof found === "number" || found instanceof FileTarget) return null;
      // To open anything else may be to do something.
      if (found.inode.type !== S_IFREG) return null;
      const file = found.inode.open(0, this.#kernel.rootCredentials);
      if (typeof file === "number") return null;
      const mapped = file.map(false);
      file.release();
      if (typeof mapped === "number") return null;
      if (mapped.backing.id === backing.id && mapped.slow === undefined) return mapped;
      closeMapped(native, mapped);
      return null;
    } finally {
      kernel.current = current;
    }
  }

  /** Lets all of them go. */
  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }
}
