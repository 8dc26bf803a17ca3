// Processes as what is done to files concerns them: job control, owners of files, who has a mapping or stands in a
// mount. A ThreadGroup is all of this.

import type { Caller } from "../call/caller.ts";
import type { CallContext } from "../call/context.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { FsState } from "./fs_state.ts";
import type { Session } from "./tty/session.ts";

/** A task of some process. */
export interface Member {
  /** It has no more use for files. */
  readonly dead: boolean;
  readonly fs: FsState;
  readonly group: Process;
  readonly stub: { readonly space: AddressSpace };
  send(info: SigInfo): void;
}

export interface Process {
  readonly pid: number;
  readonly processGroup: number;
  readonly session: Session;
  readonly parent: Process | null;
  readonly leader: Caller;
  readonly tasks: readonly Member[];
  readonly exiting: boolean;
  readonly state: "running" | "zombie" | "reaped";
  send(info: SigInfo): void;
}

/** The processes of a sandbox by their numbers. */
export interface Processes {
  group(pid: number): Process | undefined;
  groups(): IterableIterator<Process>;
  task(tid: number): Member | undefined;
}

export interface ProcessContext extends CallContext {
  readonly pids: Processes;
  current: ProcessCaller | null;
}

export interface ProcessCaller extends Caller {
  readonly kernel: ProcessContext;
  readonly group: Process;
  /** Whether it blocks, or its process ignores, a signal. */
  blocks(signo: number): boolean;
  ignores(signo: number): boolean;
}
