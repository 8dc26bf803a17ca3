// The open files of a pseudo-terminal's two ends.

import { EAGAIN, EIO } from "../../../shared/abi/errno.ts";
import { O_NOCTTY, O_NONBLOCK } from "../../../shared/abi/fcntl.ts";
import * as IO from "../../../shared/abi/ioctl.ts";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from "../../../shared/abi/poll.ts";
import type { Timer } from "../../call/timers.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import type { UserNamespace } from "../../credentials/user_namespace.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import { OpenFile } from "../file.ts";
import { mayChange, mayRead } from "./job_control.ts";
import { PACKET_DATA, type Pty, type Ptys, type SlaveEnd } from "./pty.ts";
import { masterIoctl, slaveIoctl } from "./pty_ioctl.ts";

/** As devpts is mounted by default: terminals belong to the group tty. */
export const GID_TTY = 5;

/** The group of a terminal that somebody opens: that of terminals, if there is one (mount option gid= of devpts). */
export function terminalGroup({ gids }: UserNamespace, { fsgid }: Credentials): number {
  return gids.has(GID_TTY) ? GID_TTY : fsgid;
}
const DECISECOND_NS = 1e8;
const [CAN_READ, CAN_WRITE] = [POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM];

function readBytes(task: VfsCaller, offset: number, length: number): Uint8Array {
  return task.call.bytes.slice(task.call.base + offset, task.call.base + offset + length);
}

class PtyMasterFile extends OpenFile {
  readonly isStream = true;
  readonly pty: Pty;

  constructor(pty: Pty, flags: number) {
    super(flags, pty.masterWaiters);
    this.pty = pty;
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    const { pty } = this;
    const at = task.call.base + offset;
    if (pty.packetMode) {
      if (pty.packetStatus !== 0) {
        task.call.bytes[at] = pty.packetStatus;
        pty.packetStatus = 0;
        return 1;
      }
      const n = this.#read(task, at + 1, length - 1);
      if (n > 0) task.call.bytes[at] = PACKET_DATA;
      return n > 0 ? n + 1 : n;
    }
    return this.#read(task, at, length);
  }

  #read(task: VfsCaller, at: number, length: number): number {
    const { pty } = this;
    if (pty.line.outputLength === 0) return pty.slaveLeft ? -EIO : -EAGAIN;
    const bytes = pty.line.takeOutput(length);
    task.call.bytes.set(bytes, at);
    pty.moved();
    return bytes.length;
  }

  override undelivered(task: VfsCaller, offset: number, length: number, delivered: number): number {
    const skip = this.pty.packetMode ? 1 : 0;
    const bytes = readBytes(task, offset + skip, length - skip);
    this.pty.line.untakeOutput([...bytes]);
    return Math.min(delivered, 0);
  }

  override write(task: VfsCaller, offset: number, length: number): number {
    const { pty } = this;
    const room = Math.min(length, pty.line.inputRoom);
    if (room === 0) return -EAGAIN;
    pty.line.input(readBytes(task, offset, room));
    pty.moved();
    return room;
  }

  poll(): number {
    const { pty } = this;
    const readable = pty.line.outputLength > 0 || pty.packetStatus !== 0 ? CAN_READ : 0;
    const writable = pty.line.inputRoom > 0 ? CAN_WRITE : 0;
    const urgent = pty.packetStatus !== 0 ? POLLPRI : 0;
    return readable | writable | urgent | (pty.slaveLeft ? POLLHUP : 0);
  }

  override ioctl(task: VfsCaller, request: number, argument: number): number {
    return masterIoctl(task, this.pty, request, argument);
  }

  release(): void {
    this.pty.closeMaster();
  }
}

class PtySlaveFile extends OpenFile implements SlaveEnd {
  readonly isStream = true;
  readonly pty: Pty;
  #hungUp = false;
  /** VTIME: a read that waits for it, and whether it has passed. */
  #timer: Timer | null = null;
  #timedFor = -1;
  #timedOut = false;
  #timedWith = -1;

  constructor(pty: Pty, flags: number) {
    super(flags, pty.slaveWaiters);
    this.pty = pty;
    pty.slaves.add(this);
    pty.slaveLeft = false;
  }

