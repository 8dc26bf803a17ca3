// An open regular file of a gofer file system: a host descriptor that is read at positions which the
// kernel keeps. What the host's page cache has is read at once.

import { EAGAIN, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Task } from "../supervisor/task.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import type { GoferInode } from "./gofer_fs.ts";

export class GoferFile extends SeekableFile {
  readonly #inode: GoferInode;
  readonly #fd: number;
  #nowait = true;

  constructor(inode: GoferInode, fd: number, flags: number) {
    super(inode, flags);
    this.#inode = inode;
    this.#fd = fd;
  }

  override pread(task: Task, offset: number, length: number, position: number): number {
    const { native } = task.kernel;
    const at = task.base + offset;
    if (this.#nowait) {
      const n = native.preadNowait(this.#fd, task.chunk, at, length, position);
      if (n === -EOPNOTSUPP) this.#nowait = false;
      else if (n !== -EAGAIN) return n;
    }
    return native.pread(this.#fd, task.chunk, at, length, position);
  }

  override map(writable: boolean): { backing: Mapped; hostFd: number; offset: number } | number {
    const hostFd = this.#inode.reopen(writable ? 2 : 0);
    if (hostFd < 0) return hostFd;
    const { fs, hostDev, hostIno, path } = this.#inode;
    return { backing: fs.mapped(hostDev, hostIno, path), hostFd, offset: 0 };
  }

  release(): void {
    this.#inode.fs.kernel.native.close(this.#fd);
  }
}
