// Pipes and FIFOs (pipe(7), fifo(7)): the ends as open files, opening a FIFO, and the limits on what all
// pipes together may hold. The bytes are pipe_buffer.ts's.

import {
  EAGAIN,
  EBUSY,
  EINVAL,
  ENFILE,
  ENOMEM,
  ENXIO,
  EPERM,
  EPIPE,
  ERESTARTSYS,
} from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { FIONREAD } from "../../shared/abi/ioctl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import type { Counters } from "../counters.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { MemoryBudget } from "../memory_budget.ts";
import type { Sysctls } from "../sysctls.ts";
import type { AnonymousContext } from "./anonymous/anonymous_fs.ts";
import type { VfsCaller } from "./caller.ts";
import { NOT_AT_ONCE, OpenFile } from "./file.ts";
import type { FileCaller } from "./file_context.ts";
import type { Inode } from "./inode.ts";
import { PAGE, PipeBuffer } from "./pipe_buffer.ts";
import { waitOn } from "./wait.ts";

const DEFAULT_SLOTS = 16;
/** Of a pipe whose maker has too many already. */
const SHORT_SLOTS = 2;
/** What nobody may exceed here, whatever fs.pipe-max-size says: a pipe that grows is copied. */
const PIPE_SIZE_LIMIT = 16 << 20;
const PAGE_LIMITS = ["fs/pipe-user-pages-soft", "fs/pipe-user-pages-hard"] as const;
const CAN_READ = POLLIN | POLLRDNORM;
const CAN_WRITE = POLLOUT | POLLWRNORM;
/** What may be set of a pipe's end: the access mode is its own. */
const STATUS_FLAGS = F.O_ACCMODE | F.O_NONBLOCK | F.O_DIRECT;

/** What named pipes use of their kernel. */
export interface PipeContext extends AnonymousContext {
  readonly pipes: Pipes;
}

/** Who changes a pipe's size. */
type Resizer = { readonly credentials: Credentials; readonly kernel: { readonly users: UserNamespace } };

/** All pipes of a kernel: their pages are the Sentry's memory. */
export class Pipes {
  readonly #sysctls: Sysctls;
  readonly #counters: Counters;
  readonly #memory: MemoryBudget;
  readonly #fifos = new Map<string, Pipe>();
  /** User -> pages that the pipes they made may hold. */
  readonly #pages = new Map<number, number>();

  /** Named pipes that somebody has open, and users who have made pipes: for counters. */
  get size(): number {
    return this.#fifos.size + this.#pages.size;
  }

  constructor(sysctls: Sysctls, counters: Counters, memory: MemoryBudget) {
    this.#sysctls = sysctls;
    this.#counters = counters;
    this.#memory = memory;
  }