  hangUp(): void {
    this.#hungUp = true;
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    if (this.#hungUp) return 0;
    const refused = mayRead(task, this.pty);
    if (refused < 0) return refused;
    if (!this.#mayTake(task, length)) return -EAGAIN;
    this.#stopTimer();
    const bytes = this.pty.line.take(length);
    task.call.bytes.set(bytes, task.call.base + offset);
    this.pty.moved();
    return bytes.length;
  }

  /** Whether a read is over by now (termios(3), canonical mode, MIN and TIME). */
  #mayTake(task: VfsCaller, length: number): boolean {
    const { line } = this.pty;
    const { settings } = line;
    if (settings.local(IO.ICANON)) return line.available >= 0;
    const { min, time } = settings;
    const available = Math.max(line.available, 0);
    if (available >= Math.max(1, Math.min(min, length))) return true;
    if (available > 0 && (this.flags & O_NONBLOCK) !== 0) return true;
    if (time === 0) return min === 0;
    // With MIN the time runs between bytes, without it from the start of the read.
    if (min > 0 && available === 0) return false;
    return this.#timeIsUp(task, time, available, min > 0);
  }

  #timeIsUp(task: VfsCaller, time: number, available: number, restarts: boolean): boolean {
    if (this.#timedFor !== task.call.sequence) this.#stopTimer();
    if (this.#timedOut) return true;
    if (this.#timer !== null && (!restarts || this.#timedWith === available)) return false;
    this.#stopTimer();
    this.#timedFor = task.call.sequence;
    this.#timedWith = available;
    const { timers, native } = this.pty.kernel;
    this.#timer = timers.add(native.monotonicNs() + time * DECISECOND_NS, () => {
      this.#timer = null;
      this.#timedOut = true;
      this.waiters.wake(POLLIN);
    });
    return false;
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.pty.kernel.timers.cancel(this.#timer);
    this.#timer = null;
    this.#timedOut = false;
    this.#timedFor = -1;
  }

  override undelivered(task: VfsCaller, offset: number, length: number, delivered: number): number {
    this.pty.line.untake([...readBytes(task, offset, length)]);
    return Math.min(delivered, 0);
  }

  override write(task: VfsCaller, offset: number, length: number): number {
    const { pty } = this;
    if (this.#hungUp || !pty.masterOpen) return -EIO;
    const refused = pty.line.settings.local(IO.TOSTOP) ? mayChange(task, pty) : 0;
    if (refused < 0) return refused;
    const n = pty.line.write(readBytes(task, offset, length));
    if (n === 0) return -EAGAIN;
    pty.moved();
    return n;
  }

  poll(): number {
    if (this.#hungUp) return CAN_READ | CAN_WRITE | POLLERR | POLLHUP;
    const { line } = this.pty;
    const { settings } = line;
    const wanted = settings.local(IO.ICANON) || settings.time > 0 ? 0 : Math.max(1, settings.min);
    const readable = line.available >= wanted ? CAN_READ : 0;
    return readable | (line.outputRoom > 0 ? CAN_WRITE : 0);
  }

  override ioctl(task: VfsCaller, request: number, argument: number): number {
    return this.#hungUp ? -EIO : slaveIoctl(task, this.pty, request, argument);
  }

  release(): void {
    this.#stopTimer();
    const { pty } = this;
    if (!pty.slaves.delete(this) || pty.slaves.size > 0) return;
    pty.slaveLeft = true;
    pty.masterWaiters.wake(POLLHUP | POLLIN);
  }
}

/** Opens /dev/ptmx, of which `ptys` are the pairs. */
export function openMaster(
  kernel: VfsContext,
  ptys: Ptys,
  flags: number,
  credentials: Credentials,
): OpenFile | number {
  const pty = ptys.make({ uid: credentials.fsuid, gid: terminalGroup(kernel.users, credentials) }, openSlave);
  return typeof pty === "number" ? pty : new PtyMasterFile(pty, flags);
}

/** Opens /dev/pts/N: a session leader without a terminal gets it as its own, unless O_NOCTTY. */
export function openSlave(pty: Pty, flags: number): OpenFile | number {
  if (pty.locked || !pty.masterOpen) return -EIO;
  const group = pty.kernel.current?.group;
  const isFree = pty.session === null && group?.session.terminal === null;
  if (group !== undefined && isFree && group.session.id === group.id && (flags & O_NOCTTY) === 0)
    pty.attach(group.session, group.processGroup);
  return new PtySlaveFile(pty, flags);
}
