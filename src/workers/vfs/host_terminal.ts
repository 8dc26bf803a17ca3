// The caller's terminal as the controlling terminal of a program's session. Its line discipline is the
// host's: settings and sizes pass through. Session and foreground process group are the sandbox's own; the
// host's are never changed. Nothing here waits: draining is left out where Linux would wait for it.

import { EFAULT, EINVAL, ENOTTY, ENXIO, EPERM } from "../../shared/abi/errno.ts";
import * as IO from "../../shared/abi/ioctl.ts";
import { SIGWINCH } from "../../shared/abi/signal.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Kernel } from "../kernel.ts";
import { sendToGroup } from "../supervisor/send_signal.ts";
import { fromKernel } from "../supervisor/siginfo.ts";
import type { Coroutine, Task } from "../supervisor/task.ts";
import { mayChange, mayRead, membersOf, setForegroundGroup } from "../supervisor/terminal_access.ts";
import type { ControllingTerminal, Session } from "../supervisor/thread_group.ts";
import type { OpenFile } from "./file.ts";
import type { WaitQueue } from "./wait_queue.ts";
import { POLLIN } from "./wait_queue.ts";

const TERMIOS_SIZE = 36;
const TERMIOS2_SIZE = 44;
const WINSIZE_SIZE = 8;
const INT_SIZE = 4;
const LFLAG_AT = 12;
const TOSTOP = 0o400;
const TCIFLUSH = 0;

/** What the host answers, and how long it is. */
const READS: ReadonlyMap<number, number> = new Map([
  [IO.TCGETS, TERMIOS_SIZE],
  [IO.TCGETS2, TERMIOS2_SIZE],
  [IO.TIOCGWINSZ, WINSIZE_SIZE],
  [IO.FIONREAD, INT_SIZE],
  [IO.TIOCOUTQ, INT_SIZE],
]);

/** What is set on the host: its size, the request that does not wait, and whether input is dropped. */
const WRITES: ReadonlyMap<number, { size: number; host: number; flushes: boolean }> = new Map([
  [IO.TCSETS, { size: TERMIOS_SIZE, host: IO.TCSETS, flushes: false }],
  [IO.TCSETSW, { size: TERMIOS_SIZE, host: IO.TCSETS, flushes: false }],
  [IO.TCSETSF, { size: TERMIOS_SIZE, host: IO.TCSETS, flushes: true }],
  [IO.TCSETS2, { size: TERMIOS2_SIZE, host: IO.TCSETS2, flushes: false }],
  [IO.TCSETSW2, { size: TERMIOS2_SIZE, host: IO.TCSETS2, flushes: false }],
  [IO.TCSETSF2, { size: TERMIOS2_SIZE, host: IO.TCSETS2, flushes: true }],
  [IO.TIOCSWINSZ, { size: WINSIZE_SIZE, host: IO.TIOCSWINSZ, flushes: false }],
]);

export class HostTerminal implements ControllingTerminal {
  readonly kernel: Kernel;
  readonly device: number;
  foregroundGroup = -1;
  session: Session | null = null;
  /** The caller is in the foreground of the terminal: the sandbox may read it. */
  #isOurs = true;
  #stopsOutput = false;
  readonly #readers = new Set<WaitQueue>();

  #open: ((flags: number) => OpenFile | number) | null = null;

  constructor(kernel: Kernel, device: number) {
    this.kernel = kernel;
    this.device = device;
  }

  open(flags: number): OpenFile | number {
    return this.#open?.(flags) ?? -ENXIO;
  }

  /**
   * Becomes the controlling terminal of a session, with that process group in the foreground. `open` makes an
   * open file of it, for /dev/tty.
   */
  attach(session: Session, processGroup: number, open = this.#open): void {
    this.#open = open;
    this.session = session;
    this.foregroundGroup = processGroup;
    session.terminal = this;
  }

  get isOurs(): boolean {
    return this.#isOurs;
  }

