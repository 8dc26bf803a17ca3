// Host descriptors of files that were closed a moment ago. Programs open the same files again and again, compilers headers,
// and each program its libraries: who opens such a file anew has the descriptor that was left, and the host is not asked. They
// are for reading alone, and nobody's while they are here: each open file has one of its own.
//
// Left where it is, such a descriptor is a file that the host cannot give up, and in an overlay of the host's the lower file
// after the upper one was made: so it serves for no longer than attributes are believed, from when the host has opened it, and
// goes with any change of the file.

import { Looks } from "../call/looks.ts";
import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";
import { BELIEVED_NS } from "./attribute_cache.ts";
import { Order, type Ordered } from "./order.ts";

export interface IdleContext {
  readonly native: Native;
  readonly timers: Timers;
  readonly nowNs: number;
}

/** A file that may have one. */
export interface IdleOwner {
  readonly fs: object;
  /** How often it was changed, as far as is known. */
  readonly changeCount: number;
  /** What it has left, now or before; null: never anything. */
  idle: Idle | null;
}

/** Kept for as long as its file, so that nothing is made each time. */
export interface Idle extends Ordered<Idle> {
  readonly owner: IdleOwner;
  /** -1: there is none now. */
  fd: number;
  /** Of the file, and the time, when the host has opened it. */
  changeCount: number;
  openedNs: number;
}

export class IdleFiles {
  readonly #kernel: IdleContext;
  readonly #max: number;
  readonly #order = new Order<Idle>();
  #hasEnded = false;
  readonly #looks: Looks;

  constructor(kernel: IdleContext, max: number) {
    this.#kernel = kernel;
    this.#max = max;
    this.#looks = new Looks(kernel, BELIEVED_NS / 2, () => this.#closeOld());
  }

  get size(): number {
    return this.#order.size;
  }

  /** The descriptor that was left, the caller's from now on; -1: there is none. */
  take(owner: IdleOwner): number {
    const { idle } = owner;
    if (idle === null || idle.fd < 0) return -1;
    const { fd } = idle;
    this.#takeOut(idle);
    if (idle.changeCount === owner.changeCount && this.#isYoung(idle.openedNs)) return fd;
    this.#kernel.native.close(fd);
    return -1;
  }

  /** Leaves a descriptor, which was the caller's; the host has opened it at that time, when the file had changed so often. */
  leave(owner: IdleOwner, fd: number, changeCount: number, openedNs: number): void {
    owner.idle ??= { owner, fd: -1, changeCount: 0, openedNs: 0, older: null, newer: null };
    const { idle } = owner;
    const isOld = changeCount !== owner.changeCount || !this.#isYoung(openedNs);
    if (isOld || idle.fd >= 0 || this.#hasEnded) {
      this.#kernel.native.close(fd);
      return;
    }
    if (this.#order.size >= this.#max) this.#close(this.#order.oldest!);
    idle.fd = fd;
    idle.changeCount = changeCount;
    idle.openedNs = openedNs;
    this.#order.append(idle);
    this.#looks.begin();
  }

  /** The file is about to change. */
  drop({ idle }: IdleOwner): void {
    if (idle !== null && idle.fd >= 0) this.#close(idle);
  }

  /** Nobody sees a file system any more. */
  dropAllOf(fs: object): void {
    this.#closeThose(({ owner }) => owner.fs === fs);
  }

  /** The kernel has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#closeThose(() => true);
  }

  #closeThose(isMeant: (idle: Idle) => boolean): void {
    for (let idle = this.#order.oldest; idle !== null; ) {
      const { newer } = idle;
      if (isMeant(idle)) this.#close(idle);
      idle = newer;
    }
  }

  #close(idle: Idle): void {
    const { fd } = idle;
    this.#takeOut(idle);
    this.#kernel.native.close(fd);
  }

  #takeOut(idle: Idle): void {
    this.#order.takeOut(idle);
    idle.fd = -1;
  }

  #isYoung(openedNs: number): boolean {
    return this.#kernel.nowNs - openedNs < BELIEVED_NS;
  }

  #closeOld(): boolean {
    this.#closeThose(({ openedNs }) => !this.#isYoung(openedNs));
    return this.#order.oldest !== null;
  }
}
