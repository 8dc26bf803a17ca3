// Opening a file for execution: found by a path walk, a regular file with an x bit that the credentials
// may use, on a mount that allows it. What is mapped comes from the file itself.

import { EACCES, EIO, ELOOP } from "../../shared/abi/errno.ts";
import { AT_FDCWD } from "../../shared/abi/fcntl.ts";
import { MS_NOEXEC } from "../../shared/abi/mount.ts";
import { S_IFLNK, S_IFREG } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import type { Mapped } from "../mem/vma.ts";
import type { VfsContext } from "../vfs/context.ts";
import type { MappedFile } from "../vfs/file.ts";
import type { Inode } from "../vfs/inode.ts";
import { contextOf, lookupTarget, startOf } from "../vfs/lookup.ts";
import { closeMapped, readMapped } from "../vfs/mapped_file.ts";
import { Path } from "../vfs/path.ts";
import { FileTarget, type WalkContext, walkPath } from "../vfs/path_walk.ts";
import { MAY_EXEC, permission } from "../vfs/permission.ts";
import type { Executable, OpenExecutable } from "./exec.ts";
import type { Task } from "./task.ts";

class MappedExecutable implements Executable {
  readonly backing: Mapped;
  readonly hostFd: number;
  readonly path: Path;
  readonly #kernel: VfsContext;
  readonly #file: MappedFile;
  readonly #inode: Inode;

  constructor(kernel: VfsContext, file: MappedFile, path: Path) {
    this.#kernel = kernel;
    this.#file = file;
    this.backing = file.backing;
    this.hostFd = file.hostFd;
    this.path = path;
    this.#inode = path.inode;
  }

  read(offset: number, length: number): Uint8Array | number {
    return readMapped(this.#kernel.native, this.#file, offset, length);
  }

  close(): void {
    this.#inode.allowWriteAccess();
    closeMapped(this.#kernel.native, this.#file);
  }
}

/** Opens an executable below `start`; an Executable or a negative errno. */
export function openExecutable(context: WalkContext, start: Path, name: string): Executable | number {
  const found = walkPath(context, start, name, { follow: true });
  if (typeof found === "number") return found;
  return found instanceof FileTarget ? -EACCES : openPlace(context, found);
}

function openPlace({ kernel, credentials }: WalkContext, found: Path): Executable | number {
  const { inode, mount } = found;
  if (inode.type !== S_IFREG || (mount.flags & MS_NOEXEC) !== 0) return -EACCES;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  const error = permission(credentials, attributes, MAY_EXEC);
  if (error < 0) return error;
  const busy = inode.denyWriteAccess();
  if (busy < 0) return busy;
  const file = inode.open(0, credentials);
  if (typeof file === "number") {
    inode.allowWriteAccess();
    return file;
  }
  file.path = found; // by which maps names it
  const mapped = file.map(false);
  file.release();
  if (typeof mapped === "number") {
    inode.allowWriteAccess();
    return mapped === NOT_AT_HAND ? mapped : -EIO;
  }
  return new MappedExecutable(kernel, mapped, found);
}

/** As execveat(2) names it: below a descriptor, or with AT_EMPTY_PATH the descriptor's own file. */
export function openExecutableAt(
  task: Task,
  dirfd: number,
  name: string,
  flags: number,
): Executable | number {
  const target = lookupTarget(task, dirfd, name, flags);
  if (typeof target === "number") return target;
  const place = target instanceof Path ? target : target.path;
  if (place === null) return -EACCES;
  return place.inode.type === S_IFLNK ? -ELOOP : openPlace(contextOf(task), place);
}

export function executableOpener(task: Task): OpenExecutable {
  return (name) => {
    const start = startOf(task, AT_FDCWD, name);
    return typeof start === "number" ? start : openExecutable(contextOf(task), start, name);
  };
}