  setOurs(value: boolean): void {
    this.#isOurs = value;
    if (value) for (const queue of this.#readers) queue.wake(POLLIN);
  }

  /** Reads wait in this queue while the terminal is somebody else's. */
  addReader(queue: WaitQueue): void {
    this.#readers.add(queue);
  }

  removeReader(queue: WaitQueue): void {
    this.#readers.delete(queue);
  }

  mayRead(task: Task): number {
    return mayRead(task, this);
  }

  mayWrite(task: Task): number {
    return this.#stopsOutput ? mayChange(task, this) : 0;
  }

  /** Looks whether the settings say that background output stops its writers. */
  noteSettings(fd: number): void {
    const { native } = this.kernel;
    if (native.terminalGet(fd, IO.TCGETS) >= 0)
      this.#stopsOutput = (native.scratchView.getUint32(LFLAG_AT, true) & TOSTOP) !== 0;
  }

  ioctl(task: Task, fd: number, request: number, argument: number): number {
    const { native } = this.kernel;
    const size = READS.get(request);
    if (size !== undefined) {
      const error = native.terminalGet(fd, request);
      if (error < 0) return error;
      task.bytes.set(native.scratch.subarray(0, size), task.out(argument, size));
      return 0;
    }
    const write = WRITES.get(request);
    if (write !== undefined) {
      const error = request === IO.TIOCSWINSZ ? 0 : mayChange(task, this);
      return error < 0 ? error : task.start(this.#set(task, fd, argument, write));
    }
    return this.#control(task, fd, request, argument);
  }

  *#set(
    task: Task,
    fd: number,
    argument: number,
    { size, host, flushes }: { size: number; host: number; flushes: boolean },
  ): Coroutine {
    task.outAt(argument, size, WINDOW);
    if ((yield* task.copyInRound()) < size) return -EFAULT;
    const { native } = this.kernel;
    native.scratch.set(task.bytes.subarray(task.base + WINDOW, task.base + WINDOW + size));
    if (flushes) native.terminalFlush(fd, TCIFLUSH);
    native.scratch.set(task.bytes.subarray(task.base + WINDOW, task.base + WINDOW + size));
    const error = native.terminalSet(fd, host);
    if (error < 0) return error;
    if (host === IO.TIOCSWINSZ) this.#sizeChanged(task);
    else this.noteSettings(fd);
    return 0;
  }

  #sizeChanged({ group }: Task): void {
    if (group.session.terminal !== this) return;
    for (const member of membersOf(group, this.foregroundGroup)) sendToGroup(member, fromKernel(SIGWINCH));
  }

  #control(task: Task, fd: number, request: number, argument: number): number {
    const { group } = task;
    const isControlling = group.session.terminal === this;
    switch (request) {
      case IO.TIOCGPGRP:
        return isControlling ? this.#writeInt(task, argument, this.foregroundGroup) : -ENOTTY;
      case IO.TIOCGSID:
        return isControlling ? this.#writeInt(task, argument, group.session.sid) : -ENOTTY;
      case IO.TIOCSPGRP:
        return task.start(this.#setForeground(task, argument));
      case IO.TIOCSCTTY:
        if (isControlling && group.session.sid === group.pid) return 0;
        return this.#takeOver(task);
      case IO.TIOCNOTTY:
        if (!isControlling) return -ENOTTY;
        if (group.session.sid === group.pid) {
          group.session.terminal = null;
          this.session = null;
        }
        return 0;
      case IO.TCFLSH: {
        const error = mayChange(task, this);
        if (error < 0) return error;
        return argument < 0 || argument > 2 ? -EINVAL : this.kernel.native.terminalFlush(fd, argument);
      }
      case IO.TCSBRK:
      case IO.TCSBRKP:
        return mayChange(task, this);
      case IO.TIOCSTI:
        return -EPERM;
      default:
        task.kernel.counters.unsupportedCalls++;
        return -ENOTTY;
    }
  }

  #takeOver({ group }: Task): number {
    const isLeader = group.session.sid === group.pid;
    if (!isLeader || group.session.terminal !== null || this.session !== null) return -EPERM;
    this.attach(group.session, group.processGroup);
    return 0;
  }

  *#setForeground(task: Task, argument: number): Coroutine {
    task.outAt(argument, INT_SIZE, WINDOW);
    if ((yield* task.copyInRound()) < INT_SIZE) return -EFAULT;
    return setForegroundGroup(task, this, task.view.getInt32(task.base + WINDOW, true));
  }

  #writeInt(task: Task, address: number, value: number): number {
    task.view.setInt32(task.out(address, INT_SIZE), value, true);
    return 0;
  }
}
