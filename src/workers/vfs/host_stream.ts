// A descriptor of the caller as a file of the guest: standard input, output and error. The bytes pass
// as they are. O_NONBLOCK is never set on it (the flag is shared with the caller's shell): pipes and
// devices are asked with RWF_NOWAIT, sockets with MSG_DONTWAIT, and terminals through a description
// of the sandbox's own, reopened non-blocking.
//
// A socket is a pipe to the guest: bytes pass, but nothing else that sockets can do, and programs that see one
// ask for its name before they use it (libuv's uv_guess_handle).

import { minor } from "../../shared/abi/device.ts";
import { EACCES, EAGAIN, ENOTTY, EOPNOTSUPP, EPERM, ESPIPE } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../../shared/abi/fcntl.ts";
import { FIONREAD, TIOCGWINSZ } from "../../shared/abi/ioctl.ts";
import {
  EPOLLET,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from "../../shared/abi/poll.ts";
import { S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from "../../shared/abi/stat.ts";
import type { VfsCaller } from "./caller.ts";
import type { VfsContext } from "./context.ts";
import { OpenFile } from "./file.ts";
import { HostTerminal } from "./host_terminal.ts";
import type { Attributes } from "./inode.ts";
import type { ProcessName } from "./processes.ts";
import { readStat } from "./stat.ts";
import type { Session } from "./tty/session.ts";

const ALL_EVENTS = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLWRNORM;
const HOST_EVENTS = ALL_EVENTS + EPOLLET;
const NULL_DEVICE = 0x103;
const STAT_MODE_AT = 24;
const STAT_RDEV_AT = 40;

type Way = "nowait" | "socket" | "plain";

export class HostStream extends OpenFile {
  readonly #kernel: VfsContext;
  #fd: number;
  readonly #mode: number;
  #way: Way;
  #watch = -1;
  #unread: Uint8Array | null = null;
  /** Null: it is no terminal. */
  #terminal: HostTerminal | null = null;
  readonly isStream: boolean;

  constructor(kernel: VfsContext, fd: number) {
    const flags = kernel.native.fcntlGetFlags(fd);
    super(flags < 0 ? 0 : flags & ~O_NONBLOCK);
    this.#kernel = kernel;
    this.#fd = fd;
    const failed = kernel.native.fstat(fd) < 0;
    this.#mode = failed ? 0 : kernel.native.scratchView.getUint32(STAT_MODE_AT, true);
    const type = this.#mode & S_IFMT;
    this.isStream = type !== S_IFREG;
    this.#way = type === S_IFSOCK ? "socket" : type === S_IFREG ? "plain" : "nowait";
    if (type === S_IFCHR && kernel.native.terminalGet(fd, TIOCGWINSZ) >= 0) {
      kernel.native.fstat(fd);
      const device = kernel.native.scratchView.getUint32(STAT_RDEV_AT, true);
      this.#setTerminal(new HostTerminal(kernel, device));
      this.#reopenTerminal(flags);
    }
  }

  /** The terminal becomes a session's, and can be opened as /dev/tty. */
  lendTerminal(session: Session, processGroup: ProcessName): void {
    const terminal = this.#terminal;
    if (terminal === null) return;
    const { native, descriptors } = this.#kernel;
    const own = native.reopen(descriptors.proc, this.#fd, O_RDWR | O_NONBLOCK | O_NOCTTY);
    terminal.owner = this.#owner();
    terminal.lend(session, processGroup, (flags) => {
      const mode = (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY;
      const again = own < 0 ? own : native.reopen(descriptors.proc, own, mode);
      if (again < 0) return again;
      const stream = new HostStream(this.#kernel, again);
      stream.shareTerminal(terminal);
      stream.flags = flags;
      return stream;
    });
  }

  #owner(): number {
    const { native } = this.#kernel;
    return native.fstat(this.#fd) < 0 ? 0 : readStat(native.scratchView).uid;
  }

  get terminal(): HostTerminal | null {
    return this.#terminal;
  }

  /** Descriptors of one terminal share what it is to the guest. */
  shareTerminal(other: HostTerminal): void {
    if (this.#terminal?.device === other.device) this.#setTerminal(other);
  }

  #setTerminal(terminal: HostTerminal): void {
    this.#terminal?.removeReader(this.waiters);
    terminal.addReader(this.waiters);
    terminal.noteSettings(this.#fd);
    this.#terminal = terminal;
  }

  #reopenTerminal(flags: number): void {
    const { native, descriptors } = this.#kernel;
    const own = native.reopen(descriptors.proc, this.#fd, (flags & 3) | O_NONBLOCK | O_NOCTTY);
    if (own < 0) return;
    native.close(this.#fd);
    this.#fd = own;
    this.#way = "plain";
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    const refused = this.#terminal?.mayRead(task) ?? 0;
    if (refused < 0) return refused;
    if (this.#terminal?.isOurs === false) return -EAGAIN;
    const unread = this.#unread === null ? 0 : this.#takeUnread(task, offset, length);
    if (unread === length) return unread;
    const n = this.#readHost(task, offset + unread, length - unread);
    return unread > 0 ? unread + Math.max(0, n) : n;
  }

  #readHost(task: VfsCaller, offset: number, length: number): number {
    const { native } = this.#kernel;
    const at = task.call.base + offset;
    if (this.#way !== "plain") {
      const n = native.streamRead(this.#fd, task.call.chunk, at, length, this.#way === "socket" ? 1 : 0);
      if (n !== -EOPNOTSUPP && n !== -ESPIPE) return n;
      this.#way = "plain";
    }
    if (this.isStream && (this.poll() & (POLLIN | POLLHUP | POLLERR)) === 0) return -EAGAIN;
    return native.read(this.#fd, task.call.chunk, at, length);
  }

  override write(task: VfsCaller, offset: number, length: number): number {
    const refused = this.#terminal?.mayWrite(task) ?? 0;
    if (refused < 0) return refused;
    const { native } = this.#kernel;
    const at = task.call.base + offset;
    if (this.#way !== "plain") {
      const n = native.streamWrite(this.#fd, task.call.chunk, at, length, this.#way === "socket" ? 1 : 0);
      if (n !== -EOPNOTSUPP && n !== -ESPIPE) return n;
      this.#way = "plain";
    }
    if (this.isStream && (this.poll() & (POLLOUT | POLLERR)) === 0) return -EAGAIN;
    return native.write(this.#fd, task.call.chunk, at, length);
  }

  override pread(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#kernel.native.pread(this.#fd, task.call.chunk, task.call.base + offset, length, position);
  }

  override pwrite(task: VfsCaller, offset: number, length: number, position: number): number {
    return this.#kernel.native.pwrite(this.#fd, task.call.chunk, task.call.base + offset, length, position);
  }

  override seek(offset: number, whence: number): number {
    return this.#kernel.native.seek(this.#fd, offset, whence);
  }

  override undelivered(task: VfsCaller, offset: number, length: number, delivered: number): number {
    if (!this.isStream) {
      this.seek(delivered - length, 1 /* SEEK_CUR */);
      return delivered;
    }
    const bytes = task.call.bytes.slice(task.call.base + offset, task.call.base + offset + length);
    const rest = this.#unread;
    if (rest === null) {
      this.#unread = bytes;
      return 0;
    }
    const joined = new Uint8Array(bytes.length + rest.length);
    joined.set(bytes);
    joined.set(rest, bytes.length);
    this.#unread = joined;
    return 0;
  }

  #takeUnread(task: VfsCaller, offset: number, length: number): number {
    const bytes = this.#unread!;
    const n = Math.min(length, bytes.length);
    task.call.bytes.set(bytes.subarray(0, n), task.call.base + offset);
    this.#unread = n < bytes.length ? bytes.slice(n) : null;
    return n;
  }

  poll(): number {
    const events = this.#kernel.native.pollOne(this.#fd, ALL_EVENTS, 0);
    const unread = this.#unread !== null ? POLLIN | POLLRDNORM : 0;
    const all = (events < 0 ? POLLERR : events) | unread;
    return this.#terminal?.isOurs === false ? all & ~(POLLIN | POLLRDNORM) : all;
  }

  override attributes(): Attributes | number {
    const { native, devPts } = this.#kernel;
    // As its node in /dev/pts, by which ttyname(3) knows it.
    const node = this.#terminal?.session == null ? null : devPts.terminal(minor(this.#terminal.device));
    if (node !== null) return node.attributes();
    const error = native.fstat(this.#fd);
    if (error < 0) return error;
    const attributes = readStat(native.scratchView, this.#kernel.users);
    const isSocket = (attributes.mode & S_IFMT) === S_IFSOCK;
    return isSocket ? { ...attributes, mode: (attributes.mode & ~S_IFMT) | S_IFIFO } : attributes;
  }

  override ioctl(task: VfsCaller, request: number, argument: number): number {
    if (this.#terminal !== null) return this.#terminal.ioctl(task, this.#fd, request, argument);
    if (request !== FIONREAD) return -ENOTTY;
    const { native } = this.#kernel;
    const error = native.terminalGet(this.#fd, FIONREAD);
    if (error < 0) return error;
    const waiting = native.scratchView.getInt32(0, true) + (this.#unread?.length ?? 0);
    task.call.view.setInt32(task.call.out(argument, 4), waiting, true);
    return 0;
  }

  /** The same description: who has the descriptor gets no more access than it has. */
  override reopen(flags: number): OpenFile | number {
    const mode = flags & O_ACCMODE;
    const own = this.flags & O_ACCMODE;
    return own === O_RDWR || own === mode ? this : -EACCES;
  }

  override describe(): string {
    if (this.#terminal !== null) return `/dev/pts/${minor(this.#terminal.device)}`;
    const { native } = this.#kernel;
    if (native.fstat(this.#fd) < 0) return super.describe();
    const { ino, rdev } = readStat(native.scratchView);
    const type = this.#mode & S_IFMT;
    if (type === S_IFIFO || type === S_IFSOCK) return `pipe:[${ino}]`;
    return type === S_IFCHR && rdev === NULL_DEVICE ? "/dev/null" : super.describe();
  }

  // Edge-triggered, for all events: somebody may wait for long without reading what is there.
  override watch(events: number): void {
    if (this.#watch >= 0) return;
    const watch = this.#kernel.sleep.add(this.#fd, HOST_EVENTS, (ready) => this.waiters.wake(ready));
    if (watch >= 0) this.#watch = watch;
    // A regular file is always ready; so is, for want of a better answer, what cannot be watched.
    // Who asks for nothing of it waits for others: woken, it would ask again, and again.
    else if (watch === -EPERM) this.waiters.wake(events & this.poll());
    else this.waiters.wake(events | POLLERR);
  }

  override get pollable(): boolean {
    if ((this.#mode & S_IFMT) === S_IFREG) return false;
    this.watch(0);
    return this.#watch >= 0;
  }

  release(): void {
    this.#terminal?.removeReader(this.waiters);
    if (this.#watch >= 0) this.#kernel.sleep.remove(this.#fd, this.#watch);
    this.#watch = -1;
    this.#kernel.native.close(this.#fd);
  }
}
