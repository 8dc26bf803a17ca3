// Host descriptors of files that were closed a moment ago. Programs open the same files again and again, compilers headers,
// and each program its libraries: who opens such a file anew has the descriptor that was left, and the host is not asked. They
// are for reading alone, and nobody's while they are here: each open file has one of its own.
//
// Left where it is, such a descriptor is a file that the host cannot give up, and in an overlay of the host's the lower file
// after the upper one was made: so it stays for no longer than attributes are believed, and goes with any change of the file.

import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";
import { Looks } from "../platform/looks.ts";
import { BELIEVED_NS } from "./attribute_cache.ts";

const IDLE_MAX = 128;

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
  /** The descriptor that was left, or -1. */
  idle: number;
}

interface Idle {
  readonly changeCount: number;
  readonly untilNs: number;
}

export class IdleFiles {
  readonly #kernel: IdleContext;
  readonly #max: number;
  /** The one that was left first, first. */
  readonly #left = new Map<IdleOwner, Idle>();
  readonly #looks: Looks;

  constructor(kernel: IdleContext, max = IDLE_MAX) {
    this.#kernel = kernel;
    this.#max = max;
    this.#looks = new Looks(kernel, BELIEVED_NS / 2, () => this.#closeOld());
  }

  get size(): number {
    return this.#left.size;
  }

  /** The descriptor that was left, the caller's from now on; -1: there is none. */
  take(owner: IdleOwner): number {
    const fd = owner.idle;
    if (fd < 0) return -1;
    const { changeCount, untilNs } = this.#left.get(owner)!;
    if (changeCount !== owner.changeCount || untilNs <= this.#kernel.nowNs) {
      this.drop(owner);
      return -1;
    }
    this.#left.delete(owner);
    owner.idle = -1;
    return fd;
  }

  /** Leaves a descriptor, which was the caller's. */
  leave(owner: IdleOwner, fd: number): void {
    if (owner.idle >= 0) {
      this.#kernel.native.close(fd);
      return;
    }
    for (const oldest of this.#left.keys()) {
      if (this.#left.size < this.#max) break;
      this.drop(oldest);
    }
    owner.idle = fd;
    this.#left.set(owner, {
      changeCount: owner.changeCount,
      untilNs: this.#kernel.nowNs + BELIEVED_NS,
    });
    this.#looks.begin();
  }

  /** The file is about to change. */
  drop(owner: IdleOwner): void {
    if (owner.idle < 0) return;
    this.#kernel.native.close(owner.idle);
    owner.idle = -1;
    this.#left.delete(owner);
  }

  /** Nobody sees a file system any more. */
  dropAllOf(fs: object): void {
    for (const owner of this.#left.keys()) if (owner.fs === fs) this.drop(owner);
  }

  /** The kernel has ended. */
  end(): void {
    for (const owner of this.#left.keys()) this.drop(owner);
  }

  #closeOld(): boolean {
    for (const [owner, { untilNs }] of this.#left) {
      if (untilNs > this.#kernel.nowNs) return true;
      this.drop(owner);
    }
    return false;
  }
}
