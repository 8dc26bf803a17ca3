// ioctl requests of pseudo-terminals (ioctl_tty(2)), by end.

import { EFAULT, EINVAL, EIO, ENOTTY } from "../../../shared/abi/errno.ts";
import { O_CLOEXEC } from "../../../shared/abi/fcntl.ts";
import * as IO from "../../../shared/abi/ioctl.ts";
import { SIGINT, SIGQUIT, SIGTSTP } from "../../../shared/abi/signal.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import type { Coroutine } from "../../call/call.ts";
import type { VfsCaller } from "../caller.ts";
import { install } from "../install.ts";
import { Path } from "../path.ts";
import type { DevPts } from "./dev_pts.ts";
import { mayChange } from "./job_control.ts";
import type { Pty } from "./pty.ts";
import { TERMIOS_SIZE, TERMIOS2_SIZE, WINSIZE_SIZE } from "./settings.ts";

const INT_SIZE = 4;
const TCOOFF = 0;
const TCOON = 1;
const TCIOFF = 2;
const TCION = 3;
const QUEUES = 3;

/** TCSETS and its like: size of the structure, and whether input is dropped first. */
const SETTERS: ReadonlyMap<number, { size: number; flushes: boolean }> = new Map([
  [IO.TCSETS, { size: TERMIOS_SIZE, flushes: false }],
  [IO.TCSETSW, { size: TERMIOS_SIZE, flushes: false }],
  [IO.TCSETSF, { size: TERMIOS_SIZE, flushes: true }],
  [IO.TCSETS2, { size: TERMIOS2_SIZE, flushes: false }],
  [IO.TCSETSW2, { size: TERMIOS2_SIZE, flushes: false }],
  [IO.TCSETSF2, { size: TERMIOS2_SIZE, flushes: true }],
]);

function answer(task: VfsCaller, address: number, bytes: Uint8Array): number {
  task.call.bytes.set(bytes, task.call.out(address, bytes.length));
  return 0;
}

/** Reads what the argument points to, then uses it. */
function* withArgument(
  task: VfsCaller,
  address: number,
  size: number,
  use: (bytes: Uint8Array) => number,
): Coroutine {
  task.call.outAt(address, size, WINDOW);
  if ((yield* task.call.copyInRound()) < size) return -EFAULT;
  const at = task.call.base + WINDOW;
  return use(task.call.bytes.slice(at, at + size));
}

function withInt(task: VfsCaller, address: number, use: (value: number) => void): number {
  return task.call.start(
    withArgument(task, address, INT_SIZE, (bytes) => {
      use(new DataView(bytes.buffer).getInt32(0, true));
      return 0;
    }),
  );
}

/** What both ends know; null: it is another one. */
function commonIoctl(task: VfsCaller, pty: Pty, request: number, argument: number): number | null {
  const { line } = pty;
  const setter = SETTERS.get(request);
  if (setter !== undefined) {
    const error = mayChange(task, pty);
    if (error < 0) return error;
    return task.call.start(
      withArgument(task, argument, setter.size, (bytes) => {
        if (setter.flushes) pty.flush(0);
        pty.setSettings(bytes);
        return 0;
      }),
    );
  }
  switch (request) {
    case IO.TCGETS:
      return answer(task, argument, line.settings.bytes.subarray(0, TERMIOS_SIZE));
    case IO.TCGETS2:
      return answer(task, argument, line.settings.bytes);
    case IO.TIOCGWINSZ:
      return answer(task, argument, pty.windowSize);
    case IO.TIOCSWINSZ:
      return task.call.start(
        withArgument(task, argument, WINSIZE_SIZE, (bytes) => {
          pty.setWindowSize(bytes);
          return 0;
        }),
      );
    case IO.TIOCGETD:
      return pty.writeInt(task, argument, 0);
    case IO.TIOCEXCL:
    case IO.TIOCNXCL:
      return 0;
    default:
      return null;
  }
}

