// The platform: how guest threads run on the host, and how they are reached. One interface over slots, whatever
// catches a guest's system calls and faults: it ends in a slot, as a request with the thread's registers in the
// slot's frame, and a reply in that slot lets the thread go on. What is common stands elsewhere: forking and adding
// a thread are operations that a stub runs (operation_list.ts), whose new host tasks name themselves (births.ts);
// the seccomp filter's notifications are the bookkeeping's (stubs.ts).

import type { ResourceUse } from "./resource_use.ts";

export interface Introduction {
  /** Address of the host's vDSO in every stub, or 0. */
  readonly hostVdso: number;
  /** The listener of the stubs' filter. */
  readonly listener: number;
}

export interface Platform {
  /** The process that all stubs are copies of: it may run wherever the sandbox may. */
  readonly zygotePid: number;
  /** Threads of this process that guests wait for, beside the kernel threads. */
  readonly threads: readonly number[];
  /** A call that traps goes through one of those threads. */
  readonly handsOver: boolean;
  /** Hands the kernel page and the doorbells to the zygote. Throws: there is no sandbox without. */
  introduce(kernelPage: number, doorbells: readonly number[]): Introduction;
  /** Starts of stub processes, and their ends, that are not told yet. */
  readonly asked: number;
  /**
   * Starts a stub process, whose first thread names this token. `name`: what the host's ps shows, as the guest's program is
   * called (prctl(2), PR_SET_NAME). `groups`: host descriptors of files of the control groups that it is put in, as all that
   * it forks; what refuses it (a group that goes) leaves it where it was. They are good for as long as `isWanted` says so.
   * `started` is told its host pid or a negative errno, after its first thread has named itself or before; or a negative errno
   * is returned, and nobody is told.
   */
  start(
    low: number,
    high: number,
    name: string,
    groups: readonly number[],
    isWanted: () => boolean,
    started: (pid: number) => void,
  ): number;
  /** Has a thread enter its stub soon, wherever its guest code is; it posts INTERRUPTED. */
  interrupt(pid: number, tid: number): void;
  /** Ends a stub process. */
  kill(pidfd: number): void;
  /** The same, of one whose descriptor is not there: it was not reaped, so that the number is its own. */
  killByNumber(pid: number): void;
  /** The kernel has ended: there are no stub processes, and no new ones. */
  close(): void;
  /** A stub process has ended: forgets it, and then tells what it has used. Until then nobody else has its number. */
  reap(pid: number, reaped: (use: ResourceUse) => void): void;
}
