// What stands in a descriptor table for a socket that another kernel thread owns: calls on it are passed there, with
// everything that stands in their slot; what poll and its like ask is read from the readiness that the owner publishes
// (ring/readiness.ts), and waited for by asking it to tell.

import { EINVAL, ENODEV } from "../../shared/abi/errno.ts";
import { O_RDWR } from "../../shared/abi/fcntl.ts";
import type { Coroutine } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import { type WaitEntry, WaitQueue } from "../call/wait_queue.ts";
import type { Mapped } from "../mem/vma.ts";
import { ownerIoctl } from "../vfs/async_signals.ts";
import { OpenFile } from "../vfs/file.ts";
import type { Inode } from "../vfs/inode.ts";
import type { ProcessCaller } from "../vfs/processes.ts";
import type { Network } from "./network.ts";
import { CAN_READ } from "./socket.ts";

/** The file system of sockets, as /proc/PID/maps shows it. */
export const SOCKET_DEVICE = 8;

/** Whose calls are passed. */
export interface PassingCaller extends Caller {
  readonly files: { readonly id: number };
}

/** Memory that a socket shares with whoever maps it. */
export interface SharedRing {
  readonly fd: number;
  readonly size: number;
}

/** The kernel thread that owns sockets, as those who hold them know it. */
export interface SocketOwner {
  /** Passes the task's call; NO_RESULT. */
  pass(task: PassingCaller, socket: StandIn): number;
  /** Its O_* flags are others. */
  statusChanged(socket: StandIn): void;
  /** A descriptor names it no more. */
  forgetDescriptor(table: number, fd: number): void;
  /** The last holder is gone. */
  release(socket: StandIn): void;
  /** Events that hold now. */
  events(socket: number): number;
  /** Asks to be told of the next edge, by told(), unless that was asked already. */
  subscribe(socket: StandIn): void;
  /** Reads it into the slot of who calls, or writes it from there, without waiting: bytes, or a negative errno. */
  move(task: Caller, socket: StandIn, isWrite: boolean, offset: number, length: number): Coroutine;
  /** Asks for what is mapped of it, by takeRing(): 0 or a negative errno. */
  askRing(task: Caller, socket: StandIn): Coroutine;
  /** Whether there is something to read in such memory. */
  isReadable(ring: SharedRing): boolean;
  closeRing(ring: SharedRing): void;
  nextMappedId(): number;
  /** Another descriptor of the same memory, or a negative errno. */
  reopenRing(ring: SharedRing, isWritable: boolean): number;
}

/** Whoever joins it is to be told of what comes from now on. */
class AskingQueue extends WaitQueue {
  ask: () => void = () => {};

  override add(entry: WaitEntry): void {
    super.add(entry);
    this.ask();
  }

  override addLasting(entry: WaitEntry): void {
    super.addLasting(entry);
    this.ask();
  }
}

export class StandIn extends OpenFile {
  override readonly isStream = true;
  override readonly hasUrgentData = true;
  readonly #owner: SocketOwner;
  /** Its number there, and the network namespace that it is in. */
  readonly number: number;
  readonly network: Network;
  /** The owner is to tell of the next edge. */
  isSubscribed = false;
  /** The owner knows descriptors of it. */
  isRouted = false;
  /** Memory of it that was mapped; null: none. */
  #ring: SharedRing | null = null;
  /** It has no descriptor any more. */
  #hasEnded = false;
  /** Edges of each kind that have been seen. */
  readonly seen = [0, 0, 0];

  constructor(owner: SocketOwner, network: Network, number: number, inode: Inode, status: number) {
    const waiters = new AskingQueue();
    super(O_RDWR | status, waiters);
    waiters.ask = () => owner.subscribe(this);
    this.#owner = owner;
    this.number = number;
    this.network = network;
    this.inode = inode;
  }

  /** Serves a call on it: NO_RESULT. */
  pass(task: PassingCaller): number {
    return this.#owner.pass(task, this);
  }

  override get servesWholeCalls(): boolean {
    return true;
  }

  override readAtOnce(task: PassingCaller): number {
    return this.pass(task);
  }

  override writeAtOnce(task: PassingCaller): number {
    return this.pass(task);
  }

  override readCall(task: PassingCaller): number {
    return this.pass(task);
  }

  override writeCall(task: PassingCaller): number {
    return this.pass(task);
  }

  override readElsewhere(task: Caller, offset: number, length: number): Coroutine {
    return this.#owner.move(task, this, false, offset, length);
  }

  override writeElsewhere(task: Caller, offset: number, length: number): Coroutine {
    return this.#owner.move(task, this, true, offset, length);
  }

  override ioctl(task: ProcessCaller & PassingCaller, request: number, argument: number): number {
    return ownerIoctl(task, this, request, argument) ?? this.pass(task);
  }

  override poll(): number {
    const events = this.#owner.events(this.number);
    // Whoever reads there does so without a call, behind which its owner would publish what holds then.
    if (this.#ring === null) return events;
    return this.#owner.isReadable(this.#ring) ? events | CAN_READ : events & ~CAN_READ;
  }

  override *beforeMap(task: Caller, offset: number, length: number): Coroutine {
    const error = yield* this.#owner.askRing(task, this);
    if (error < 0) return error;
    return this.#ring !== null && offset === 0 && length === this.#ring.size ? 0 : -EINVAL;
  }

  /** The owner has given a descriptor of its ring, which may have been asked for in vain by now. */
  takeRing(ring: SharedRing): void {
    this.#dropRing();
    if (this.#hasEnded) this.#owner.closeRing(ring);
    else this.#ring = ring;
  }

  #dropRing(): void {
    if (this.#ring !== null) this.#owner.closeRing(this.#ring);
    this.#ring = null;
  }

  /** Its ring is given up: from now on what is received waits elsewhere. */
  ringGone(): void {
    this.#dropRing();
    this.waiters.wake(CAN_READ);
  }

  override map(isWritable: boolean): { backing: Mapped; hostFd: number; offset: number } | number {
    if (this.#ring === null) return -ENODEV;
    const hostFd = this.#owner.reopenRing(this.#ring, isWritable);
    if (hostFd < 0) return hostFd;
    const id = this.#owner.nextMappedId();
    return {
      backing: { id, path: this.describe(), dev: SOCKET_DEVICE, ino: this.inode!.ino },
      hostFd,
      offset: 0,
    };
  }

  override watch(): void {
    this.#owner.subscribe(this);
  }

  /** Something has come: these events, and so many edges of each kind by then. */
  told(events: number, input: number, output: number, ends: number): void {
    this.isSubscribed = false;
    this.seen[0] = input;
    this.seen[1] = output;
    this.seen[2] = ends;
    this.waiters.wake(events);
    if (!this.waiters.empty) this.#owner.subscribe(this);
  }

  override statusChanged(): void {
    this.#owner.statusChanged(this);
  }

  override descriptorGone(table: number, fd: number): void {
    if (this.isRouted) this.#owner.forgetDescriptor(table, fd);
  }

  override describe(): string {
    return `socket:[${this.inode!.ino}]`;
  }

  release(): void {
    this.#hasEnded = true;
    this.#dropRing();
    this.#owner.release(this);
  }
}
