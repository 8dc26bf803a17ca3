// The caller's terminal as the controlling terminal of a program's session. Its line discipline is the
// host's: settings and sizes pass through. Session and foreground process group are the sandbox's own; the
// host's are never changed. Nothing here waits: draining is left out where Linux would wait for it.

import { major, minor } from "../../shared/abi/device.ts";
import { EFAULT, EINVAL, ENOTTY, ENXIO } from "../../shared/abi/errno.ts";
import * as IO from "../../shared/abi/ioctl.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { WaitQueue } from "../call/wait_queue.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import type { ProcessName } from "./processes.ts";
import { mayChange, mayRead } from "./tty/job_control.ts";
import type { PtyContext } from "./tty/pty.ts";
import type { Session } from "./tty/session.ts";
import { SessionTerminal } from "./tty/session_terminal.ts";
import { TERMIOS_SIZE, TERMIOS2_SIZE, WINSIZE_SIZE } from "./tty/settings.ts";

const INT_SIZE = 4;
const LFLAG_AT = 12;
const TCIFLUSH = 0;
const PTS_MAJOR = 136;

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

export class HostTerminal extends SessionTerminal {
  declare readonly kernel: PtyContext;
  /** The caller is in the foreground of the terminal: the sandbox may read it. */
  #isOurs = true;
  #stopsOutput = false;
  readonly #readers = new Set<WaitQueue>();

  #open: ((flags: number) => OpenFile | number) | null = null;

  override open(flags: number): OpenFile | number {
    return this.#open?.(flags) ?? -ENXIO;
  }

  /** Lent to a session; `open` makes an open file of it, for /dev/tty and its node in /dev/pts. */
  lend(session: Session, processGroup: ProcessName, open: (flags: number) => OpenFile | number): void {
    this.#open = open;
    this.attach(session, processGroup);
    if (major(this.device) === PTS_MAJOR) this.kernel.ptys.lent.set(minor(this.device), this);
  }

  get isOurs(): boolean {
    return this.#isOurs;
  }

  override setOurs(value: boolean): void {
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

  mayRead(task: VfsCaller): number {
    return mayRead(task, this);
  }

  mayWrite(task: VfsCaller): number {
    return this.#stopsOutput ? mayChange(task, this) : 0;
  }

  /** Looks whether the settings say that background output stops its writers. */
  noteSettings(fd: number): void {
    const { native } = this.kernel;
    if (native.terminalGet(fd, IO.TCGETS) >= 0)
      this.#stopsOutput = (native.scratchView.getUint32(LFLAG_AT, true) & IO.TOSTOP) !== 0;
  }

  ioctl(task: VfsCaller, fd: number, request: number, argument: number): number {
    const { native } = this.kernel;
    const size = READS.get(request);
    if (size !== undefined) {
      const error = native.terminalGet(fd, request);
      if (error < 0) return error;
      task.call.bytes.set(native.scratch.subarray(0, size), task.call.out(argument, size));
      return 0;
    }
    const write = WRITES.get(request);
    if (write !== undefined) {
      const error = request === IO.TIOCSWINSZ ? 0 : mayChange(task, this);
      return error < 0 ? error : task.call.start(this.#set(task, fd, argument, write));
    }
    return this.#control(task, fd, request, argument);
  }

  *#set(
    task: VfsCaller,
    fd: number,
    argument: number,
    { size, host, flushes }: { size: number; host: number; flushes: boolean },
  ): Coroutine {
    task.call.outAt(argument, size, WINDOW);
    if ((yield* task.call.copyInRound()) < size) return -EFAULT;
    const { native } = this.kernel;
    native.scratch.set(task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + size));
    if (flushes) native.terminalFlush(fd, TCIFLUSH);
    native.scratch.set(task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + size));
    const error = native.terminalSet(fd, host);
    if (error < 0) return error;
    if (host === IO.TIOCSWINSZ) this.sizeChanged();
    else this.noteSettings(fd);
    return 0;
  }

  #control(task: VfsCaller, fd: number, request: number, argument: number): number {
    switch (request) {
      case IO.TCFLSH: {
        const error = mayChange(task, this);
        if (error < 0) return error;
        return argument < 0 || argument > 2 ? -EINVAL : this.kernel.native.terminalFlush(fd, argument);
      }
      case IO.TCSBRK:
      case IO.TCSBRKP:
        return mayChange(task, this);
      default:
        return this.sessionIoctl(task, request, argument) ?? this.#unknown();
    }
  }

  #unknown(): number {
    this.kernel.counters.unsupportedCalls++;
    return -ENOTTY;
  }
}