  /** Writes to a pipe: the bytes that it took, or -ENOMEM. */
  write(pipe: Pipe, source: Uint8Array, at: number, length: number, packets: boolean): number {
    const { buffer } = pipe;
    if (!buffer.mayGrow(length)) return buffer.write(source, at, length, packets);
    if (!this.#memory.hasRoom(2 * length)) return -ENOMEM;
    const before = buffer.held;
    const n = buffer.write(source, at, length, packets);
    this.#counters.pipePages += buffer.held - before;
    return n;
  }

  /** As write, straight from guest memory; odd bytes at the end are left to the rounds. */
  writeDirectly(pipe: Pipe, task: VfsCaller, address: number, length: number): number {
    const { buffer } = pipe;
    if (buffer.mayGrow(length) && !this.#memory.hasRoom(2 * length)) return -ENOMEM;
    const { native } = task.kernel;
    const { pid } = task.stub;
    const before = buffer.held;
    const end = buffer.runToMerge(length);
    let done = buffer.run;
    if (done > 0) {
      if (native.copyFrom(pid, address, buffer.memory, end, done) < done) return NOT_AT_ONCE;
      buffer.merged();
    }
    while (!buffer.full) {
      const at = buffer.runToFill(length - done);
      if (buffer.run === 0) break;
      const n = native.copyFrom(pid, address + done, buffer.memory, at, buffer.run);
      const whole = n > 0 ? n - (n % PAGE) : 0;
      const wanted = buffer.run;
      buffer.filled(whole);
      done += whole;
      if (whole < wanted) break;
    }
    this.#counters.pipePages += buffer.held - before;
    if (done > 0) return done;
    return buffer.full ? -EAGAIN : NOT_AT_ONCE;
  }

  /** Whether so many pages are too many for the user; 0 as a limit is none, and the mighty have none. */
  #isOver(
    name: "fs/pipe-user-pages-soft" | "fs/pipe-user-pages-hard",
    credentials: Credentials,
    users: UserNamespace,
    pages: number,
  ): boolean {
    const limit = this.#sysctls.get(name);
    if (limit === 0 || pages <= limit) return false;
    const { initial } = users;
    return !capable(credentials, initial, CAP_SYS_RESOURCE) && !capable(credentials, initial, CAP_SYS_ADMIN);
  }

  #account(user: number, pages: number): void {
    const sum = (this.#pages.get(user) ?? 0) + pages;
    if (sum === 0) this.#pages.delete(user);
    else this.#pages.set(user, sum);
  }

  /** A new pipe without ends, or -ENFILE. How many there may be is mostly a matter of open files. */
  create(credentials: Credentials, users: UserNamespace, fifo = ""): Pipe | number {
    const user = credentials.uid;
    const held = this.#pages.get(user) ?? 0;
    const isLong = !this.#isOver("fs/pipe-user-pages-soft", credentials, users, held + DEFAULT_SLOTS);
    const slots = isLong ? DEFAULT_SLOTS : SHORT_SLOTS;
    if (this.#isOver("fs/pipe-user-pages-hard", credentials, users, held + slots)) return -ENFILE;
    this.#account(user, slots);
    const pipe = new Pipe(this, slots, user, fifo);
    if (fifo !== "") this.#fifos.set(fifo, pipe);
    return pipe;
  }

  fifo(key: string): Pipe | undefined {
    return this.#fifos.get(key);
  }

  release(pipe: Pipe): void {
    this.#account(pipe.user, -pipe.buffer.slots);
    this.#counters.pipePages -= pipe.buffer.held;
    pipe.buffer.release();
    if (pipe.fifo !== "") this.#fifos.delete(pipe.fifo);
  }

  /** F_SETPIPE_SZ: the new size, or a negative errno. */
  resize({ credentials, kernel }: Resizer, pipe: Pipe, size: number): number {
    if (size < 0) return -EINVAL;
    const mayAny = capable(credentials, kernel.users.initial, CAP_SYS_RESOURCE);
    const allowed = mayAny ? PIPE_SIZE_LIMIT : this.#sysctls.get("fs/pipe-max-size");
    if (size > Math.min(allowed, PIPE_SIZE_LIMIT)) return -EPERM;
    const slots = size <= PAGE ? 1 : 2 ** Math.ceil(Math.log2(size / PAGE));
    const { buffer } = pipe;
    const more = slots - buffer.slots;
    const held = this.#pages.get(pipe.user) ?? 0;
    if (more > 0 && PAGE_LIMITS.some((name) => this.#isOver(name, credentials, kernel.users, held + more)))
      return -EPERM;
    if (slots < buffer.used) return -EBUSY;
    this.#account(pipe.user, more);
    const wasFull = buffer.full;
    buffer.resize(slots);
    if (wasFull && !buffer.full) pipe.waiters.wake(CAN_WRITE);
    return slots * PAGE;
  }
}

class Pipe {
  readonly owner: Pipes;
  readonly buffer: PipeBuffer;
  /** Who made it: its pages count as this user's. */
  readonly user: number;
  /** Names the FIFO that it belongs to; "" for a pipe. */
  readonly fifo: string;
  readonly waiters = new WaitQueue();
  /** Opens of a FIFO that wait for the other end. */
  readonly partners = new WaitQueue();
  readers = 0;
  writers = 0;
  /** How often it was opened for reading, for writing. */
  readerOpens = 0;
  writerOpens = 0;
  /** Who has read last: only that read's bytes can come back. */
  lastReader: Caller | null = null;
  /** Sides of it (POLLIN, POLLOUT) that somebody alone uses over many turns, and those that others have wanted meanwhile. */
  held = 0;
  #wanted = 0;

  constructor(owner: Pipes, slots: number, user: number, fifo: string) {
    this.owner = owner;
    this.user = user;
    this.buffer = new PipeBuffer(slots);
    this.fifo = fifo;
  }

  /** Whether who comes to that side has to wait; who holds it is not asked. */
  keepsOut(side: number): boolean {
    if ((this.held & side) === 0) return false;
    this.#wanted |= side;
    return true;
  }

  hold(side: number): void {
    this.held |= side;
  }

  letGo(side: number): void {
    this.held &= ~side;
    if ((this.#wanted & side) === 0) return;
    this.#wanted &= ~side;
    this.waiters.wake(side === POLLIN ? CAN_READ : CAN_WRITE);
  }
}

export class PipeFile extends OpenFile {
  readonly isStream = true;
  readonly pipe: Pipe;
  /** Writers that had come before this reader opened without any: until another comes, there is no hang-up. */
  readonly #writersBefore: number;

  constructor(pipe: Pipe, inode: Inode, flags: number) {
    super(flags, pipe.waiters);
    this.pipe = pipe;
    this.inode = inode;
    if (this.readable) {
      pipe.readers++;
      pipe.readerOpens++;
    }
    if (this.writable) {
      pipe.writers++;
      pipe.writerOpens++;
    }
    this.#writersBefore = pipe.fifo !== "" && pipe.writers === 0 ? pipe.writerOpens : -1;
    pipe.partners.wake(POLLIN);
  }

  override read(task: Caller, offset: number, length: number): number {
    const { pipe } = this;
    const { buffer } = pipe;
    if (pipe.held !== 0 && pipe.keepsOut(POLLIN)) return -EAGAIN;
    if (buffer.empty) return pipe.writers === 0 ? 0 : -EAGAIN;
    const wasFull = buffer.full;
    const n = buffer.read(task.call.bytes, task.call.base + offset, length);
    pipe.lastReader = task;
    if (wasFull && !buffer.full) pipe.waiters.wake(CAN_WRITE);
    return n;
  }

  override readLimit(length: number): number {
    const { bytes } = this.pipe.buffer;
    return bytes === 0 ? length : Math.min(length, bytes);
  }

  override readDirectly(task: VfsCaller, address: number, length: number): number {
    const { pipe } = this;
    const { buffer } = pipe;
    if (pipe.held !== 0 && pipe.keepsOut(POLLIN)) return -EAGAIN;
    if (buffer.empty) return pipe.writers === 0 ? 0 : -EAGAIN;
    const wasFull = buffer.full;
    let done = 0;
    while (done < length && !buffer.empty) {
      const at = buffer.runToRead(length - done);
      const { run } = buffer;
      // A page is let go of only when all of it has arrived: what is odd, or faults, is left to the rounds.
      if (
        run < PAGE ||
        task.kernel.native.copyTo(task.stub.pid, address + done, buffer.memory, at, run) < run
      )
        break;
      buffer.skip(run);
      done += run;
    }
    if (done === 0) return NOT_AT_ONCE;
    pipe.lastReader = null;
    if (wasFull && !buffer.full) pipe.waiters.wake(CAN_WRITE);
    return done;
  }

  override writeDirectly(task: VfsCaller, address: number, length: number): number {
    const { pipe } = this;
    if (pipe.readers === 0) return -EPIPE;
    if (pipe.held !== 0 && pipe.keepsOut(POLLOUT)) return -EAGAIN;
    if ((this.flags & F.O_DIRECT) !== 0) return NOT_AT_ONCE;
    const n = pipe.owner.writeDirectly(pipe, task, address, length);
    if (n > 0) pipe.waiters.wake(CAN_READ);
    return n;
  }

  /** As read, but what is read stays in the pipe. */
  peek(task: Caller, offset: number, length: number): number {
    const { pipe } = this;
    const { buffer, writers } = pipe;
    if (pipe.held !== 0 && pipe.keepsOut(POLLIN)) return -EAGAIN;
    if (buffer.empty) return writers === 0 ? 0 : -EAGAIN;
    return buffer.peek(task.call.bytes, task.call.base + offset, length);
  }

  /** Takes what was looked at out of the pipe. */
  skip(length: number): void {
    const { pipe } = this;
    const wasFull = pipe.buffer.full;
    pipe.buffer.skip(length);
    pipe.lastReader = null;
    if (wasFull && !pipe.buffer.full) pipe.waiters.wake(CAN_WRITE);
  }

  override write(task: Caller, offset: number, length: number): number {
    const { pipe } = this;
    if (pipe.readers === 0) return -EPIPE;
    if (pipe.held !== 0 && pipe.keepsOut(POLLOUT)) return -EAGAIN;
    const packets = (this.flags & F.O_DIRECT) !== 0;
    const n = pipe.owner.write(pipe, task.call.bytes, task.call.base + offset, length, packets);
    if (n <= 0) return n === 0 ? -EAGAIN : n;
    pipe.waiters.wake(CAN_READ);
    return n;
  }

  // The pipe's own bytes come back, never those of the window, which the guest may have changed.
  override undelivered(task: Caller, _offset: number, _length: number, delivered: number): number {
    const { pipe } = this;
    if (pipe.lastReader !== task) return delivered; // somebody has read since: they are lost
    pipe.lastReader = null;
    const kept = pipe.buffer.putBack(delivered);
    pipe.waiters.wake(CAN_READ);
    return kept;
  }

  poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.readable) {
      if (!pipe.buffer.empty) events |= CAN_READ;
      if (pipe.writers === 0 && pipe.writerOpens !== this.#writersBefore) events |= POLLHUP;
    }
    if (this.writable) {
      if (!pipe.buffer.full) events |= CAN_WRITE;
      if (pipe.readers === 0) events |= POLLERR;
    }
    return events;
  }

  override ioctl(task: Caller, request: number, argument: number): number {
    if (request !== FIONREAD) return super.ioctl(task, request, argument);
    task.call.view.setInt32(task.call.out(argument, 4), this.pipe.buffer.bytes, true);
    return 0;
  }

  override fcntl(task: Caller, command: number, value: number, argument: number): number {
    if (command === F.F_GETPIPE_SZ) return this.pipe.buffer.slots * PAGE;
    if (command === F.F_SETPIPE_SZ) return this.pipe.owner.resize(task, this.pipe, value);
    return super.fcntl(task, command, value, argument);
  }

  override reopen(flags: number): OpenFile | number {
    if ((flags & F.O_ACCMODE) === F.O_ACCMODE) return -EINVAL;
    return new PipeFile(this.pipe, this.inode!, flags & STATUS_FLAGS);
  }

  override describe(): string {
    return `pipe:[${this.inode!.ino}]`;
  }

  override opening(task: FileCaller): Coroutine | null {
    const { pipe } = this;
    if (pipe.fifo === "") return null;
    if (this.readable && this.writable) return null;
    const alone = this.readable ? pipe.writers === 0 : pipe.readers === 0;
    return alone && (this.flags & F.O_NONBLOCK) === 0 ? this.#waitForPartner(task) : null;
  }

  // Any open of the other end will do, even if it is closed again by the time this task looks.
  *#waitForPartner(task: FileCaller): Coroutine {
    const { pipe } = this;
    const opens = () => (this.readable ? pipe.writerOpens : pipe.readerOpens);
    const before = opens();
    while (opens() === before) if (yield* waitOn(task, pipe.partners, POLLIN)) return -ERESTARTSYS;
    return 0;
  }

  release(): void {
    const { pipe } = this;
    if (this.readable) pipe.readers--;
    if (this.writable) pipe.writers--;
    if (pipe.readers === 0 && pipe.writers === 0) pipe.owner.release(pipe);
    else if (pipe.readers === 0) pipe.waiters.wake(CAN_WRITE | POLLERR);
    else if (pipe.writers === 0) pipe.waiters.wake(CAN_READ | POLLHUP);
  }
}

/** Opens a FIFO of any file system; file systems call it from Inode.open. */
export function openFifo(
  kernel: PipeContext,
  inode: Inode,
  flags: number,
  credentials: Credentials,
): OpenFile | number {
  const access = flags & F.O_ACCMODE;
  if (access === F.O_ACCMODE) return -EINVAL;
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes;
  const key = `${attributes.dev}:${attributes.ino}`;
  const pipe = kernel.pipes.fifo(key) ?? kernel.pipes.create(credentials, kernel.users, key);
  if (typeof pipe === "number") return pipe;
  if (access === F.O_WRONLY && (flags & F.O_NONBLOCK) !== 0 && pipe.readers === 0) {
    if (pipe.writers === 0) kernel.pipes.release(pipe);
    return -ENXIO;
  }
  return new PipeFile(pipe, inode, flags);
}
