// An open file description (open(2)): what descriptors refer to. Kinds of files derive from it and
// override what they can do; what they leave alone answers as Linux does for such a file.
//
// Data moves between the file and the caller's data window, in pieces that fit it; the calls
// (read_write.ts) make the rounds. A method that would have to wait returns -EAGAIN, and its caller
// waits on `waiters` for the events it needs.

import { EBADF, EINVAL, ENODEV, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, ESPIPE } from "../../shared/abi/errno.ts";
import { F_ADD_SEALS, F_GETPIPE_SZ, F_SETPIPE_SZ } from "../../shared/abi/fcntl.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { PidSpace } from "../call/pid.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { KeptFiles } from "../mem/kept_files.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Attributes, Inode } from "./inode.ts";
import type { Path } from "./path.ts";
import type { Segments } from "./segments.ts";

/** What a mapping needs of a file. */
export interface MappedFile {
  readonly backing: Mapped;
  /** A fresh host descriptor of least privilege. */
  readonly hostFd: number;
  readonly offset: number;
  /** Where the host may take long over it: how it is read and closed (mapped_file.ts). */
  readonly slow?: SlowDescriptor;
}

export interface SlowDescriptor {
  /** Up to so many bytes; fewer, or none, at the end; NOT_AT_HAND, or a negative errno. */
  read(position: number, length: number): Uint8Array | number;
  /** What was read there is not asked for again. */
  taken(position: number): void;
  close(): void;
}

/** The place of a file in an epoll set. */
export interface SetItem {
  readonly owner: OpenFile;
  leave(): void;
}

/** Whom what happens to a file is told by signals (async_signals.ts). */
export interface OwnerSignals {
  disable(): void;
}

/** It takes a coroutine, or an object for what comes along. Neither an errno nor a number of bytes. */
export const NOT_AT_ONCE = -4096;

/** A position of -1 stands for the file's own offset. */
export const OWN_OFFSET = -1;

/** No file reaches so far: loff_t ends before. */
export const OFFSET_END = 2 ** 63;

export abstract class OpenFile {
  /** O_* status flags, the access mode among them. */
  flags: number;
  /** What it opened; null for files without one (host streams, anonymous kinds). */
  inode: Inode | null = null;
  /** Where it was opened, for *at calls, fchdir and /proc/PID/fd; holds a pin on its dentry. */
  path: Path | null = null;
  /** An inode that lives for as long as this file does. */
  held: Inode | null = null;
  /** Whose credentials opened it (Linux's f_cred); null: it has no place to be opened at. */
  openedBy: Credentials | null = null;
  /** It counts among those who have the inode open for writing. */
  hasWriteAccess = false;
  /** Descriptors and other holders. */
  references = 0;
  /** Those of them that are messages of sockets (SCM_RIGHTS). */
  inFlight = 0;
  /** Places in epoll sets, which end with the file; null: it has never been in any. */
  epollItems: Set<SetItem> | null = null;
  readonly waiters: WaitQueue;
  /** Stubs that keep a host descriptor of it (mem/kept_files.ts); null: none ever has. */
  keptIn: Set<KeptFiles> | null = null;
  /** Whom its events are signalled to; null: nobody has ever asked. */
  asyncSignals: OwnerSignals | null = null;

  constructor(flags: number, waiters: WaitQueue = new WaitQueue()) {
    this.flags = flags;
    this.waiters = waiters;
  }

  // The access mode plus one has a bit for each; of mode 3, which is for ioctl alone, it has none.
  get readable(): boolean {
    return ((this.flags + 1) & 1) !== 0;
  }

  get writable(): boolean {
    return ((this.flags + 1) & 2) !== 0;
  }

  /** As KeepableFile says: what a host descriptor of it reads; null: it has none, or the host may take long over it. */
  get keepable(): object | null {
    return null;
  }

  /** What mappings of it refer to, where stubs may keep descriptors of it. */
  get backing(): Mapped | null {
    return null;
  }

  /** It may have urgent data, of which its owner is told by SIGURG. */
  readonly hasUrgentData: boolean = false;

  /** Whether a partial transfer is the whole answer, as for pipes and terminals when they are read. */
  abstract readonly isStream: boolean;

  /** Its bytes can be spliced: no others are waited for by who would splice to it or from it (splice(2)). */
  get splices(): boolean {
    return true;
  }

  /** Reads up to `length` bytes into the slot at `offset`; their number, 0 at the end, or a negative errno. */
  read(_task: Caller, _offset: number, _length: number): number {
    return -EINVAL;
  }

  write(_task: Caller, _offset: number, _length: number): number {
    return -EINVAL;
  }

  /** As read and write, of a file whose bytes another kernel thread has: in steps; null: it is no such file. */
  readElsewhere(_task: Caller, _offset: number, _length: number): Coroutine | null {
    return null;
  }

  writeElsewhere(_task: Caller, _offset: number, _length: number): Coroutine | null {
    return null;
  }

  /** As read, of what is there without waiting for a disk: -EAGAIN when it is not. */
  readCached(task: Caller, offset: number, length: number): number {
    return this.read(task, offset, length);
  }

  /** As readCall, where one buffer of the guest takes all that there is to say: bytes, or NOT_AT_ONCE. */
  readAtOnce(_task: Caller, _address: number, _length: number): number {
    return NOT_AT_ONCE;
  }

  /** As writeCall, of bytes that all stand in the window already. */
  writeAtOnce(_task: Caller, _length: number): number {
    return NOT_AT_ONCE;
  }