function flow(task: VfsCaller, pty: Pty, action: number): number {
  const error = mayChange(task, pty);
  if (error < 0) return error;
  if (action === TCIOFF || action === TCION) {
    pty.line.sendRaw(pty.line.settings.character(action === TCIOFF ? IO.VSTOP : IO.VSTART));
    pty.moved();
    return 0;
  }
  if (action !== TCOOFF && action !== TCOON) return -EINVAL;
  pty.line.setStopped(action === TCOOFF);
  return 0;
}

function flush(task: VfsCaller, pty: Pty, queue: number): number {
  const error = mayChange(task, pty);
  if (error < 0) return error;
  if (queue < 0 || queue >= QUEUES) return -EINVAL;
  pty.flush(queue);
  return 0;
}

function unknown(task: VfsCaller): number {
  task.kernel.counters.unsupportedCalls++;
  return -ENOTTY;
}

export function slaveIoctl(task: VfsCaller, pty: Pty, request: number, argument: number): number {
  switch (request) {
    case IO.FIONREAD:
      return pty.writeInt(task, argument, pty.line.pending);
    case IO.TIOCOUTQ:
      return pty.writeInt(task, argument, pty.line.outputLength);
    case IO.TCFLSH:
      return flush(task, pty, argument);
    case IO.TCXONC:
      return flow(task, pty, argument);
    case IO.TCSBRK:
    case IO.TCSBRKP:
    case IO.TIOCSBRK:
    case IO.TIOCCBRK:
      return mayChange(task, pty);
    default:
      return (
        pty.sessionIoctl(task, request, argument) ??
        commonIoctl(task, pty, request, argument) ??
        unknown(task)
      );
  }
}

function openPeer(task: VfsCaller, pty: Pty, flags: number): number {
  const file = pty.open(flags);
  if (typeof file === "number") return file;
  const { kernel } = task;
  const mount = [...task.fs.namespace.mounts].find(
    ({ fs }) => fs.type === "devpts" && (fs as DevPts).ptys === pty.home,
  );
  const dentry = mount === undefined ? -EIO : kernel.dentries.lookup(mount.root, String(pty.number));
  if (typeof dentry === "number" || dentry.inode === null) {
    file.release();
    return -EIO;
  }
  // As if it had been opened by its name there.
  file.inode = dentry.inode;
  file.path = new Path(mount!, dentry);
  dentry.pin();
  return install(task, file, (flags & O_CLOEXEC) !== 0);
}

export function masterIoctl(task: VfsCaller, pty: Pty, request: number, argument: number): number {
  switch (request) {
    case IO.TIOCGPTN:
      return pty.writeInt(task, argument, pty.number);
    case IO.TIOCSPTLCK:
      return withInt(task, argument, (value) => {
        pty.locked = value !== 0;
      });
    case IO.TIOCGPTLCK:
      return pty.writeInt(task, argument, pty.locked ? 1 : 0);
    case IO.TIOCPKT:
      return withInt(task, argument, (value) => {
        pty.packetMode = value !== 0;
        pty.packetStatus = 0;
      });
    case IO.TIOCSIG:
      if (![SIGINT, SIGQUIT, SIGTSTP].includes(argument)) return -EINVAL;
      pty.signalForeground(argument);
      return 0;
    case IO.TIOCGPTPEER:
      return openPeer(task, pty, argument);
    case IO.FIONREAD:
      return pty.writeInt(task, argument, pty.line.outputLength);
    case IO.TIOCOUTQ:
      return pty.writeInt(task, argument, 0);
    case IO.TCFLSH:
      // Of the other end's queues: what is its output is this end's input.
      if (argument < 0 || argument >= QUEUES) return -EINVAL;
      pty.flush(argument === 2 ? 2 : 1 - argument);
      return 0;
    case IO.TCSBRK:
    case IO.TCSBRKP:
    case IO.TIOCSBRK:
    case IO.TIOCCBRK:
      return 0;
    case IO.TIOCSCTTY:
    case IO.TIOCNOTTY:
      return -EIO;
    default:
      return (
        pty.sessionIoctl(task, request, argument, true) ??
        commonIoctl(task, pty, request, argument) ??
        unknown(task)
      );
  }
}
