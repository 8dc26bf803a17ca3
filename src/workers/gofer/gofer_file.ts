// An open regular file of a gofer file system: a host descriptor with no more access than the guest's, that
// is read and written at positions which the kernel keeps. What the host's page cache has is read at once.

import { EAGAIN, EFAULT, EFBIG, EIO, ENOSPC, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_APPEND, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import type { Coroutine } from "../call/call.ts";
import { OperationList, SYS_fdatasync, SYS_fsync } from "../call/operation_list.ts";
import { giveToKeep, mayKeep } from "../mem/given_file.ts";
import type { Mapped } from "../mem/vma.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { type MappedFile, NOT_AT_ONCE, OWN_OFFSET } from "../vfs/file.ts";
import { holding } from "../vfs/file_table.ts";
import type { Offer } from "../vfs/loan.ts";
import { withoutPrivileges } from "../vfs/permission.ts";
import { SeekableFile } from "../vfs/seekable_file.ts";
import { allowedLength } from "../vfs/size_limit.ts";
import { inBackground, writeBack } from "./background.ts";
import type { GoferInode } from "./gofer_inode.ts";
import { fileResult } from "./handles.ts";

const READ_AHEAD = 1 << 20;
/** A gift takes as long as waking the threads for one or two. */
const SYNCS_BEFORE = 2;

export class GoferFile extends SeekableFile {
  readonly #inode: GoferInode;
  #fd: number;
  readonly #changeCount: number;
  readonly #openedNs: number;
  /** The host's file system can tell what its page cache has. */
  #tells = true;
  /** Where it cannot: what was read once is taken to be there, up to this position. */
  #warmEnd = 0;
  #syncs = 0;

  /** Owns the host descriptor; of the file, and the time, when the host has opened it. */
  constructor(inode: GoferInode, fd: number, flags: number, changeCount: number, openedNs: number) {
    super(inode, flags);
    this.#changeCount = changeCount;
    this.#openedNs = openedNs;
    this.#inode = inode;
    this.#fd = fd;
    inode.opened(fd);
    inode.fs.kernel.counters.hostFiles++;
  }

  get #isReader(): boolean {
    const access = this.flags & O_ACCMODE;
    return access === O_RDONLY || access === O_ACCMODE;
  }

  override offer(): Offer {
    return {
      hostFd: this.#fd,
      tells: this.#tells,
      warmEnd: this.#warmEnd,
      mayBeWritten: (this.flags & O_APPEND) === 0,
      keepsAccessTime: false,
    };
  }

  override pread(task: VfsCaller, offset: number, length: number, position: number): number {
    const { native } = task.kernel;
    return fileResult(native.pread(this.#fd, task.call.chunk, task.call.base + offset, length, position));
  }

  override preadCached(task: VfsCaller, offset: number, length: number, position: number): number {
    if (this.#tells) {
      const n = task.kernel.native.preadNowait(
        this.#fd,
        task.call.chunk,
        task.call.base + offset,
        length,
        position,
      );
      // The page cache has the first part alone: the rest is waited for, since only the end is a short read.
      if (n > 0 && n < length && this.#endsBeyond(position + n)) return -EAGAIN;
      if (n !== -EOPNOTSUPP) return n;
      this.#tellsNot();
    }
    return position + length <= this.#warmEnd ? this.pread(task, offset, length, position) : -EAGAIN;
  }

  override preadDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    const { native } = task.kernel;
    const { pid } = task.stub;
    const waits = this.#tells ? 0 : 1;
    if (waits === 1 && position + length > this.#warmEnd) return -EAGAIN;
    const n = native.preadTo(this.#fd, pid, address, length, position, waits);
    if (n === -EOPNOTSUPP) this.#tellsNot();
    return n === -EFAULT || n === -EOPNOTSUPP ? NOT_AT_ONCE : n;
  }

  #tellsNot(): void {
    this.#tells = false;
    this.loan?.changed(this.offer());
  }

  #endsBeyond(position: number): boolean {
    const attributes = this.#inode.attributes();
    return typeof attributes !== "number" && attributes.size > position;
  }

  override *warm(task: VfsCaller, position: number, length: number): Generator<void, void, void> {
    // Who goes on where the last read-ahead ended reads all of the file.
    const ahead = position <= this.#warmEnd && this.#warmEnd <= position + length ? READ_AHEAD : length;
    const bytes = Math.max(ahead, length);
    yield* inBackground(task, "warm", this.#fd, position, bytes);
    this.#warmEnd = position + bytes;
    if (!this.#tells) this.loan?.changed(this.offer());
  }

  override pwrite(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#write(task, offset, -1, length, position);
  }

  override pwriteDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    return this.#write(task, 0, address, length, position);
  }

  override writeDirectly(task: VfsCaller, address: number, length: number, position: number): number {
    const n = super.writeDirectly(task, address, length, position);
    if (n > 0 && position === OWN_OFFSET) this.#endOfAppend();
    return n;
  }

  /** From guest memory at `address`, or, where that is -1, from the window. */
  #write(task: VfsCaller, offset: number, address: number, length: number, position: number): number {
    const { native } = task.kernel;
    this.#inode.changed();
    const before = this.#inode.attributes();
    if (typeof before === "number") return before;
    const appends = (this.flags & O_APPEND) !== 0;
    const allowed = allowedLength(task, appends ? before.size : position, length);
    if (allowed === 0 && length > 0) return -EFBIG;
    // The host alone knows where the end is: others may be writing there.
    let n: number;
    if (address >= 0)
      n = native.pwriteFrom(this.#fd, task.stub.pid, address, allowed, appends ? -1 : position);
    else if (appends) n = native.append(this.#fd, task.call.chunk, task.call.base + offset, allowed);
    else n = native.pwrite(this.#fd, task.call.chunk, task.call.base + offset, allowed, position);
    if (address >= 0 && n === -EFAULT) return NOT_AT_ONCE;
    // The host has taken set-id bits away: nobody is mighty here in its own user namespace.
    if (n > 0 && (before.mode & (S_ISUID | S_ISGID)) !== 0)
      this.#inode.setAttributes({ mode: withoutPrivileges(task, before) & 0o7777 });
    this.#inode.changed();
    return fileResult(n);
  }

  override write(task: VfsCaller, offset: number, length: number): number {
    const n = super.write(task, offset, length);
    if (n > 0) this.#endOfAppend();
    return n;
  }

  #endOfAppend(): void {
    if ((this.flags & O_APPEND) !== 0) this.position = Math.max(this.position, this.size());
  }

  override sync(task: VfsCaller, dataOnly: boolean): number {
    if (!this.writable) return 0;
    return task.call.start(holding(task, this, this.#sync(task, dataOnly)));
  }

  override syncing(task: VfsCaller, dataOnly: boolean): Coroutine | number {
    return this.writable ? writeBack(task, this.#fd, dataOnly) : 0;
  }

  // By the stub, which waits for the disk itself, where the file is written back again and again, and is its guest's to read:
  // other threads, two of which would have to be woken, have nothing to do with it.
  *#sync(task: VfsCaller, dataOnly: boolean): Coroutine {
    const { kept } = task.stub;
    const fd = kept.find(this);
    if (fd < 0) {
      if (++this.#syncs >= SYNCS_BEFORE && this.readable && mayKeep(task, this))
        yield* giveToKeep(task, this);
      // Also if it has it by now: what has failed before is told to this descriptor alone (fsync(2)).
      return yield* writeBack(task, this.#fd, dataOnly);
    }
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.call(dataOnly ? SYS_fdatasync : SYS_fsync, fd);
    if (yield* task.runAndReturn(list, 0)) return 0;
    const error = task.call.listResult;
    return error === -EIO || error === -ENOSPC ? error : yield* writeBack(task, this.#fd, dataOnly);
  }

  override size(): number {
    this.#inode.changed();
    return super.size();
  }

  protected override seekData(offset: number, whence: number): number {
    return this.#inode.fs.kernel.native.seek(this.#fd, offset, whence);
  }

  override allocate(task: VfsCaller, mode: number, position: number, length: number): number {
    this.#inode.changed();
    return task.kernel.native.fallocate(this.#fd, mode, position, length);
  }

  // What is empty may be made as it is read (proc(5)).
  override get keepable(): object | null {
    return (this.#inode.lastAttributes?.size ?? 0) > 0 ? this.#inode : null;
  }

  override get backing(): Mapped {
    const { fs, hostDev, hostIno, path } = this.#inode;
    return fs.mapped(hostDev, hostIno, path, false);
  }

  override map(writable: boolean): MappedFile | number {
    // A process must not be given a descriptor by which it could write to what it maps for reading.
    const hostFd =
      this.#isReader && !writable
        ? this.#inode.fs.kernel.native.duplicate(this.#fd)
        : this.#inode.reopen(writable ? 2 : 0);
    if (hostFd < 0) return hostFd;
    return { backing: this.backing, hostFd, offset: 0 };
  }

  release(): void {
    const fd = this.#fd;
    this.#inode.fs.kernel.counters.hostFiles--;
    this.#inode.closed(fd);
    // A call that is still under way must not meet another file under the number.
    this.#fd = -1;
    if (this.loan === null) this.#giveBack(fd);
    else this.#giveBackLate(fd);
  }

  // What is empty may be made as it is read, of what it was opened for (proc(5)).
  #giveBack(fd: number): void {
    const inode = this.#inode;
    const { native, gofer } = inode.fs.kernel;
    const mayStay = this.#isReader && !inode.hasLostName && (inode.lastAttributes?.size ?? 0) > 0;
    if (mayStay) gofer.idle.leave(inode, fd, this.#changeCount, this.#openedNs);
    else native.close(fd);
  }

  // Other threads are on the way to it.
  #giveBackLate(fd: number): void {
    this.releaseThen(() => this.#giveBack(fd));
  }
}