  /** readCall or writeCall may serve a whole call. */
  get servesWholeCalls(): boolean {
    return false;
  }

  /**
   * Reads straight to guest memory that the kernel thread may copy to (mem/direct_copy.ts), what is there without
   * waiting: the bytes that have arrived, which may be fewer than there are, 0 at the end, or a negative errno.
   * NOT_AT_ONCE: it has to be read by rounds, and nothing was taken. `position` may be OWN_OFFSET.
   */
  readDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  /** As readDirectly, of what is written. Fewer bytes: memory, or the file, takes no more. */
  writeDirectly(_task: Caller, _address: number, _length: number, _position: number): number {
    return NOT_AT_ONCE;
  }

  /** How much a read of so many bytes takes at most: what is more than the window need not be asked for by rounds. */
  readLimit(length: number): number {
    return length;
  }

  /** Serves a whole call of the read family, for files whose transfers are messages; null: by rounds. */
  readCall(_task: Caller, _segments: Segments, _noWait: boolean): number | null {
    return null;
  }

  /** As readCall; `ready` bytes stand in the window already. */
  writeCall(_task: Caller, _segments: Segments, _ready: number, _noWait: boolean): number | null {
    return null;
  }

  /** As read and write, at a position that is given; `file offset` stays. */
  pread(_task: Caller, _offset: number, _length: number, _position: number): number {
    return -ESPIPE;
  }

  /** As pread, of what is there without waiting for a disk: -EAGAIN when it is not. */
  preadCached(task: Caller, offset: number, length: number, position: number): number {
    return this.pread(task, offset, length, position);
  }

  pwrite(_task: Caller, _offset: number, _length: number, _position: number): number {
    return -ESPIPE;
  }

  /** lseek(2). `task`: who calls; null: whoever moves the position at the same time. */
  seek(_offset: number, _whence: number, _task: Caller | null = null): number {
    return -ESPIPE;
  }

  /** fsync(2): 0, BLOCKED, or -EINVAL for what cannot be synchronised. */
  sync(_task: Caller, _dataOnly: boolean): number {
    return -EINVAL;
  }

  /** As sync, in a call that does not end with it: 0 or a negative errno, or what comes to that. */
  syncing(task: Caller, dataOnly: boolean): Coroutine | number {
    return this.sync(task, dataOnly);
  }

  /**
   * fallocate(2): FALLOC_FL_* modes; position and length have been looked at. It is a piece of what is wanted: for
   * `later` bytes behind it there must be room as well.
   */
  allocate(_task: Caller, _mode: number, _position: number, _length: number, _later: number): number {
    return -EOPNOTSUPP;
  }

  /**
   * The last read gave the `length` bytes that stand at `offset`, but only `delivered` of them reached the
   * caller's memory (F20). Takes back what Linux would not have read; the bytes that count as read.
   */
  undelivered(_task: Caller, _offset: number, _length: number, delivered: number): number {
    return delivered;
  }

  /** Events that hold now (POLLIN, ...), for the task that asks. */
  abstract poll(task: Caller): number;

  /** Whether epoll takes it: regular files and directories are always ready, and refused. */
  get pollable(): boolean {
    return true;
  }

  /** What fstat tells. */
  attributes(): Attributes | number {
    return this.inode === null ? -EBADF : this.inode.attributes();
  }

  ioctl(_task: Caller, _request: number, _argument: number): number {
    return -ENOTTY;
  }

  /** fcntl commands beyond descriptors and status flags: locks, pipe sizes, seals, leases. */
  fcntl(task: Caller, command: number, _value: number, _argument: number): number {
    if (command === F_SETPIPE_SZ || command === F_GETPIPE_SZ) return -EBADF;
    if (command === F_ADD_SEALS && !this.writable) return -EPERM;
    task.kernel.counters.unsupportedCalls++;
    return -EINVAL;
  }

  /** What a mapping needs: a fresh host descriptor of least privilege and what it names. ENODEV: cannot be mapped. */
  map(_writable: boolean): MappedFile | number {
    return -ENODEV;
  }

  /** What comes before map(), for an offset and a length in bytes: 0 or a negative errno, or what finds that out. */
  beforeMap(_task: Caller, _offset: number, _length: number): Coroutine | number {
    return 0;
  }

  /** What a private mapping of a file of zeros is of (/dev/zero); null: it is not such a file. */
  get zeros(): Mapped | null {
    return null;
  }

  /** No new mapping may write to it, whatever it was opened for (F_SEAL_WRITE, F_SEAL_FUTURE_WRITE). */
  get isWriteSealed(): boolean {
    return false;
  }

  /** Opens the same thing again with other flags, by /proc/PID/fd/N; for files without a place. */
  reopen(_flags: number): OpenFile | number {
    return -ENXIO;
  }

  /** A task begins to wait for these events: a file whose events come from elsewhere asks there for them. */
  watch(_events: number, _task: Caller): void {}

  /** What is left of opening it, for the task that opens: the coroutine gives 0 or a negative errno. */
  opening(_task: Caller): Coroutine | null {
    return null;
  }

  /** Its status flags are others (fcntl(2), F_SETFL). */
  statusChanged(): void {}

  /** A descriptor of a table names it no more. */
  descriptorGone(_table: number, _fd: number): void {}

  /** What /proc/PID/fd shows for a file without a place. */
  describe(): string {
    return "anon_inode:[file]";
  }

  /** What /proc/PID/fdinfo shows of it beside what all files have: records of whole lines. */
  info(_space: PidSpace): Iterable<string> {
    return [];
  }

  /** The last reference is gone. */
  abstract release(): void;
}
