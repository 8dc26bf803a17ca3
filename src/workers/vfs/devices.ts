// Character devices by number (makedev(3)): the sandbox's own implementations of the memory devices.
// Device nodes of an image lead here too; a number that is not known is ENXIO, as without a driver.

import { randomFillSync } from "node:crypto";
import { major, makedev, minor } from "../../shared/abi/device.ts";
import { EIO, ENOSPC, ENXIO } from "../../shared/abi/errno.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import type { Coroutine } from "../call/call.ts";
import { OperationList } from "../call/operation_list.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Mapped } from "../mem/vma.ts";
import type { VfsCaller } from "./caller.ts";
import type { VfsContext } from "./context.ts";
import { OpenFile, OWN_OFFSET } from "./file.ts";
import { holding } from "./file_table.ts";
import { displayName } from "./path.ts";
import { readRounds } from "./read_write.ts";
import { Segments } from "./segments.ts";
import type { Ptys } from "./tty/pty.ts";
import { openMaster, openSlave } from "./tty/pty_files.ts";

const ZERO_AT_ONCE = 1 << 20;

/** The controlling terminal of whoever opens it. */
const TTY = makedev(5, 0);
/** The terminal of process 1. */
const CONSOLE = makedev(5, 1);
const PTMX = makedev(5, 2);
const PTS_MAJOR = 136;

function openTerminal(ptys: Ptys, number: number, flags: number): OpenFile | number {
  const pty = ptys.get(number);
  return (pty === undefined ? ptys.lent.get(number)?.open(flags) : openSlave(pty, flags)) ?? -EIO;
}

/** What reading and writing one of the memory devices does. */
interface MemoryDevice {
  read(task: VfsCaller, at: number, length: number): number;
  write(length: number): number;
  /** Reading gives zeros and nothing else. */
  readonly zeros?: boolean;
  /** It can be mapped, as memory that begins as zeros. */
  readonly mapsZeros?: boolean;
}

/** As discard, of bytes that are looked at: where memory cannot be read they end. */
const absorb = (length: number) => length;
const discard = (length: number) => length;

function zeros(task: VfsCaller, at: number, length: number): number {
  task.call.bytes.fill(0, at, at + length);
  return length;
}

function randomBytes(task: VfsCaller, at: number, length: number): number {
  // crypto fills no shared memory: through a buffer of the thread's own.
  const bytes = task.kernel.random.subarray(0, length);
  randomFillSync(bytes);
  task.call.bytes.set(bytes, at);
  return length;
}

const DEVICES: ReadonlyMap<number, MemoryDevice> = new Map([
  [makedev(1, 3), { read: () => 0, write: discard }], // null
  [makedev(1, 5), { read: zeros, write: discard, zeros: true, mapsZeros: true }], // zero
  [makedev(1, 7), { read: zeros, write: () => -ENOSPC, zeros: true }], // full
  [makedev(1, 8), { read: randomBytes, write: absorb }], // random
  [makedev(1, 9), { read: randomBytes, write: absorb }], // urandom
]);

/** The stub zeroes the memory itself; where it meets a fault, the ordinary way finds its place. */
function* zeroMemory(task: VfsCaller, file: OpenFile, address: number, length: number): Coroutine {
  for (let done = 0; done < length; ) {
    if (done > 0 && task.interruptPending) return done;
    const part = Math.min(length - done, ZERO_AT_ONCE);
    const list = new OperationList(task.kernel.slots, task.call.slot);
    list.zero(address + done, part);
    if (yield* task.run(list)) done += part;
    else {
      const rest = new Segments();
      rest.add(address + done, length - done);
      const n = yield* readRounds(task, file, rest, OWN_OFFSET, false);
      return done > 0 ? done + Math.max(0, n) : n;
    }
  }
  return length;
}

class MemoryDeviceFile extends OpenFile {
  readonly isStream = false;
  readonly #device: MemoryDevice;

  constructor(device: MemoryDevice, flags: number) {
    super(flags);
    this.#device = device;
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    return this.#device.read(task, task.call.base + offset, length);
  }

  override write(_task: VfsCaller, _offset: number, length: number): number {
    return this.#device.write(length);
  }

  override get servesWholeCalls(): boolean {
    return true;
  }

  override readCall(task: VfsCaller, segments: Segments): number | null {
    const address = this.#device.zeros === true ? segments.nextAddress(segments.total) : -1;
    return address < 0
      ? null
      : task.call.start(holding(task, this, zeroMemory(task, this, address, segments.total)));
  }

  // What discards does not look at the memory.
  override writeCall(_task: VfsCaller, segments: Segments): number | null {
    return this.#device.write === discard ? segments.total : null;
  }

  override get zeros(): Mapped | null {
    const { inode, path } = this;
    if (this.#device.mapsZeros !== true || inode === null || path === null) return null;
    const attributes = inode.attributes();
    if (typeof attributes === "number") return null;
    const { kernel } = inode.fs;
    const { dev, ino } = attributes;
    return { id: kernel.nextMappedId(), path: displayName(path, kernel.root), dev, ino };
  }

  override pread(task: VfsCaller, offset: number, length: number): number {
    return this.read(task, offset, length);
  }

  override pwrite(task: VfsCaller, offset: number, length: number): number {
    return this.write(task, offset, length);
  }

  override seek(): number {
    return 0;
  }

  override get pollable(): boolean {
    return false;
  }

  poll(): number {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }

  release(): void {}
}

/** Whether there is a character device with that number. */
export function isDevice(rdev: number): boolean {
  return [TTY, CONSOLE, PTMX].includes(rdev) || major(rdev) === PTS_MAJOR || DEVICES.has(rdev);
}

/** An open file of the device with that number, or -ENXIO. `ptys`: the pseudo-terminals that numbers are of. */
export function openDevice(
  kernel: VfsContext,
  rdev: number,
  flags: number,
  credentials: Credentials,
  ptys: Ptys = kernel.ptys,
): OpenFile | number {
  if (rdev === TTY) return kernel.current?.group.session.terminal?.open(flags) ?? -ENXIO;
  if (rdev === CONSOLE)
    return (kernel.current ?? kernel).pids.group(1)?.session.terminal?.open(flags) ?? -EIO;
  if (rdev === PTMX) return openMaster(kernel, ptys, flags, credentials);
  if (major(rdev) === PTS_MAJOR) return openTerminal(ptys, minor(rdev), flags);
  const device = DEVICES.get(rdev);
  return device === undefined ? -ENXIO : new MemoryDeviceFile(device, flags);
}
