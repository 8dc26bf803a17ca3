// An open regular file of a gofer file system: a host descriptor with no more access than the guest's, that
// is read and written at positions which the kernel keeps. What the host's page cache has is read at once.

import { EAGAIN, EFBIG, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { O_APPEND } from "../../shared/abi/fcntl.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Task } from "../supervisor/task.ts";
import { withoutPrivileges } from "../vfs/permission.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import { allowedLength } from "../vfs/size_limit.ts";
import type { GoferInode } from "./gofer_inode.ts";

export class GoferFile extends SeekableFile {
  readonly #inode: GoferInode;
  readonly #fd: number;
  #nowait = true;

  /** Owns the host descriptor. */
  constructor(inode: GoferInode, fd: number, flags: number) {
    super(inode, flags);
    this.#inode = inode;
    this.#fd = fd;
    inode.opened(fd);
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

  override pwrite(task: Task, offset: number, length: number, position: number): number {
    const { native } = task.kernel;
    this.#inode.changed();
    const before = this.#inode.attributes();
    if (typeof before === "number") return before;
    const at = (this.flags & O_APPEND) !== 0 ? before.size : position;
    const allowed = allowedLength(task, at, length);
    if (allowed === 0 && length > 0) return -EFBIG;
    const mode = withoutPrivileges(task, before.mode);
    if (mode !== before.mode) this.#inode.setAttributes({ mode: mode & 0o7777 });
    const n = native.pwrite(this.#fd, task.chunk, task.base + offset, allowed, at);
    this.#inode.changed();
    return n;
  }

  override sync(): number {
    return this.writable ? this.#inode.fs.kernel.native.fsync(this.#fd, 0) : 0;
  }

  override size(): number {
    this.#inode.changed();
    return super.size();
  }

  protected override seekData(offset: number, whence: number): number {
    return this.#inode.fs.kernel.native.seek(this.#fd, offset, whence);
  }

  override allocate(task: Task, mode: number, position: number, length: number): number {
    this.#inode.changed();
    return task.kernel.native.fallocate(this.#fd, mode, position, length);
  }

  override map(writable: boolean): { backing: Mapped; hostFd: number; offset: number } | number {
    const hostFd = this.#inode.reopen(writable ? 2 : 0);
    if (hostFd < 0) return hostFd;
    const { fs, hostDev, hostIno, path } = this.#inode;
    return { backing: fs.mapped(hostDev, hostIno, path), hostFd, offset: 0 };
  }

  release(): void {
    this.#inode.closed(this.#fd);
    this.#inode.fs.kernel.native.close(this.#fd);
  }
}
